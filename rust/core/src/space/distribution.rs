//! Prior distributions of single parameters.

mod discrete;

pub use crate::space::distribution::discrete::Discrete;

use crate::error::{Error, Result};
use crate::numeric::normal::EPS;
use crate::numeric::simd::ln_all;
use crate::space::inside::inside;

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
    /// What draws are kept between in kernel space: off a grid, a margin inside the bounds.
    pub(crate) ends: (f64, f64),
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

/// Logarithm of the largest float.
const LOG_LARGEST: f64 = 709.782_712_893_384;

/// A normal prior must be finite as far as this many standard deviations; one draw in 16,000 is
/// farther out.
const REACHED: f64 = 4.0;

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
        let log_of_values = if uniform { b } else { a };
        if log && log_of_values > LOG_LARGEST {
            let which = if uniform { "high" } else { "mu" };
            return Err(format!(
                "{which} of {name} must be at most {LOG_LARGEST}, the logarithm of the largest \
                 float; got {log_of_values}"
            ));
        }
        let numeric = if uniform {
            Numeric::uniform(name, log, (a, b), q)
        } else {
            Numeric::normal(name, log, (a, b), q)
        };
        numeric.map(Self::Numeric)
    }
}

impl Numeric {
    fn uniform(
        name: &str,
        log: bool,
        (low, high): (f64, f64),
        q: Option<f64>,
    ) -> std::result::Result<Self, String> {
        if low >= high {
            return Err(format!(
                "high of {name} must be greater than low; got {low}, {high}"
            ));
        }
        if !(high - low).is_finite() {
            return Err(format!(
                "high of {name} must be a finite distance from low; got {low}, {high}"
            ));
        }
        Ok(Self {
            log,
            bounds: Some((low, high)),
            prior_mu: middle(low, high),
            prior_sigma: high - low,
            q,
            ends: if q.is_some() {
                (low, high.next_down())
            } else {
                inside(log, low, high)
            },
        })
    }

    fn normal(
        name: &str,
        log: bool,
        (mu, sigma): (f64, f64),
        q: Option<f64>,
    ) -> std::result::Result<Self, String> {
        if sigma <= 0.0 {
            return Err(format!("sigma of {name} must be positive; got {sigma}"));
        }
        if !(mu.abs() + REACHED * sigma).is_finite() {
            return Err(format!(
                "mu of {name} must be {REACHED} sigma or more from the largest float; got mu {mu}, \
                 sigma {sigma}"
            ));
        }
        Ok(Self {
            log,
            bounds: None,
            prior_mu: mu,
            prior_sigma: sigma,
            q,
            ends: (f64::NEG_INFINITY, f64::INFINITY),
        })
    }

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

    /// From kernel space to the value the trial gets: rounded to the grid where there is one (ties
    /// to even, as numpy rounds), else strictly inside the bounds. It is always finite.
    #[must_use]
    pub fn to_value(&self, x: f64) -> f64 {
        let exp = |x| if self.log { libm::exp(x) } else { x };
        if let Some(q) = self.q {
            return rounded(exp(x).clamp(f64::MIN, f64::MAX), q);
        }
        let value = exp(x.clamp(self.ends.0, self.ends.1));
        let least = if self.log { SMALLEST } else { f64::MIN };
        value.clamp(least, f64::MAX)
    }

    /// Whether a place in kernel space is one that draws may have.
    pub(crate) fn admits(&self, x: f64) -> bool {
        self.ends.0 <= x && x <= self.ends.1
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
            Some((low, high)) => (high - low).min(f64::MAX),
            None => (self.prior_sigma * 12.0_f64.sqrt()).min(f64::MAX),
        }
    }

    /// A width with the variance of rounding to a grid, `q^2 / 12`, added.
    pub(crate) fn with_rounding(&self, width: f64) -> f64 {
        let Some(q) = self.q.filter(|_| !self.log) else {
            return width;
        };
        let sum = width * width + q * q / 12.0;
        if sum.is_normal() {
            sum.sqrt()
        } else {
            width.hypot(q / 12.0_f64.sqrt())
        }
    }
}

fn middle(low: f64, high: f64) -> f64 {
    let sum = high + low;
    if sum.is_finite() {
        0.5 * sum
    } else {
        0.5 * low + 0.5 * high
    }
}

/// The smallest positive float.
const SMALLEST: f64 = f64::from_bits(1);

/// The multiple of `q` that is nearest to a value; zero is positive.
fn rounded(value: f64, q: f64) -> f64 {
    // Adding zero turns -0.0, which people would see in their results, into 0.0.
    let steps = (value / q).round_ties_even() + 0.0;
    let nearest = steps * q;
    if nearest.is_finite() {
        return nearest;
    }
    if steps.abs() < MAX_EXACT {
        // Rounded up beyond the largest float.
        return (steps - steps.signum()) * q;
    }
    // Floats there are farther apart than the grid's values.
    value
}

#[cfg(test)]
mod tests;
