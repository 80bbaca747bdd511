//! Prior distributions of single parameters.

use crate::error::{Error, Result};
use crate::numeric::normal::EPS;
use crate::numeric::simd::ln_all;

/// A numeric prior: uniform or normal, perhaps of the logarithm, perhaps on a grid.
///
/// All estimation happens in *kernel space*: the value itself, or its logarithm where `log` is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Numeric {
    /// The value is `exp` of what is drawn.
    pub log: bool,
    /// Bounds in kernel space; `None` for the normal family.
    pub bounds: Option<(f64, f64)>,
    /// Location of the prior kernel: the middle of the bounds, or the prior's mean.
    pub prior_mu: f64,
    /// Width of the prior kernel: the length of the bounds, or the prior's standard deviation.
    pub prior_sigma: f64,
    /// Grid step in value space.
    pub q: Option<f64>,
}

/// A prior over whole numbers `low .. low + weights.len()` or `low .. high`.
#[derive(Debug, Clone, PartialEq)]
pub enum Discrete {
    /// Each of `low .. high` is equally likely (`choice`, `randint`).
    Range {
        /// Smallest value.
        low: i64,
        /// One past the largest value.
        high: i64,
    },
    /// Value `i` has probability `p[i]` (`pchoice`).
    Weighted {
        /// Probabilities; they sum to one.
        p: Vec<f64>,
    },
}

impl Discrete {
    /// Number of categories.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Range { low, high } => high.abs_diff(*low),
            Self::Weighted { p } => p.len() as u64,
        }
    }

    /// Smallest value.
    #[must_use]
    pub fn low(&self) -> i64 {
        match self {
            Self::Range { low, .. } => *low,
            Self::Weighted { .. } => 0,
        }
    }

    /// The pseudo-count the prior adds to `category`: `prior_weight` for each of a range, and
    /// `n * prior_weight * p` where the probabilities differ.
    #[must_use]
    pub fn pseudo_count(&self, category: usize, prior_weight: f64) -> f64 {
        match self {
            Self::Range { .. } => prior_weight,
            Self::Weighted { p } => p.len() as f64 * (prior_weight * p[category]),
        }
    }

    /// The value of a category.
    pub(crate) fn value_of(&self, category: u64) -> f64 {
        // Both are below 2^53 (checked when the distribution was built).
        self.low() as f64 + category as f64
    }

    /// The category of a value, if it is in range.
    pub(crate) fn category_of(&self, value: f64) -> Option<u64> {
        let offset = value - self.low() as f64;
        if offset >= 0.0 && offset < self.size() as f64 && offset.fract() == 0.0 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            return Some(offset as u64);
        }
        None
    }
}

/// The prior of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// Real values or a grid of them.
    Numeric(Numeric),
    /// Whole numbers without order.
    Discrete(Discrete),
}

/// Largest whole number that a column of `f64` holds exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

impl Distribution {
    /// Builds a distribution from its name and arguments.
    ///
    /// Names: `uniform`, `quniform`, `loguniform`, `qloguniform` (low, high\[, q\]), `normal`,
    /// `qnormal`, `lognormal`, `qlognormal` (mu, sigma\[, q\]), `randint` (low, high; high
    /// excluded), `categorical` (probabilities).
    ///
    /// # Errors
    ///
    /// [`Error::Parameter`] where a rule of the distribution is broken.
    pub fn new(label: &str, name: &str, args: &[f64]) -> Result<Self> {
        let fail = |reason: String| Error::Parameter {
            label: label.to_owned(),
            reason,
        };
        if let Some(bad) = args.iter().find(|a| !a.is_finite()) {
            return Err(fail(format!(
                "every argument of {name} must be finite; got {bad}"
            )));
        }
        match name {
            "randint" => Self::randint(args).map_err(fail),
            "categorical" => Self::categorical(args).map_err(fail),
            _ => Self::numeric(name, args).map_err(fail),
        }
    }

    fn randint(args: &[f64]) -> std::result::Result<Self, String> {
        let &[low, high] = args else {
            return Err(format!(
                "randint takes low and high; got {} arguments",
                args.len()
            ));
        };
        if low.fract() != 0.0 || high.fract() != 0.0 || low.abs().max(high.abs()) > MAX_EXACT {
            return Err(format!(
                "low and high of randint must be whole numbers of at most 2^53; got {low}, {high}"
            ));
        }
        if low >= high {
            return Err(format!(
                "high of randint must be greater than low; got {low}, {high}"
            ));
        }
        // Checked above: whole and within 2^53.
        #[expect(clippy::cast_possible_truncation)]
        Ok(Self::Discrete(Discrete::Range {
            low: low as i64,
            high: high as i64,
        }))
    }

