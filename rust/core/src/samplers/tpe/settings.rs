//! What a user may set of the estimator.

use std::str::FromStr;

use crate::error::{Error, Result};

/// How many of the trials count as good.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Share {
    /// `ceil(gamma * sqrt(n))`, n being all trials: Hyperopt's.
    Sqrt,
    /// `ceil(0.4 * gamma * n)`, n being the finished trials: a tenth of them for `gamma` 0.25, as
    /// Optuna has it.
    Linear,
}

/// What an observation weighs among the good ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// Newer ones more, beyond 25 of them: Hyperopt's linear forgetting.
    Age,
    /// Better ones more, by the logarithm of the rank: the weights by which CMA-ES recombines.
    Rank,
    /// All the same.
    Uniform,
    /// In proportion to the improvement over the rest (Watanabe's "EI").
    Improvement,
}

/// How wide the kernels of the good trials are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bandwidth {
    /// By their number alone.
    Fixed,
    /// By their spread as well (Scott's rule), but no less than [`Floor`] says.
    Scott,
    /// Each by the larger distance to its two neighbours, parameter by parameter, the prior's
    /// location among them; no less than [`Floor`] says, and no more than the prior's. Hyperopt's
    /// rule, for product kernels.
    Neighbours,
}

/// Where the best candidate is the start of a local search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalSearch {
    /// Where the Gaussian process has a say: for more improvement that it expects.
    Process,
    /// There, and elsewhere for a larger ratio of densities.
    Always,
    /// Nowhere: the suggestion is the best candidate.
    Never,
}

/// The smallest bandwidth of the good trials' kernels, where their places set it: "magic clip".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// As a part of the prior's width, however many there are.
    pub part: f64,
    /// With `n` of them, at least the part `(n + 2) ^ -exponent` of it.
    pub exponent: f64,
}

impl Floor {
    /// The floor for `n` kernels on an axis of that width.
    pub(crate) fn of(self, width: f64, n: usize) -> f64 {
        width / libm::pow(n as f64 + 2.0, self.exponent).min(1.0 / self.part)
    }
}

/// All that says how wide the kernels of the good trials are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Widths {
    pub(crate) bandwidth: Bandwidth,
    pub(crate) floor: Floor,
    pub(crate) endpoints: bool,
}

/// What becomes of running trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// To the Parzen estimators they are bad ones; the Gaussian process believes them to have the
    /// loss that it expects.
    Worst,
    /// To the Parzen estimators they are bad ones; the Gaussian process is told the mean loss.
    Mean,
    /// To the Parzen estimators they are good ones besides those that there are; the Gaussian
    /// process is told the best loss.
    Best,
    /// Neither sees them.
    Ignore,
}

impl FromStr for Pending {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        named(
            "pending",
            &[
                ("worst", Self::Worst),
                ("mean", Self::Mean),
                ("best", Self::Best),
                ("ignore", Self::Ignore),
            ],
            name,
        )
    }
}

impl FromStr for Share {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        named(
            "split",
            &[("sqrt", Self::Sqrt), ("linear", Self::Linear)],
            name,
        )
    }
}

impl FromStr for Weights {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        named(
            "weights",
            &[
                ("age", Self::Age),
                ("rank", Self::Rank),
                ("uniform", Self::Uniform),
                ("ei", Self::Improvement),
            ],
            name,
        )
    }
}

impl FromStr for Bandwidth {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        named(
            "bandwidth",
            &[
                ("fixed", Self::Fixed),
                ("scott", Self::Scott),
                ("neighbours", Self::Neighbours),
            ],
            name,
        )
    }
}

impl FromStr for LocalSearch {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        named(
            "local_search",
            &[
                ("process", Self::Process),
                ("always", Self::Always),
                ("never", Self::Never),
            ],
            name,
        )
    }
}

/// Kernels of no width at all would tell nothing apart but what is equal.
const SMALLEST_PART: f64 = 1e-6;

/// The rank of a running trial that is believed to be good.
pub(crate) const BELIEVED: f64 = f64::NEG_INFINITY;

/// How the trials are split into good ones and the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rule {
    pub(crate) share: Share,
    pub(crate) gamma: f64,
    pub(crate) max_below: usize,
    pub(crate) pending: Pending,
}

impl Rule {
    /// Whether a trial is on either side.
    pub(crate) fn counts(&self, is_running: bool) -> bool {
        self.pending != Pending::Ignore || !is_running
    }

    /// What a trial is ordered by: its loss, or before all losses where it is believed to be good.
    pub(crate) fn rank(&self, loss: f64, is_running: bool) -> f64 {
        if is_running && self.pending == Pending::Best {
            BELIEVED
        } else {
            loss
        }
    }

