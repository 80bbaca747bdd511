//! Random search: draws from the prior.

use crate::categories;
use crate::distribution::{Distribution, Numeric};
use crate::rng::Stream;
use crate::space::Space;

/// Draws a point from the prior; NaN where a parameter is inactive.
#[must_use]
pub fn suggest(space: &Space, seed: u64, tid: i64) -> Vec<f64> {
    draw(space, &mut Stream::new(seed, tid))
}

/// Draws a point from the prior with a stream that others use as well.
pub(crate) fn draw(space: &Space, stream: &mut Stream) -> Vec<f64> {
    let mut row = vec![f64::NAN; space.len()];
    for (index, parameter) in space.parameters().iter().enumerate() {
        if parameter.is_active(&row) {
            row[index] = sample(&parameter.distribution, stream);
        }
    }
    row
}

/// Draws a value from a prior.
pub(crate) fn sample(prior: &Distribution, stream: &mut Stream) -> f64 {
    match prior {
        Distribution::Numeric(prior) => sample_numeric(prior, stream),
        Distribution::Discrete(prior) => {
            categories::value(prior, categories::sample_prior(prior, stream))
        }
    }
}

fn sample_numeric(prior: &Numeric, stream: &mut Stream) -> f64 {
    let x = match prior.bounds {
        Some((low, high)) => stream.uniform(low, high),
        None => prior.prior_mu + prior.prior_sigma * stream.normal(),
    };
    prior.to_value(x)
}
