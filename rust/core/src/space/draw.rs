//! Draws from the priors.

use crate::numeric::rng::Stream;
use crate::space::Space;
use crate::space::distribution::{Discrete, Distribution, Numeric};

/// Draws a point; NaN where a parameter is inactive.
pub(crate) fn point(space: &Space, stream: &mut Stream) -> Vec<f64> {
    let mut row = vec![f64::NAN; space.len()];
    for (index, parameter) in space.parameters().iter().enumerate() {
        if parameter.is_active(&row) {
            row[index] = value(&parameter.distribution, stream);
        }
    }
    row
}

/// Draws a value of one parameter.
pub(crate) fn value(prior: &Distribution, stream: &mut Stream) -> f64 {
    match prior {
        Distribution::Numeric(prior) => number(prior, stream),
        Distribution::Discrete(prior) => prior.value_of(category(prior, stream)),
    }
}

fn number(prior: &Numeric, stream: &mut Stream) -> f64 {
    let x = match prior.bounds {
        Some((low, high)) => stream.uniform(low, high),
        None => prior.prior_mu + prior.prior_sigma * stream.normal(),
    };
    prior.to_value(x)
}

/// Draws a category.
pub(crate) fn category(prior: &Discrete, stream: &mut Stream) -> u64 {
    match prior {
        Discrete::Range { .. } => stream.below(prior.size()),
        Discrete::Weighted { p } => stream.weighted(p, p.iter().sum()) as u64,
    }
}
