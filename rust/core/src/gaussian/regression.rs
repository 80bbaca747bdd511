//! A Gaussian process over points of a search, and the improvement it expects.
//!
//! Rasmussen and Williams, *Gaussian Processes for Machine Learning* (2006): regression with noise
//! (algorithm 2.1), with the covariance of [`matern`](crate::gaussian::matern) and the likeliest of a few
//! length scales.

use crate::gaussian::cholesky::Cholesky;
use crate::gaussian::coordinates::Coordinates;
use crate::gaussian::feasibility::Feasibility;
use crate::gaussian::improvement::log_expected;
use crate::gaussian::matern::{covariances, decays, radii};
use crate::gaussian::scales::Radii;
use crate::numeric::simd::{LANES, Lanes, vectorized};

/// Results at places.
#[derive(Debug, Clone, Default)]
pub(crate) struct Results {
    pub(crate) places: Vec<Vec<f64>>,
    /// Standardised.
    pub(crate) losses: Vec<f64>,
    /// Places that have no result, since their trials failed.
    pub(crate) failed: Vec<Vec<f64>>,
}

/// A Gaussian process that has seen results.
#[derive(Debug)]
pub(crate) struct GaussianProcess<'a> {
    coordinates: &'a Coordinates<'a>,
    /// One over the length scale.
    inverse: f64,
    places: Vec<Vec<f64>>,
    /// The factor `L` of the places' covariance.
    factor: Cholesky,
    /// `L^-1 y`.
    residuals: Vec<f64>,
    /// Nothing where no trial failed.
    feasibility: Option<Feasibility>,
    best: f64,
    /// Room for the covariances of a block with all places, and for `L^-1` times them.
    near: Vec<Lanes>,
}

impl<'a> GaussianProcess<'a> {
    /// Fits the process to results, best first, and to `running` points: each is assumed to have
    /// the result that the process predicts for it (the kriging believer; Ginsbourger et al.,
    /// *Kriging is well-suited to parallelize optimization*, 2010), so that the next point is sought
    /// elsewhere. So are those that failed, of which a [`Feasibility`] is fitted as well.
    pub(crate) fn fit(
        coordinates: &'a Coordinates<'a>,
        results: Results,
        running: Vec<Vec<f64>>,
    ) -> Self {
        let Results {
            mut places,
            losses,
            failed,
        } = results;
        let (finished, n_failed) = (places.len(), failed.len());
        places.extend(failed);
        places.extend(running);
        let radii = Radii::new(coordinates, &places);
        let inverse = radii.likeliest_inverse(&losses, coordinates.axes.len());
        let factor = radii.factor(inverse);
        let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
        let mut residuals = losses;
        residuals.resize(places.len().next_multiple_of(LANES), 0.0);
        factor.solve_lower(&mut residuals);
        // A result that is as predicted leaves nothing to explain.
        residuals[finished..].fill(0.0);
        let feasibility = Feasibility::fit(&factor, finished, n_failed, residuals.len());
        Self {
            coordinates,
            inverse,
            places,
            factor,
            near: vec![Lanes::ZERO; residuals.len()],
            residuals,
            feasibility,
            best,
        }
    }

    /// Mean and variance at each place of a block: equations 2.25 and 2.26, which by the factor are
    /// products of `L^-1 k` with `L^-1 y` and with itself.
    fn predict(&mut self, block: &[Lanes]) -> (Lanes, Lanes) {
        vectorized(
            #[inline(always)]
            || {
                for (near, place) in self.near.iter_mut().zip(&self.places) {
                    let radii = radii(self.coordinates, place, block);
                    *near = covariances(&radii, &decays(&radii, self.inverse), self.inverse);
                }
                self.near[self.places.len()..].fill(Lanes::ZERO);
                let (mean, explained) = self.factor.products(&mut self.near, &self.residuals);
                (
                    mean,
                    Lanes(explained.map(|explained| (1.0 - explained).max(1e-8))),
                )
            },
        )
    }

