//! A Gaussian process over points of a search, and the improvement it expects.
//!
//! Rasmussen and Williams, *Gaussian Processes for Machine Learning* (2006): regression with noise
//! (algorithm 2.1) and a Matérn covariance of smoothness 5/2 (equation 4.17). Distances are those
//! of [`Coordinates`]. One length scale for all of them, the one of [`SCALES`] with the largest
//! marginal likelihood (equation 2.30).

use crate::cholesky::{Cholesky, Lanes};
use crate::coordinates::Coordinates;
use crate::math::normal_cdf;
use crate::vector::{LANES, exp_negative, vectorized};

/// Length scales to choose from, times the square root of the number of parameters: in widths of
/// the prior.
const SCALES: [f64; 5] = [0.1, 0.2, 0.4, 0.8, 1.6];

/// Variance of the noise, in units of that of the results.
const NOISE: f64 = 1e-3;

/// Squared distances end here.
const FAR: f64 = 1e12;

/// Points that length scales are judged by.
const JUDGES: usize = 32;

/// Results at places.
#[derive(Debug, Clone, Default)]
pub(crate) struct Results {
    pub(crate) places: Vec<Vec<f64>>,
    /// Standardised.
    pub(crate) losses: Vec<f64>,
}

/// A Gaussian process that has seen results.
#[derive(Debug)]
pub(crate) struct Process<'a> {
    coordinates: &'a Coordinates<'a>,
    /// One over the length scale.
    inverse: f64,
    places: Vec<Vec<f64>>,
    factor: Cholesky,
    /// `K^-1 y`.
    weights: Vec<f64>,
    best: f64,
}

impl<'a> Process<'a> {
    /// Fits the process to results, best first, and to `running` points: each is believed to have
    /// the result that is expected of it (Ginsbourger et al., *Kriging is well-suited to
    /// parallelize optimization*, 2010), so that the next point is sought elsewhere; or the one that
    /// it is `told`.
    pub(crate) fn fit(
        coordinates: &'a Coordinates<'a>,
        results: Results,
        running: Vec<Vec<f64>>,
        told: Option<f64>,
    ) -> Self {
        let inverse = best_inverse(coordinates, &results);
        let Results { places, losses } = results;
        let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
        let mut process = Self {
            coordinates,
            inverse,
            places,
            factor: Cholesky::default(),
            weights: Vec::new(),
            best,
        };
        if running.is_empty() {
            process.condition(losses);
            return process;
        }
        let believed = if let Some(loss) = told {
            vec![loss; running.len()]
        } else {
            process.condition(losses.clone());
            let predicted = process.predict(&running);
            predicted.into_iter().map(|(mean, _)| mean).collect()
        };
        let losses = losses.into_iter().chain(believed).collect();
        process.places.extend(running);
        process.condition(losses);
        process
    }

    /// Sets the weights for the losses at the places.
    fn condition(&mut self, losses: Vec<f64>) {
        self.weights = losses;
        self.factor = factor(self.coordinates, &self.places, self.inverse);
        self.factor.solve_lower(&mut self.weights);
        self.factor.solve_upper(&mut self.weights);
    }

    /// Mean and standard deviation at each of the places.
    pub(crate) fn predict(&self, places: &[Vec<f64>]) -> Vec<(f64, f64)> {
        let mut out = Vec::with_capacity(places.len());
        let mut near = vec![[0.0; LANES]; self.places.len()];
        for block in places.chunks(LANES) {
            // A short block repeats its last place.
            let at = |lane: usize| &block[lane.min(block.len() - 1)];
            let block_places: Vec<Lanes> = (0..self.coordinates.axes.len())
                .map(|axis| std::array::from_fn(|lane| at(lane)[axis]))
                .collect();
            let mut means = [0.0; LANES];
            for ((near, place), weight) in near.iter_mut().zip(&self.places).zip(&self.weights) {
                *near = covariances(self.coordinates, place, &block_places, self.inverse);
                for lane in 0..LANES {
                    means[lane] += weight * near[lane];
                }
            }
            let explained = self.factor.squared_norms(&mut near);
            let pairs = means.iter().zip(explained);
            out.extend(
                pairs
                    .take(block.len())
                    .map(|(&mean, explained)| (mean, (1.0 - explained).max(1e-8).sqrt())),
            );
        }
        out
    }

    /// The logarithm of the improvement over the best result that is expected at each place
    /// (Jones, Schonlau, Welch, *Efficient global optimization*, 1998, equation 15).
    pub(crate) fn log_improvement(&self, places: &[Vec<f64>]) -> Vec<f64> {
        let log = |(mean, deviation): (f64, f64)| {
            let z = (self.best - mean) / deviation;
            let density = libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt();
            let relative = if z > -5.0 {
                libm::log(z * normal_cdf(z) + density)
            } else {
                // The sum above is a small difference there: its asymptotic series.
                -0.5 * z * z - 0.5 * libm::log(2.0 * std::f64::consts::PI) - 2.0 * libm::log(-z)
            };
            relative + libm::log(deviation)
        };
        self.predict(places).into_iter().map(log).collect()
    }
}

