//! The posterior of one parameter, whatever its prior.

use crate::numeric::rng::Stream;
use crate::numeric::simd::ln_all;
use crate::space::distribution::Distribution;
use crate::univariate::categories::Categories;
use crate::univariate::mixture::ParzenMixture;

/// A fitted density of one parameter: `l(x)` over the good trials or `g(x)` over the rest.
#[derive(Debug, Clone, PartialEq)]
pub enum Posterior {
    /// A mixture of kernels.
    Mixture(ParzenMixture),
    /// Weighted counts.
    Categories(Categories),
}

impl Posterior {
    /// Fits the density to observed values, oldest first.
    #[must_use]
    pub fn fit(prior: &Distribution, values: &[f64], prior_weight: f64) -> Self {
        match prior {
            Distribution::Numeric(p) => Self::Mixture(ParzenMixture::fit(p, values, prior_weight)),
            Distribution::Discrete(p) => Self::Categories(Categories::fit(p, values, prior_weight)),
        }
    }

    /// Draws a value.
    pub fn sample(&self, stream: &mut Stream) -> f64 {
        match self {
            Self::Mixture(m) => m.sample(stream),
            Self::Categories(c) => c.sample(stream),
        }
    }

    /// Log density (or log probability) of a value.
    #[must_use]
    pub fn log_density(&self, value: f64) -> f64 {
        match self {
            Self::Mixture(m) => m.log_density(value),
            Self::Categories(c) => libm::log(c.probability(value)),
        }
    }

    /// Log densities (or log probabilities) of values.
    #[must_use]
    pub fn log_densities(&self, values: &[f64]) -> Vec<f64> {
        match self {
            Self::Mixture(m) => m.log_densities(values),
            Self::Categories(c) => {
                let mut out: Vec<f64> = values.iter().map(|&v| c.probability(v)).collect();
                ln_all(&mut out);
                out
            }
        }
    }
}