    /// How many count as good, of so many trials of which so many are finished and so many believed
    /// to be good.
    pub(crate) fn n_below(&self, trials: usize, finished: usize, believed: usize) -> usize {
        let known = trials - believed;
        let count = match self.share {
            Share::Sqrt => self.gamma * (known as f64).sqrt(),
            Share::Linear => 0.4 * self.gamma * finished as f64,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let count = count.ceil().min(self.max_below as f64) as usize;
        believed + count.min(known)
    }
}

/// Settings of the estimator; the defaults are those of `tpe.suggest`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Weight of the prior's kernel, relative to an observation.
    pub prior_weight: f64,
    /// Candidates that the suggestion is chosen from.
    pub n_candidates: usize,
    /// So many more are drawn from the prior.
    pub prior_candidates: usize,
    /// How many trials count as good, see [`Share`].
    pub gamma: f64,
    /// What `gamma` is a share of (`split` to users).
    pub share: Share,
    /// At most so many trials count as good.
    pub max_below: usize,
    /// What becomes of running trials.
    pub pending: Pending,
    /// Product kernels over the parameters that are active together, instead of a mixture a
    /// parameter. The settings below are for these.
    pub multivariate: bool,
    /// Weights of the good trials.
    pub weights: Weights,
    /// Bandwidths of the good trials.
    pub bandwidth: Bandwidth,
    /// How small they may be.
    pub floor: Floor,
    /// Whether bounds are neighbours too, for [`Bandwidth::Neighbours`].
    pub endpoints: bool,
    /// Share of the suggestions that a Gaussian process has a say in, 0 to 1.
    pub gp_share: f64,
    /// Where the best candidate is moved uphill.
    pub local_search: LocalSearch,
    /// Whether a point that was tried before is suggested only where no other is found.
    pub avoid_duplicates: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prior_weight: 0.3,
            n_candidates: 16,
            prior_candidates: 0,
            gamma: 0.25,
            share: Share::Linear,
            max_below: 25,
            pending: Pending::Worst,
            multivariate: true,
            weights: Weights::Rank,
            bandwidth: Bandwidth::Scott,
            floor: Floor {
                part: 0.01,
                exponent: 1.0,
            },
            endpoints: false,
            gp_share: 0.75,
            local_search: LocalSearch::Process,
            avoid_duplicates: true,
        }
    }
}

impl Settings {
    /// Hyperopt's estimator.
    #[must_use]
    pub fn hyperopt() -> Self {
        Self {
            prior_weight: 1.0,
            n_candidates: 24,
            share: Share::Sqrt,
            multivariate: false,
            weights: Weights::Age,
            bandwidth: Bandwidth::Fixed,
            gp_share: 0.0,
            local_search: LocalSearch::Never,
            avoid_duplicates: false,
            ..Self::default()
        }
    }

    pub(crate) fn widths(&self) -> Widths {
        Widths {
            bandwidth: self.bandwidth,
            floor: self.floor,
            endpoints: self.endpoints,
        }
    }

    pub(crate) fn rule(&self) -> Rule {
        Rule {
            share: self.share,
            gamma: self.gamma,
            max_below: self.max_below,
            pending: self.pending,
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] that names the setting, the rule and the value.
    pub fn check(&self) -> Result<()> {
        let positive = |name, value: f64| {
            if value.is_finite() && value > 0.0 {
                Ok(())
            } else {
                Err(Error::Setting {
                    name,
                    reason: format!("must be positive; got {value}"),
                })
            }
        };
        let counts = |name, value: usize| {
            if value > 0 {
                Ok(())
            } else {
                Err(Error::Setting {
                    name,
                    reason: "must be at least 1; got 0".to_owned(),
                })
            }
        };
        positive("prior_weight", self.prior_weight)?;
        positive("gamma", self.gamma)?;
        positive("clip_exponent", self.floor.exponent)?;
        if !(SMALLEST_PART..=1.0).contains(&self.floor.part) {
            return Err(Error::Setting {
                name: "min_bandwidth",
                reason: format!(
                    "must be from {SMALLEST_PART:e} to 1; got {}",
                    self.floor.part
                ),
            });
        }
        if !(0.0..=1.0).contains(&self.gp_share) {
            return Err(Error::Setting {
                name: "gp_share",
                reason: format!("must be from 0 to 1; got {}", self.gp_share),
            });
        }
        counts("n_candidates", self.n_candidates)?;
        counts("max_below", self.max_below)
    }
}

/// What a setting's value of that name is.
fn named<T: Copy>(setting: &'static str, values: &[(&str, T)], name: &str) -> Result<T> {
    let found = values.iter().find(|(known, _)| *known == name);
    found.map(|&(_, value)| value).ok_or_else(|| {
        let known: Vec<&str> = values.iter().map(|(known, _)| *known).collect();
        Error::Setting {
            name: setting,
            reason: format!("must be one of {known:?}; got {name:?}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_falls_with_the_number_down_to_a_part() {
        let floor = |part, exponent, n| Floor { part, exponent }.of(4.0, n);
        assert_eq!(floor(0.01, 1.0, 8), 4.0 / 10.0);
        assert_eq!(floor(0.01, 1.0, 98), 4.0 / 100.0);
        assert_eq!(floor(0.01, 1.0, 5_000), 4.0 / 100.0);
        assert_eq!(floor(0.03, 2.0, 3), 4.0 / 25.0);
        assert!((floor(0.03, 2.0, 30) - 4.0 * 0.03).abs() < 1e-15);
        assert!((floor(0.01, 0.5, 14) - 4.0 / 4.0).abs() < 1e-15);
    }

    #[test]
    fn trials_believed_to_be_good_are_good_ones_besides() {
        let rule = |share| Rule {
            share,
            ..Settings::default().rule()
        };
        for share in [Share::Linear, Share::Sqrt] {
            let others = rule(share).n_below(50, 50, 0);
            assert_eq!(rule(share).n_below(66, 50, 16), others + 16);
        }
        assert_eq!(rule(Share::Linear).n_below(3, 0, 3), 3);
    }

    #[test]
    fn floors_out_of_range_are_refused() {
        for (part, exponent) in [
            (0.0, 1.0),
            (1.5, 1.0),
            (f64::NAN, 1.0),
            (0.1, 0.0),
            (0.1, f64::INFINITY),
        ] {
            let floor = Floor { part, exponent };
            let settings = Settings {
                floor,
                ..Settings::default()
            };
            assert!(settings.check().is_err(), "{part} {exponent}");
        }
    }
}