    fn categorical(p: &[f64]) -> std::result::Result<Self, String> {
        let total: f64 = p.iter().sum();
        if p.is_empty() || p.iter().any(|&x| x < 0.0) || (total - 1.0).abs() > 1e-6 {
            return Err(format!(
                "probabilities must be non-negative and sum to 1; got {} of them, sum {total}",
                p.len()
            ));
        }
        Ok(Self::Discrete(Discrete::Weighted { p: p.to_vec() }))
    }

    fn numeric(name: &str, args: &[f64]) -> std::result::Result<Self, String> {
        let (quantised, base) = match name.strip_prefix('q') {
            Some(base) => (true, base),
            None => (false, name),
        };
        let (log, uniform) = match base {
            "uniform" => (false, true),
            "loguniform" => (true, true),
            "normal" => (false, false),
            "lognormal" => (true, false),
            _ => return Err(format!("there is no distribution {name:?}")),
        };
        if args.len() != 2 + usize::from(quantised) {
            return Err(format!(
                "{name} takes {} arguments",
                2 + usize::from(quantised)
            ));
        }
        let (a, b, q) = (args[0], args[1], args.get(2).copied());
        if q.is_some_and(|q| q <= 0.0) {
            return Err(format!("q of {name} must be positive; got {q:?}"));
        }
        Ok(Self::Numeric(if uniform {
            if a >= b {
                return Err(format!(
                    "high of {name} must be greater than low; got {a}, {b}"
                ));
            }
            Numeric {
                log,
                bounds: Some((a, b)),
                prior_mu: 0.5 * (b + a),
                prior_sigma: b - a,
                q,
            }
        } else {
            if b <= 0.0 {
                return Err(format!("sigma of {name} must be positive; got {b}"));
            }
            Numeric {
                log,
                bounds: None,
                prior_mu: a,
                prior_sigma: b,
                q,
            }
        }))
    }
}

impl Numeric {
    /// From a value to kernel space.
    ///
    /// Grid points of a logarithmic prior may be zero or lie under the lower bound; they are
    /// lifted to the bound (or to `EPS`), as Hyperopt does.
    #[must_use]
    pub fn to_kernel_space(&self, value: f64) -> f64 {
        if !self.log {
            // Rounding to a grid may give -0.0, which is the same place as 0.0.
            return value + 0.0;
        }
        let floor = match (self.q, self.bounds) {
            (Some(_), Some((low, _))) => libm::exp(low).max(EPS),
            (Some(_), None) => EPS,
            // Not on a grid: values are positive by construction; zero would give -inf.
            (None, _) => f64::MIN_POSITIVE,
        };
        libm::log(value.max(floor))
    }

    /// [`Self::to_kernel_space`] of several values.
    pub(crate) fn all_to_kernel_space(&self, values: &[f64]) -> Vec<f64> {
        if self.log && self.q.is_none() {
            let mut xs: Vec<f64> = values.iter().map(|v| v.max(f64::MIN_POSITIVE)).collect();
            ln_all(&mut xs);
            return xs;
        }
        values.iter().map(|&v| self.to_kernel_space(v)).collect()
    }

    /// From kernel space to the value the trial gets, rounded to the grid where there is one
    /// (ties to even, as numpy rounds).
    #[must_use]
    pub fn to_value(&self, x: f64) -> f64 {
        let value = if self.log { libm::exp(x) } else { x };
        match self.q {
            Some(q) => (value / q).round_ties_even() * q,
            None => value,
        }
    }

    /// The cell of kernel space whose draws are rounded to `value`, cut to the bounds.
    ///
    /// Only for priors on a grid. Returns `(lower, upper)`; `upper` may be below `lower` for a
    /// value that the prior cannot give.
    #[must_use]
    pub fn cell(&self, value: f64) -> (f64, f64) {
        let half = self.q.unwrap_or(0.0) / 2.0;
        let (mut lower, mut upper) = (value - half, value + half);
        if self.log {
            if let Some((low, high)) = self.bounds {
                lower = lower.max(libm::exp(low));
                upper = upper.min(libm::exp(high));
            }
            (libm::log(lower.max(EPS)), libm::log(upper.max(EPS)))
        } else {
            if let Some((low, high)) = self.bounds {
                lower = lower.max(low);
                upper = upper.min(high);
            }
            (lower, upper)
        }
    }

    /// The prior's width: of the bounds, or what bounds of a uniform prior as wide would have.
    pub(crate) fn width(&self) -> f64 {
        match self.bounds {
            Some((low, high)) => high - low,
            None => self.prior_sigma * 12.0_f64.sqrt(),
        }
    }

    /// The variance that rounding to a grid has.
    pub(crate) fn rounding(&self) -> f64 {
        match self.q {
            Some(q) if !self.log => q * q / 12.0,
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests;