    /// The logarithm of the improvement over the best result that is expected at each row
    /// (Jones, Schonlau, Welch, *Efficient global optimization*, 1998, equation 15); times the
    /// probability that the row does not fail, where some did.
    pub(crate) fn log_improvement(&mut self, rows: &[Vec<f64>]) -> Vec<f64> {
        let best = self.best;
        let log = |mean: f64, variance: f64| {
            let deviation = variance.sqrt();
            log_expected((best - mean) / deviation) + libm::log(deviation)
        };
        let mut out = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(LANES) {
            let (means, variances) = self.predict(&self.coordinates.block(chunk));
            let pairs = means.iter().zip(*variances).take(chunk.len());
            let at = out.len();
            out.extend(pairs.map(|(&mean, variance)| log(mean, variance)));
            if let Some(feasibility) = &self.feasibility {
                let feasible = feasibility.log_probability(&self.near, &variances);
                for (promise, feasible) in out[at..].iter_mut().zip(*feasible) {
                    *promise += feasible;
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian::cholesky::tests::{factor_twin, solve_twin};
    use crate::gaussian::coordinates::tests::mixed;
    use crate::gaussian::matern::tests::{covariance_twin, decay_twin, radius_twin};
    use crate::gaussian::scales::NOISE;
    use crate::numeric::twins::{assert_bits, awkward};

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
            places: rows
                .iter()
                .map(|row| coordinates.place(row.to_vec()))
                .collect(),
            losses: rows
                .iter()
                .map(|r| (r[0] - 1.0).abs() - 1.0 + 0.3 * r[2])
                .collect(),
            failed: vec![],
        }
    }

    /// Mean and standard deviation at a place.
    fn predict(process: &mut GaussianProcess<'_>, place: &[f64]) -> (f64, f64) {
        let block = process.coordinates.block_of_places(&[place.to_vec()]);
        let (means, variances) = process.predict(&block);
        (means[LANES - 1], variances[LANES - 1].sqrt())
    }

    #[test]
    fn predictions_are_those_of_the_equations_solved_otherwise() {
        // Rasmussen and Williams, equations 2.25 and 2.26, by elimination.
        let space = mixed();
        let coordinates = Coordinates::new(&space);
        let results = results(&coordinates, 19);
        let mut process = GaussianProcess::fit(&coordinates, results.clone(), vec![]);
        let place = coordinates.place(vec![0.3, 0.4, 1.0]);
        let n = results.losses.len();
        let covariance = |a: &[f64], b: &[f64]| {
            let radii = radii(&coordinates, a, &coordinates.block_of_places(&[b.to_vec()]));
            covariances(&radii, &decays(&radii, process.inverse), process.inverse)[0]
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
        let (mean, deviation) = predict(&mut process, &place);
        assert!((mean - solved(n)).abs() < 1e-9, "{mean} {}", solved(n));
        let want = (1.0 - solved(n + 1)).sqrt();
        assert!((deviation - want).abs() < 1e-9, "{deviation} {want}");
    }

    #[test]
    fn a_running_point_promises_less_improvement_but_no_other_mean() {
        let space = mixed();
        let coordinates = Coordinates::new(&space);
        let results = results(&coordinates, 40);
        let row = [vec![1.05, 0.4, 0.0]];
        let place = coordinates.place(row[0].clone());
        let mut free = GaussianProcess::fit(&coordinates, results.clone(), vec![]);
        let mut taken = GaussianProcess::fit(&coordinates, results, vec![place.clone()]);
        assert!((predict(&mut free, &place).0 - predict(&mut taken, &place).0).abs() < 1e-6);
        assert!(free.log_improvement(&row)[0] > taken.log_improvement(&row)[0] + 0.1);
    }

    #[test]
    fn improvement_is_the_integral_that_defines_it() {
        let space = mixed();
        let coordinates = Coordinates::new(&space);
        let mut process = GaussianProcess::fit(&coordinates, results(&coordinates, 12), vec![]);
        for row in [[0.9, 0.4, 0.0], [-0.9, 2.0, 2.0], [3.0, 0.1, 1.0]] {
            let (mean, deviation) = predict(&mut process, &coordinates.place(row.to_vec()));
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
            let got = process.log_improvement(&[row.to_vec()])[0];
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
    }

    #[test]
    fn failed_places_change_what_is_promised_but_not_what_is_predicted() {
        let space = mixed();
        let coordinates = Coordinates::new(&space);
        let rows: Vec<Vec<f64>> = (0..8)
            .map(|i| vec![0.9, 0.05 + 0.25 * f64::from(i), 0.0])
            .collect();
        let mut known = results(&coordinates, 30);
        let mut free = GaussianProcess::fit(&coordinates, known.clone(), vec![]);
        known.failed = vec![coordinates.place(vec![0.9, 1.9, 0.0])];
        let mut taken = GaussianProcess::fit(&coordinates, known, vec![]);
        let block = coordinates.block(&rows);
        for (one, other) in free.predict(&block).0.iter().zip(*taken.predict(&block).0) {
            assert!((one - other).abs() < 1e-6);
        }
        let gap: Vec<f64> = free
            .log_improvement(&rows)
            .iter()
            .zip(taken.log_improvement(&rows))
            .map(|(free, taken)| free - taken)
            .collect();
        assert!(gap[7] > 3.0, "where it failed: {gap:?}");
        assert!(gap[0] < 0.2 * gap[7], "far from there: {gap:?}");
    }

    #[test]
    fn feasibility_is_the_probit_of_the_regression_of_outcomes() {
        // Regressing the outcomes as losses predicts what the probability is made from.
        let space = mixed();
        let coordinates = Coordinates::new(&space);
        let mut known = results(&coordinates, 23);
        known.failed = known.places.split_off(17);
        known.losses.truncate(17);
        let mut process = GaussianProcess::fit(&coordinates, known.clone(), vec![]);
        let inverse = process.inverse;
        let radii = Radii::new(&coordinates, &process.places);
        let mut outcomes = vec![1.0; 17];
        outcomes.resize(23, -1.0);
        let mut residuals = outcomes;
        residuals.resize(24, 0.0);
        let factor = radii.factor(inverse);
        factor.solve_lower(&mut residuals);
        process.residuals = residuals;
        let block = coordinates.block(&[vec![0.3, 0.4, 1.0]]);
        let (means, variances) = process.predict(&block);
        let feasibility = process.feasibility.as_ref().expect("some failed");
        let got = feasibility.log_probability(&process.near, &variances)[0];
        let z = means[0] / (variances[0] + 0.1).sqrt();
        let want = libm::log(0.5 * libm::erfc(-z / 2.0_f64.sqrt()));
        assert!((got - want).abs() < 1e-9, "{got} {want}");
    }

    #[test]
    fn predictions_are_their_twin() {
        let space = mixed();
        let coordinates = Coordinates::new(&space);
        for n in 1..=40 {
            let mut process = GaussianProcess::fit(&coordinates, results(&coordinates, n), vec![]);
            let padded = n.next_multiple_of(LANES);
            let inverse = process.inverse;
            let covariance = |a: &[f64], b: &[f64]| {
                let radius = radius_twin(&coordinates, a, b);
                covariance_twin(radius, decay_twin(radius, inverse), inverse)
            };
            let places = process.places.clone();
            let far = covariance_twin(1e6, decay_twin(1e6, inverse), inverse);
            let factor = factor_twin(padded, |i, j| match (i, j) {
                _ if i == j => 1.0 + NOISE,
                _ if i >= n => far,
                _ => covariance(&places[j], &places[i]),
            });
            let asked: Vec<Vec<f64>> = awkward(8 * coordinates.axes.len(), n as u64)
                .chunks(coordinates.axes.len())
                .map(<[f64]>::to_vec)
                .collect();
            let (means, variances) = process.predict(&coordinates.block_of_places(&asked));
            for (lane, place) in asked.iter().enumerate() {
                let mut near: Vec<f64> = places.iter().map(|p| covariance(p, place)).collect();
                near.resize(padded, 0.0);
                let (mut mean, mut explained) = (0.0, 0.0);
                for (x, residual) in solve_twin(&factor, &near).iter().zip(&process.residuals) {
                    mean += residual * x;
                    explained += x * x;
                }
                let want = [mean, (1.0 - explained).max(1e-8)];
                assert_bits(&[means[lane], variances[lane]], &want, n);
            }
        }
    }
}
