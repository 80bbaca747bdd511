//! What a user may set of the estimator, and Hyperopt's preset.

use crate::error::Result;
use crate::samplers::options::{Entry, Given, Kind, Setting, Value};

/// How the number of good trials follows from `gamma`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// `ceil(gamma * n)`, n being the finished trials: the share that `gamma` says.
    Finished,
    /// `ceil(gamma * sqrt(n))`, n being all trials: Hyperopt's.
    RootOfAll,
}

/// How a search starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Startup {
    /// With draws from the prior.
    Random,
    /// With a scrambled Halton sequence.
    Halton,
}

/// Settings of the estimator; the defaults are those of `tpe.suggest`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Weight of the prior's kernel, relative to an observation.
    pub prior_weight: f64,
    /// With fewer trials than this, suggestions are what `startup` says.
    pub n_startup_jobs: usize,
    /// Candidates that the suggestion is chosen from (`n_EI_candidates` to users).
    pub n_candidates: usize,
    /// How many trials count as good, see [`Share`].
    pub gamma: f64,
    /// Product kernels over the parameters that are active together, instead of one mixture per
    /// parameter. `gp_share` and `avoid_duplicates` are for these.
    pub multivariate: bool,
    /// Share of the suggestions that a Gaussian process takes part in, 0 to 1.
    pub gp_share: f64,
    /// Whether a point that was tried before is suggested only where no other is found.
    pub avoid_duplicates: bool,
    /// How the search starts.
    pub startup: Startup,
    /// What `gamma` is a share of.
    pub share: Share,
    /// Whether `n_startup_jobs` counts running and failed trials too, as in Hyperopt, or only those
    /// with a loss.
    pub starts_by_all: bool,
    /// At most this many trials count as good.
    pub max_good: usize,
}

/// The settings of `tpe.suggest`.
const DEFAULT: Settings = Settings {
    prior_weight: 0.3,
    n_startup_jobs: 8,
    n_candidates: 16,
    gamma: 0.1,
    multivariate: true,
    gp_share: 0.75,
    avoid_duplicates: true,
    startup: Startup::Random,
    share: Share::Finished,
    starts_by_all: false,
    max_good: 25,
};

/// Those of `tpe.hyperopt_suggest`.
const HYPEROPT: Settings = Settings {
    prior_weight: 1.0,
    n_startup_jobs: 20,
    n_candidates: 24,
    gamma: 0.25,
    multivariate: false,
    gp_share: 0.0,
    avoid_duplicates: false,
    startup: Startup::Random,
    share: Share::RootOfAll,
    starts_by_all: true,
    max_good: 25,
};

/// The settings that are Hyperopt's as well, with the values of `of` as defaults.
const fn shared(of: &Settings) -> [Setting; 4] {
    [
        Setting {
            name: "prior_weight",
            kind: Kind::Positive(of.prior_weight),
            doc: "Weight of the prior, relative to an observation.",
        },
        Setting {
            name: "n_startup_jobs",
            kind: Kind::Count {
                default: of.n_startup_jobs,
                least: 0,
            },
            doc: if of.starts_by_all {
                "Suggestions are random while there are fewer trials than this, in any state."
            } else {
                "Suggestions are what `startup` says while fewer trials than this have a loss."
            },
        },
        Setting {
            name: "n_EI_candidates",
            kind: Kind::Count {
                default: of.n_candidates,
                least: 1,
            },
            doc: "Number of candidates that the suggestion is chosen from.",
        },
        Setting {
            name: "gamma",
            kind: Kind::Positive(of.gamma),
            doc: match of.share {
                Share::Finished => {
                    "Share of the finished trials that count as good, at most 25 of them."
                }
                Share::RootOfAll => {
                    "The best min(ceil(gamma * sqrt(n)), 25) of n trials count as good."
                }
            },
        },
    ]
}

/// All settings of `tpe.suggest`, with the values of `of` as defaults.
const fn options(of: &Settings) -> [Setting; 8] {
    let [prior_weight, n_startup_jobs, n_candidates, gamma] = shared(of);
    [
        prior_weight,
        n_startup_jobs,
        n_candidates,
        gamma,
        Setting {
            name: "multivariate",
            kind: Kind::Flag(of.multivariate),
            doc: "Whether kernels are products over the parameters that are active together.",
        },
        Setting {
            name: "gp_share",
            kind: Kind::Number {
                default: of.gp_share,
                low: 0.0,
                high: 1.0,
            },
            doc: "Share of the suggestions that a Gaussian process takes part in.",
        },
        Setting {
            name: "avoid_duplicates",
            kind: Kind::Flag(of.avoid_duplicates),
            doc: "Whether a point that was tried before is suggested only where no other is found.",
        },
        Setting {
            name: "startup",
            kind: Kind::Name {
                default: match of.startup {
                    Startup::Random => RANDOM,
                    Startup::Halton => HALTON,
                },
                names: &[RANDOM, HALTON],
            },
            doc: "Whether the search starts with random points or with a Halton sequence.",
        },
    ]
}

