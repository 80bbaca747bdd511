//! How wide kernels are.

use crate::space::distribution::Numeric;

/// Bandwidth of a single kernel of the rest, in widths of the prior: Optuna's
/// `SIGMA0_MAGNITUDE`.
const SINGLE: f64 = 0.2;

/// Scott's factor for normal kernels, `(4 / 3)^(1 / 5)`, to the digits that are usual (Scott,
/// *Multivariate density estimation*, 1992).
const SCOTT: f64 = 1.059;

/// Steps of [`step`] in which the number of kernels doubles.
const STEPS_PER_DOUBLING: f64 = 8.0;

/// Scott's exponent: bandwidths fall with the number of kernels, slowly in many dimensions.
fn scaling(kernels: f64, dimension: usize) -> f64 {
    libm::pow(kernels, -1.0 / (dimension as f64 + 4.0))
}

/// A number of kernels, rounded on a logarithmic scale. The rest's bandwidths follow it in steps, so
/// that what depends on them need not be computed for each new trial.
pub(crate) fn step(kernels: usize) -> i32 {
    #[expect(clippy::cast_possible_truncation)]
    let step = (STEPS_PER_DOUBLING * libm::log2(kernels.max(1) as f64)).round() as i32;
    step
}

/// The rest's bandwidth at a [`step`], in widths of the prior: by the number of kernels alone.
pub(crate) fn by_number(step: i32, dimension: usize) -> f64 {
    SINGLE * scaling(libm::exp2(f64::from(step) / STEPS_PER_DOUBLING), dimension)
}

/// The good trials' bandwidth in one dimension, by their spread (Scott's rule): at least one part in
/// `n + 2` of the prior's width, or in 100 ("magic clip", as in Hyperopt and Optuna), at most that
/// width. `places` times `unit` are the kernels' locations.
pub(crate) fn by_spread(places: &[f64], unit: f64, prior: &Numeric, dimension: usize) -> f64 {
    let width = prior.width();
    let n = places.len() as f64;
    let mean = places.iter().sum::<f64>() / n.max(1.0);
    let squares = places.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>();
    let spread = if n < 2.0 {
        // One observation says nothing of the spread: that of the prior.
        width / 12.0_f64.sqrt()
    } else {
        (squares / (n - 1.0).max(1.0)).sqrt() * unit
    };
    let least = width / (n + 2.0).min(100.0);
    (SCOTT * scaling(n.max(1.0), dimension) * spread).clamp(least, width)
}

/// A bandwidth with the variance of rounding to a grid added.
pub(crate) fn on_grid(bandwidth: f64, prior: &Numeric) -> f64 {
    prior.with_rounding(bandwidth).max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::distribution::Distribution;

    fn uniform() -> Numeric {
        match Distribution::new("x", "uniform", &[0.0, 4.0]).expect("valid") {
            Distribution::Numeric(prior) => prior,
            Distribution::Discrete(_) => panic!("a number"),
        }
    }

    #[test]
    fn few_kernels_are_wide_and_many_narrow() {
        assert_eq!(by_number(step(0), 3), 0.2);
        assert_eq!(by_number(step(1), 3), 0.2);
        // 2^7 kernels in 3 dimensions: half as wide.
        assert!((by_number(step(128), 3) - 0.1).abs() < 1e-15);
        assert_eq!(step(1_000), step(1_001));
    }

    #[test]
    fn good_kernels_follow_their_spread_within_limits() {
        let prior = uniform();
        let of = |places: &[f64]| by_spread(places, 0.5, &prior, 1);
        assert_eq!(of(&[3.0; 8]), 4.0 / 10.0);
        assert_eq!(of(&[3.0; 98]), 4.0 / 100.0);
        assert_eq!(of(&vec![3.0; 5_000]), 4.0 / 100.0);
        assert_eq!(of(&[-1e9, 1e9]), 4.0);
        // One observation has no spread: that of the prior would be narrower than the least.
        assert_eq!(of(&[3.0]), 4.0 / 3.0);
        // Locations 0 and 3: a deviation of 3 / sqrt(2).
        let pair = SCOTT * 2.0_f64.powf(-0.2) * 4.5_f64.sqrt();
        assert!((of(&[0.0, 6.0]) - pair).abs() < 1e-15);
    }

    #[test]
    fn grids_add_the_variance_of_rounding() {
        let on = |name, args: &[f64]| match Distribution::new("x", name, args).expect("valid") {
            Distribution::Numeric(prior) => on_grid(0.3, &prior),
            Distribution::Discrete(_) => panic!("a number"),
        };
        assert_eq!(on("uniform", &[0.0, 9.0]), 0.09_f64.sqrt());
        let rounded = on("quniform", &[0.0, 9.0, 2.0]);
        assert!((rounded - (0.09_f64 + 4.0 / 12.0).sqrt()).abs() < 1e-15);
    }
}