/// One over the likeliest length scale.
fn best_inverse(coordinates: &Coordinates<'_>, results: &Results) -> f64 {
    let n = results.losses.len();
    let judges: Vec<usize> = if n <= JUDGES {
        (0..n).collect()
    } else {
        // Good and bad ones: results come best first.
        (0..JUDGES).map(|k| k * n / JUDGES).collect()
    };
    let places: Vec<Vec<f64>> = judges.iter().map(|&k| results.places[k].clone()).collect();
    let dimension = (coordinates.axes.len() as f64).sqrt();
    let mut best = (f64::NEG_INFINITY, 1.0);
    for scale in SCALES {
        let inverse = 1.0 / (scale * dimension);
        let factor = factor(coordinates, &places, inverse);
        let mut residuals: Vec<f64> = judges.iter().map(|&k| results.losses[k]).collect();
        factor.solve_lower(&mut residuals);
        let misfit: f64 = residuals.iter().map(|x| x * x).sum();
        let log_likelihood = -0.5 * misfit - factor.half_log_determinant();
        if log_likelihood > best.0 {
            best = (log_likelihood, inverse);
        }
    }
    best.1
}

/// The factor of the places' covariance.
fn factor(coordinates: &Coordinates<'_>, places: &[Vec<f64>], inverse: f64) -> Cholesky {
    let n = places.len();
    let mut rows = vec![0.0; n * n];
    for first in (0..n).step_by(LANES) {
        let width = LANES.min(n - first);
        let block: Vec<Lanes> = (0..coordinates.axes.len())
            .map(|axis| std::array::from_fn(|lane| places[first + lane.min(width - 1)][axis]))
            .collect();
        for i in first..n {
            let row = covariances(coordinates, &places[i], &block, inverse);
            rows[i * n + first..i * n + first + width].copy_from_slice(&row[..width]);
        }
    }
    for i in 0..n {
        rows[i * n + i] = 1.0 + NOISE;
    }
    Cholesky::new(rows, n)
}