const RANDOM: &str = "random";
const HALTON: &str = "halton";

/// A sampler named `tpe`.
pub(crate) const ENTRY: Entry = Entry {
    name: "tpe",
    options: &options(&DEFAULT),
    make: |given| Box::new(read(given, DEFAULT)),
};

/// A sampler named `hyperopt`.
pub(crate) const HYPEROPT_ENTRY: Entry = Entry {
    name: "hyperopt",
    options: &shared(&HYPEROPT),
    make: |given| Box::new(read(given, HYPEROPT)),
};

/// What was given, and what `other` has for the rest.
fn read(given: &Given<'_>, other: Settings) -> Settings {
    Settings {
        prior_weight: given.number("prior_weight", other.prior_weight),
        n_startup_jobs: given.count("n_startup_jobs", other.n_startup_jobs),
        n_candidates: given.count("n_EI_candidates", other.n_candidates),
        gamma: given.number("gamma", other.gamma),
        multivariate: given.flag("multivariate", other.multivariate),
        gp_share: given.number("gp_share", other.gp_share),
        avoid_duplicates: given.flag("avoid_duplicates", other.avoid_duplicates),
        startup: if given.is("startup", HALTON) {
            Startup::Halton
        } else {
            Startup::Random
        },
        ..other
    }
}

impl Default for Settings {
    fn default() -> Self {
        DEFAULT
    }
}

impl Settings {
    /// Hyperopt's estimator, setting for setting.
    #[must_use]
    pub fn hyperopt() -> Self {
        HYPEROPT
    }

    /// How the trials are split.
    pub(crate) fn rule(&self) -> Rule {
        Rule {
            share: self.share,
            gamma: self.gamma,
            max_good: self.max_good,
        }
    }

    pub(crate) fn in_range(&self) -> Result<()> {
        // With these values as defaults, all defaults must be in range.
        let check = |option: &Setting| match option.kind {
            Kind::Flag(_) | Kind::Name { .. } => Ok(()),
            Kind::Positive(_) | Kind::Number { .. } | Kind::Count { .. } => {
                option.check(&option.default())
            }
        };
        options(self).iter().try_for_each(check)?;
        let max_good = Setting {
            name: "max_good",
            kind: Kind::Count {
                default: DEFAULT.max_good,
                least: 1,
            },
            doc: "",
        };
        max_good.check(&Value::Number(self.max_good as f64))
    }
}

/// How the trials are split into good ones and the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rule {
    pub(crate) share: Share,
    pub(crate) gamma: f64,
    pub(crate) max_good: usize,
}

impl Rule {
    /// How many of `trials` count as good, where `finished` of them have a loss.
    pub(crate) fn n_good(&self, trials: usize, finished: usize) -> usize {
        let count = match self.share {
            Share::Finished => self.gamma * finished as f64,
            Share::RootOfAll => self.gamma * (trials as f64).sqrt(),
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let count = count.ceil().min(self.max_good as f64) as usize;
        count.min(trials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_is_the_share_that_it_says() {
        let rule = Settings::default().rule();
        for (finished, good) in [
            (0, 0),
            (1, 1),
            (10, 1),
            (11, 2),
            (200, 20),
            (251, 25),
            (9_999, 25),
        ] {
            assert_eq!(rule.n_good(finished + 3, finished), good, "{finished}");
        }
        let half = Rule { gamma: 0.5, ..rule };
        assert_eq!(half.n_good(40, 30), 15);
        let all = Rule { gamma: 2.0, ..rule };
        assert_eq!(all.n_good(7, 7), 7);
    }

    #[test]
    fn hyperopts_rule_is_its_formula() {
        let rule = Settings::hyperopt().rule();
        for (trials, good) in [(1, 1), (16, 1), (17, 2), (400, 5), (1_000_000, 25)] {
            assert_eq!(rule.n_good(trials, 0), good, "{trials}");
        }
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let default = Settings::default();
        let refused = |settings: Settings| settings.in_range().is_err();
        assert!(!refused(default) && !refused(Settings::hyperopt()));
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(refused(Settings {
                gamma: bad,
                ..default
            }));
            assert!(refused(Settings {
                prior_weight: bad,
                ..default
            }));
        }
        assert!(refused(Settings {
            gp_share: 1.1,
            ..default
        }));
        assert!(refused(Settings {
            n_candidates: 0,
            ..default
        }));
        assert!(refused(Settings {
            max_good: 0,
            ..default
        }));
    }
}
