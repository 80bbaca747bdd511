//! The adaptive Parzen estimator: a mixture of one kernel per observation and one for the prior.
//!
//! Bergstra, Bardenet, Bengio, Kegl: *Algorithms for Hyper-Parameter Optimization* (2011),
//! section 4, with the bandwidths and weights that Hyperopt 0.3 uses:
//!
//! - kernels (the prior among them) are sorted by location; a bandwidth is the larger of the
//!   distances to the two neighbours, clipped to `[prior_sigma / min(100, 1 + k), prior_sigma]`
//!   with `k` kernels; the prior's own is `prior_sigma`;
//! - weights fall linearly with age (Hyperopt's linear forgetting); the prior has `prior_weight`;
//! - the mixture is truncated as a whole to the prior's bounds.

use std::f64::consts::PI;

use crate::numeric::forgetting::forgetting_weight;
use crate::numeric::normal::{EPS, kernel_mass};
use crate::numeric::rng::Stream;
use crate::numeric::simd::ln_all;
use crate::numeric::sums::mixture_sums;
use crate::numeric::tails::mass_between;
use crate::space::distribution::Numeric;

/// Draws after which a mixture is taken to have no mass within the bounds.
const DRAWS: usize = 10_000;

/// A mixture of normal kernels in kernel space, sorted by location.
#[derive(Debug, Clone, PartialEq)]
pub struct ParzenMixture {
    prior: Numeric,
    /// Weights; they sum to one.
    pub weights: Vec<f64>,
    /// Locations, ascending.
    pub mus: Vec<f64>,
    /// Bandwidths.
    pub sigmas: Vec<f64>,
    /// `ln` of the mass of the untruncated mixture within the bounds.
    log_accept: f64,
    /// Weights summed up to and including each kernel.
    cumulative: Vec<f64>,
    /// Weights over bandwidths.
    scales: Vec<f64>,
    /// One over bandwidths.
    inverses: Vec<f64>,
}

impl ParzenMixture {
    /// Fits the estimator to observations, oldest first, given as values.
    #[must_use]
    pub fn fit(prior: &Numeric, values: &[f64], prior_weight: f64) -> Self {
        let n = values.len();
        let mut kernels: Vec<(f64, f64)> = values
            .iter()
            .enumerate()
            .map(|(rank, &v)| (prior.to_kernel_space(v), forgetting_weight(rank, n)))
            .collect();
        // Stable, so that among equal locations the older comes first.
        kernels.sort_by(|a, b| a.0.total_cmp(&b.0));
        let prior_position = match kernels.as_slice() {
            [only] => usize::from(only.0 <= prior.prior_mu),
            many => many.partition_point(|k| k.0 < prior.prior_mu),
        };
        kernels.insert(prior_position, (prior.prior_mu, prior_weight));
        let (mus, mut weights): (Vec<f64>, Vec<f64>) = kernels.into_iter().unzip();
        let sigmas = bandwidths(&mus, prior_position, prior.prior_sigma);
        let total: f64 = weights.iter().sum();
        for w in &mut weights {
            *w /= total;
        }
        let cumulative = weights
            .iter()
            .scan(0.0, |sum, w| {
                *sum += w;
                Some(*sum)
            })
            .collect();
        let accept = match prior.bounds {
            Some((low, high)) => weights
                .iter()
                .zip(&mus)
                .zip(&sigmas)
                .map(|((w, mu), sigma)| w * kernel_mass(low, high, *mu, *sigma))
                .sum(),
            None => 1.0,
        };
        let inverses: Vec<f64> = sigmas.iter().map(|s| 1.0 / s.max(EPS)).collect();
        let scales = weights.iter().zip(&inverses).map(|(w, i)| w * i).collect();
        Self {
            prior: *prior,
            weights,
            mus,
            sigmas,
            log_accept: libm::log(accept),
            cumulative,
            scales,
            inverses,
        }
    }

    /// Draws a value: a kernel by weight, a normal number from it, again until within the bounds.
    pub fn sample(&self, stream: &mut Stream) -> f64 {
        // Kernels of observations far outside the bounds may never land inside; the prior's
        // kernel does soon. The cap only guards against a mixture without any mass inside.
        for _ in 0..DRAWS {
            // Rounding may leave the last sum a little under one.
            let u = stream.unit();
            let k = self.cumulative.partition_point(|&sum| sum <= u);
            let k = k.min(self.mus.len() - 1);
            let x = self.mus[k] + self.sigmas[k] * stream.normal();
            if self.prior.admits(x) {
                return self.prior.to_value(x);
            }
        }
        let (low, high) = self
            .prior
            .bounds
            .unwrap_or((self.prior.prior_mu, self.prior.prior_mu));
        self.prior.to_value(stream.uniform(low, high))
    }

    /// Log density of a value, or log mass of its grid cell; see [`Self::log_densities`].
    #[must_use]
    pub fn log_density(&self, value: f64) -> f64 {
        self.log_densities(&[value])[0]
    }

