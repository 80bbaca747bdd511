//! One dimension of product kernels: its prior, and where and how wide kernels are in it.

use crate::numeric::normal::{WHOLE, exact_kernel_mass};
use crate::numeric::rng::Stream;
use crate::space::distribution::{Discrete, Distribution, Numeric};
use crate::space::draw;

/// The least mass within the bounds that a kernel is taken to have; one that lies outside counts
/// little even so.
const LEAST_MASS: f64 = 1e-12;

/// Draws after which a kernel is taken to lie outside the bounds.
const DRAWS: usize = 1_000;

/// One dimension of a group.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    pub(crate) prior: Distribution,
    /// Bandwidth of all kernels, for numbers.
    pub(crate) sigma: f64,
    /// What the prior's kernel is divided by, for numbers; its logarithm.
    log_scale: f64,
}

impl Axis {
    pub(crate) fn new(prior: &Distribution) -> Self {
        let mut prior = prior.clone();
        if let Distribution::Numeric(Numeric {
            q: Some(q),
            log: false,
            bounds: Some((low, high)),
            ends,
            ..
        }) = &mut prior
        {
            *low = edge_of_cell(*low, *q, -0.5);
            *high = edge_of_cell(*high, *q, 0.5);
            *ends = (*low, high.next_down());
        }
        let log_scale = match &prior {
            Distribution::Numeric(prior) => {
                let (mu, sigma) = (prior.prior_mu, prior.prior_sigma);
                let mass = prior
                    .bounds
                    .map_or(1.0, |(low, high)| exact_kernel_mass(low, high, mu, sigma));
                libm::log(sigma * (2.0 * std::f64::consts::PI).sqrt() * mass)
            }
            Distribution::Discrete(_) => 0.0,
        };
        Self {
            prior,
            sigma: 0.0,
            log_scale,
        }
    }
}

/// The edge of the cell that a bound lies in, `side` steps from its middle; the bound itself where
/// a float cannot tell.
fn edge_of_cell(bound: f64, q: f64, side: f64) -> f64 {
    let edge = ((bound / q).round_ties_even() + side) * q;
    if edge.is_finite() { edge } else { bound }
}

impl Axis {
    /// Location over the bandwidth, or category.
    pub(crate) fn place(&self, value: f64) -> f64 {
        match &self.prior {
            Distribution::Numeric(prior) => {
                (prior.to_kernel_space(value) / self.sigma).clamp(f64::MIN, f64::MAX)
            }
            // An unknown category matches nothing.
            Distribution::Discrete(prior) => prior.category_of(value).map_or(-1.0, |c| c as f64),
        }
    }

    /// Log density of a value under the prior's kernel.
    pub(crate) fn log_prior(&self, value: f64) -> f64 {
        match &self.prior {
            Distribution::Numeric(prior) => {
                let z = (prior.to_kernel_space(value) - prior.prior_mu) / prior.prior_sigma;
                -0.5 * z * z - self.log_scale
            }
            Distribution::Discrete(prior) => libm::log(prior_probability(prior, value)),
        }
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self.prior, Distribution::Numeric(_))
    }

    /// `ln` of the mass that a kernel there has within the bounds.
    pub(crate) fn log_mass(&self, place: f64) -> f64 {
        match &self.prior {
            Distribution::Numeric(Numeric {
                bounds: Some((low, high)),
                ..
            }) => {
                let (mu, sigma) = (place * self.sigma, self.sigma);
                let reach = WHOLE * sigma;
                if *low <= mu - reach && mu + reach <= *high {
                    return 0.0;
                }
                libm::log(exact_kernel_mass(*low, *high, mu, sigma).max(LEAST_MASS))
            }
            _ => 0.0,
        }
    }
}

fn prior_probability(prior: &Discrete, v: f64) -> f64 {
    match (prior, prior.category_of(v)) {
        (_, None) => 0.0,
        (Discrete::Range { .. }, Some(_)) => 1.0 / prior.size() as f64,
        #[expect(clippy::cast_possible_truncation)]
        (Discrete::Weighted { p }, Some(c)) => p[c as usize],
    }
}

pub(crate) fn sample_prior_axis(axis: &Axis, stream: &mut Stream) -> f64 {
    match &axis.prior {
        Distribution::Numeric(prior) => {
            sample_normal(prior, prior.prior_mu, prior.prior_sigma, stream)
        }
        Distribution::Discrete(prior) => prior.value_of(draw::category(prior, stream)),
    }
}

/// A normal number within the bounds, as a value.
pub(crate) fn sample_normal(prior: &Numeric, mu: f64, sigma: f64, stream: &mut Stream) -> f64 {
    for _ in 0..DRAWS {
        let x = mu + sigma * stream.normal();
        if prior.admits(x) {
            return prior.to_value(x);
        }
    }
    // The kernel lies outside the bounds.
    let (low, high) = prior.bounds.unwrap_or((mu, mu));
    prior.to_value(stream.uniform(low, high))
}
