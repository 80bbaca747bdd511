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
}

/// How wide the kernels of the good trials are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bandwidth {
    /// By their number alone.
    Fixed,
    /// By their spread as well (Scott's rule), at least one part in `n + 2` of the prior's width.
    Scott,
}

impl FromStr for Share {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "sqrt" => Ok(Self::Sqrt),
            "linear" => Ok(Self::Linear),
            _ => Err(unknown("split", "sqrt", "linear", name)),
        }
    }
}

impl FromStr for Weights {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "age" => Ok(Self::Age),
            "rank" => Ok(Self::Rank),
            _ => Err(unknown("weights", "age", "rank", name)),
        }
    }
}

impl FromStr for Bandwidth {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "fixed" => Ok(Self::Fixed),
            "scott" => Ok(Self::Scott),
            _ => Err(unknown("bandwidth", "fixed", "scott", name)),
        }
    }
}

/// How the trials are split into good ones and the rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rule {
    pub(crate) share: Share,
    pub(crate) gamma: f64,
    pub(crate) max_below: usize,
}

impl Rule {
    /// How many count as good, of so many trials of which so many are finished.
    pub(crate) fn n_below(&self, trials: usize, finished: usize) -> usize {
        let count = match self.share {
            Share::Sqrt => self.gamma * (trials as f64).sqrt(),
            Share::Linear => 0.4 * self.gamma * finished as f64,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let count = count.ceil().min(self.max_below as f64) as usize;
        count.min(trials)
    }
}

/// Settings of the estimator; the defaults are those of `tpe.suggest`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Weight of the prior's kernel, relative to an observation.
    pub prior_weight: f64,
    /// Candidates that the suggestion is chosen from.
    pub n_candidates: usize,
    /// How many trials count as good, see [`Share`].
    pub gamma: f64,
    /// What `gamma` is a share of (`split` to users).
    pub share: Share,
    /// At most so many trials count as good.
    pub max_below: usize,
    /// Product kernels over the parameters that are active together, instead of a mixture a
    /// parameter. The settings below are for these.
    pub multivariate: bool,
    /// Weights of the good trials.
    pub weights: Weights,
    /// Bandwidths of the good trials.
    pub bandwidth: Bandwidth,
    /// Share of the suggestions that a Gaussian process has a say in, 0 to 1.
    pub gp_share: f64,
    /// Whether a point that was tried before is suggested only where no other is found.
    pub avoid_duplicates: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prior_weight: 0.3,
            n_candidates: 16,
            gamma: 0.25,
            share: Share::Linear,
            max_below: 25,
            multivariate: true,
            weights: Weights::Rank,
            bandwidth: Bandwidth::Scott,
            gp_share: 0.75,
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
            avoid_duplicates: false,
            ..Self::default()
        }
    }

    pub(crate) fn rule(&self) -> Rule {
        Rule {
            share: self.share,
            gamma: self.gamma,
            max_below: self.max_below,
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

fn unknown(setting: &'static str, one: &str, other: &str, got: &str) -> Error {
    Error::Setting {
        name: setting,
        reason: format!("must be {one:?} or {other:?}; got {got:?}"),
    }
}