/// Covariances of a place with those of a block (one array an axis).
fn covariances(
    coordinates: &Coordinates<'_>,
    place: &[f64],
    block: &[Lanes],
    inverse: f64,
) -> Lanes {
    vectorized(
        #[inline(always)]
        || {
            let mut squares = [0.0; LANES];
            for ((axis, &at), others) in coordinates.axes.iter().zip(place).zip(block) {
                let is_category = axis.is_none();
                for lane in 0..LANES {
                    let gap = at - others[lane];
                    let square = gap * gap;
                    // Not where either is inactive: NaN is not greater.
                    squares[lane] += if square > 0.0 {
                        if is_category { 1.0 } else { square }
                    } else {
                        0.0
                    };
                }
            }
            let mut out = [0.0; LANES];
            for lane in 0..LANES {
                // So far away that nothing is shared, but no further: infinity times zero is NaN.
                let square = if squares[lane] < FAR {
                    squares[lane]
                } else {
                    FAR
                };
                let r = (5.0 * square).sqrt() * inverse;
                out[lane] = (1.0 + r + r * r / 3.0) * exp_negative(-r);
            }
            out
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;

    fn space() -> Space {
        Space::flat(&[
            ("uniform", &[-1.0, 3.0]),
            ("loguniform", &[-3.0, 1.0]),
            ("randint", &[0.0, 3.0]),
        ])
        .expect("valid")
    }

    fn results(coordinates: &Coordinates<'_>, n: usize) -> Results {
        let rows: Vec<[f64; 3]> = (0..n)
            .map(|i| {
                let t = i as f64 * 0.618_034;
                [
                    4.0 * t.fract() - 1.0,
                    libm::exp((3.7 * t).fract() * 4.0 - 3.0),
                    (i % 3) as f64,
                ]
            })
            .collect();
        Results {
            places: rows.iter().map(|row| coordinates.place(row)).collect(),
            losses: rows
                .iter()
                .map(|r| (r[0] - 1.0).abs() - 1.0 + 0.3 * r[2])
                .collect(),
        }
    }

    #[test]
    fn covariances_are_the_formula_and_leave_out_what_one_has_not() {
        let space = space();
        let coordinates = Coordinates::new(&space);
        let matern = |r2: f64| {
            let r = (5.0 * r2).sqrt();
            (1.0 + r + 5.0 * r2 / 3.0) * libm::exp(-r)
        };
        let block = |place: [f64; 3]| place.map(|x| [x; LANES]);
        let got = |a: [f64; 3], b: [f64; 3]| covariances(&coordinates, &a, &block(b), 2.0)[3];
        let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-14, "{got} {want}");
        near(got([0.1, 0.2, 1.0], [0.4, 0.2, 1.0]), matern(4.0 * 0.09));
        near(
            got([0.1, 0.2, 1.0], [0.4, 0.7, 2.0]),
            matern(4.0 * (0.09 + 0.25 + 1.0)),
        );
        near(
            got([0.1, f64::NAN, 1.0], [0.4, 0.7, 1.0]),
            matern(4.0 * 0.09),
        );
        near(got([0.1, f64::NAN, f64::NAN], [0.1, 0.7, 1.0]), 1.0);
    }

    #[test]
    fn predictions_are_those_of_the_equations_solved_otherwise() {
        // Rasmussen and Williams, equations 2.25 and 2.26, by elimination.
        let space = space();
        let coordinates = Coordinates::new(&space);
        let results = results(&coordinates, 19);
        let process = Process::fit(&coordinates, results.clone(), vec![], None);
        let place = coordinates.place(&[0.3, 0.4, 1.0]);
        let n = results.losses.len();
        let covariance = |a: &[f64], b: &[f64]| {
            let block: Vec<Lanes> = b.iter().map(|&x| [x; LANES]).collect();
            covariances(&coordinates, a, &block, process.inverse)[0]
        };
        let near: Vec<f64> = results
            .places
            .iter()
            .map(|p| covariance(p, &place))
            .collect();
        // Each row: K, then y, then k.
        let mut rows: Vec<Vec<f64>> = (0..n)
            .map(|i| {
                let mut row: Vec<f64> = (0..n)
                    .map(|j| {
                        let noise = if i == j { NOISE } else { 0.0 };
                        covariance(&results.places[i], &results.places[j]) + noise
                    })
                    .collect();
                row.extend([results.losses[i], near[i]]);
                row
            })
            .collect();
        for i in 0..n {
            for j in 0..n {
                if i != j {
                    let factor = rows[j][i] / rows[i][i];
                    let pivot = rows[i].clone();
                    for (x, p) in rows[j].iter_mut().zip(pivot) {
                        *x -= factor * p;
                    }
                }
            }
        }
        let solved =
            |column: usize| -> f64 { (0..n).map(|i| near[i] * rows[i][column] / rows[i][i]).sum() };
        let (mean, deviation) = process.predict(&[place])[0];
        assert!((mean - solved(n)).abs() < 1e-9, "{mean} {}", solved(n));
        let want = (1.0 - solved(n + 1)).sqrt();
        assert!((deviation - want).abs() < 1e-9, "{deviation} {want}");
    }

    #[test]
    fn a_running_point_promises_less_improvement_but_no_other_mean() {
        let space = space();
        let coordinates = Coordinates::new(&space);
        let results = results(&coordinates, 40);
        let place = coordinates.place(&[1.05, 0.4, 0.0]);
        let free = Process::fit(&coordinates, results.clone(), vec![], None);
        let taken = Process::fit(&coordinates, results, vec![place.clone()], None);
        let place = [place];
        assert!((free.predict(&place)[0].0 - taken.predict(&place)[0].0).abs() < 1e-6);
        assert!(free.log_improvement(&place)[0] > taken.log_improvement(&place)[0] + 0.1);
    }

    #[test]
    fn a_running_point_may_be_told_its_loss() {
        let space = space();
        let coordinates = Coordinates::new(&space);
        let results = results(&coordinates, 40);
        let place = [coordinates.place(&[1.05, 0.4, 0.0])];
        let mean = |told| {
            let running = place.to_vec();
            Process::fit(&coordinates, results.clone(), running, told).predict(&place)[0].0
        };
        let expected = mean(None);
        assert!(mean(Some(expected - 2.0)) < expected - 1.0);
        assert!(mean(Some(expected + 2.0)) > expected + 1.0);
    }

    #[test]
    fn improvement_is_the_integral_that_defines_it() {
        let space = space();
        let coordinates = Coordinates::new(&space);
        let process = Process::fit(&coordinates, results(&coordinates, 12), vec![], None);
        for row in [[0.9, 0.4, 0.0], [-0.9, 2.0, 2.0], [3.0, 0.1, 1.0]] {
            let place = [coordinates.place(&row)];
            let (mean, deviation) = process.predict(&place)[0];
            let steps = 200_000;
            let sum: f64 = (0..steps)
                .map(|i| {
                    let z = -12.0 + 24.0 * (f64::from(i) + 0.5) / f64::from(steps);
                    let loss = mean + deviation * z;
                    (process.best - loss).max(0.0) * libm::exp(-0.5 * z * z)
                })
                .sum();
            let want =
                libm::log(sum * 24.0 / f64::from(steps) / (2.0 * std::f64::consts::PI).sqrt());
            let got = process.log_improvement(&place)[0];
            assert!(
                (got - want).abs() < 0.01 + 0.05 * f64::from(want < -14.0),
                "{got} {want}"
            );
        }
    }

    #[test]
    fn a_long_slope_is_given_a_long_scale() {
        let space = space();
        let coordinates = Coordinates::new(&space);
        let mut results = results(&coordinates, 32);
        results.losses = results.places.iter().map(|p| 2.0 * p[0] - 1.0).collect();
        let long = best_inverse(&coordinates, &results);
        results.losses = results.places.iter().map(|p| (40.0 * p[0]).sin()).collect();
        assert!(best_inverse(&coordinates, &results) > 3.0 * long);
    }
}