    /// Log densities of values, or log masses of their grid cells.
    ///
    /// A logarithmic prior off the grid is not normalised by the mass within the bounds: Hyperopt
    /// leaves that constant out, and it does not change which candidate wins.
    #[must_use]
    pub fn log_densities(&self, values: &[f64]) -> Vec<f64> {
        if self.prior.q.is_some() {
            return values.iter().map(|&v| self.log_cell_mass(v)).collect();
        }
        let xs = self.prior.all_to_kernel_space(values);
        let mut densities = mixture_sums(&xs, &self.scales, &self.mus, &self.inverses);
        let far = densities.iter().any(|&sum| sum < f64::MIN_POSITIVE);
        if far {
            for (density, &x) in densities.iter_mut().zip(&xs) {
                *density = if *density < f64::MIN_POSITIVE {
                    self.log_far_sum(x)
                } else {
                    libm::log(*density)
                };
            }
        } else {
            ln_all(&mut densities);
        }
        let constant = 0.5 * libm::log(2.0 * PI);
        for (density, x) in densities.iter_mut().zip(&xs) {
            *density -= constant + if self.prior.log { *x } else { self.log_accept };
        }
        densities
    }

    /// `ln` of the sum of kernels where all terms underflow: the largest is factored out.
    fn log_far_sum(&self, x: f64) -> f64 {
        let exponents: Vec<f64> = self
            .mus
            .iter()
            .zip(&self.inverses)
            .map(|(mu, inverse)| -0.5 * ((x - mu) * inverse) * ((x - mu) * inverse))
            .collect();
        let shift = exponents.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = self
            .scales
            .iter()
            .zip(&exponents)
            .map(|(s, e)| s * libm::exp(e - shift))
            .sum();
        libm::log(sum) + shift
    }

    fn log_cell_mass(&self, value: f64) -> f64 {
        let cell = self.prior.cell(value);
        let mass = mass_between(cell, &self.weights, &self.mus, &self.inverses);
        // Rounding may leave a cell that is narrow for the kernels less than nothing.
        libm::log(mass.max(0.0)) - self.log_accept
    }
}

/// Bandwidths of kernels sorted by location, the prior's at `prior_position`.
fn bandwidths(mus: &[f64], prior_position: usize, prior_sigma: f64) -> Vec<f64> {
    let k = mus.len();
    let floor = prior_sigma / (100.0_f64).min(1.0 + k as f64);
    let mut sigmas: Vec<f64> = (0..k)
        .map(|i| {
            // One observation: half the prior's width, whatever the distance.
            if k == 2 {
                return (0.5 * prior_sigma).clamp(floor, prior_sigma);
            }
            let left = if i > 0 { mus[i] - mus[i - 1] } else { f64::MIN };
            let right = if i + 1 < k {
                mus[i + 1] - mus[i]
            } else {
                f64::MIN
            };
            left.max(right).clamp(floor, prior_sigma)
        })
        .collect();
    sigmas[prior_position] = prior_sigma;
    sigmas
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::distribution::Distribution;

    fn prior(name: &str, args: &[f64]) -> Numeric {
        match Distribution::new("x", name, args) {
            Ok(Distribution::Numeric(numeric)) => numeric,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_observations_the_prior_kernel_stands_alone() {
        let mixture = ParzenMixture::fit(&prior("uniform", &[-1.0, 3.0]), &[], 1.0);
        assert_eq!(mixture.mus, [1.0]);
        assert_eq!(mixture.sigmas, [4.0]);
        assert_eq!(mixture.weights, [1.0]);
    }

    #[test]
    fn density_integrates_to_one_within_the_bounds() {
        let mixture =
            ParzenMixture::fit(&prior("uniform", &[0.0, 1.0]), &[0.1, 0.15, 0.9, 0.9], 1.0);
        let n = 200_000;
        let h = 1.0 / f64::from(n);
        let total: f64 = (0..n)
            .map(|i| mixture.log_density((f64::from(i) + 0.5) * h).exp() * h)
            .sum();
        assert!((total - 1.0).abs() < 1e-9, "{total}");
    }

    #[test]
    fn masses_of_all_cells_sum_to_one() {
        let mixture =
            ParzenMixture::fit(&prior("quniform", &[0.0, 10.0, 0.5]), &[1.0, 1.0, 7.5], 1.0);
        let total: f64 = (0..=20)
            .map(|i| mixture.log_density(f64::from(i) * 0.5).exp())
            .sum();
        assert!((total - 1.0).abs() < 1e-12, "{total}");
    }

    #[test]
    fn density_far_from_every_kernel_stays_finite() {
        let mixture = ParzenMixture::fit(&prior("normal", &[0.0, 1.0]), &[0.0; 40], 1.0);
        let far = mixture.log_density(60.0);
        assert!(far.is_finite() && far < -1_000.0, "{far}");
    }

    #[test]
    fn samples_stay_within_the_bounds_even_if_observations_do_not() {
        let mixture = ParzenMixture::fit(&prior("uniform", &[0.0, 1.0]), &[1e6; 25], 1.0);
        let mut stream = Stream::new(7, 0);
        assert!((0..500).all(|_| (0.0..1.0).contains(&mixture.sample(&mut stream))));
    }
}
