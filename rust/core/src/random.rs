//! Random search: draws from the prior.

use crate::categories;
use crate::distribution::{Distribution, Numeric};
use crate::rng::Stream;
use crate::space::Space;

/// Draws a point from the prior; NaN where a parameter is inactive.
#[must_use]
pub fn suggest(space: &Space, seed: u64, tid: i64) -> Vec<f64> {
    let mut stream = Stream::new(seed, tid);
    let mut row = vec![f64::NAN; space.len()];
    for (index, parameter) in space.parameters().iter().enumerate() {
        if parameter.is_active(&row) {
            row[index] = match &parameter.distribution {
                Distribution::Numeric(prior) => sample_numeric(prior, &mut stream),
                Distribution::Discrete(prior) => {
                    categories::value(prior, categories::sample_prior(prior, &mut stream))
                }
            };
        }
    }
    row
}

fn sample_numeric(prior: &Numeric, stream: &mut Stream) -> f64 {
    let x = match prior.bounds {
        Some((low, high)) => stream.uniform(low, high),
        None => prior.prior_mu + prior.prior_sigma * stream.normal(),
    };
    prior.to_value(x)
}
