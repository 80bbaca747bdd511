//! Product kernels over several parameters: the multivariate estimator.
//!
//! A mixture with one kernel an observation, each a product over the parameters of a *group* (those
//! that are active together): Falkner, Klein, Hutter, *BOHB* (2018), section 3.2, and Optuna's
//! default. Unlike one mixture a parameter, it sees which values are good *together*.
//!
//! - Numbers: a normal kernel, truncated to the bounds. All of a parameter's kernels have one
//!   bandwidth: `0.2 * n^(-1 / (d + 4))` of the prior's width (Scott's exponent), or for the good
//!   trials also by their spread (Scott's rule), but at least a part of that width ([`Floor`]).
//!   Or each kernel of the good trials has one of its own, by the distances of its neighbours. A
//!   grid of step `q` adds the variance `q^2 / 12` of rounding to it. On a grid the bounds are
//!   those of the outermost values' cells, so that these are no less likely than others.
//!
//! [`Floor`]: crate::samplers::tpe::settings::Floor
//! - Categories: the observed one has `1 + e`, each other `e`, with `e = prior_weight / kernels`.
//! - The prior is one more kernel.
//!
//! The rest's kernels are kept in columns, so that a candidate costs a pass over them with one
//! exponential a kernel.

use crate::kernels::axes::Axis;
use crate::kernels::density::Mixture;
use crate::kernels::neighbours;
use crate::kernels::thinning::thinned;
use crate::numeric::forgetting::forgetting_weight;
use crate::samplers::tpe::settings::{Bandwidth, Floor, Settings, Widths};
use crate::space::distribution::Distribution;

/// Width of kernels of one observation, in widths of the prior.
const WIDTH: f64 = 0.2;

/// Bandwidths follow the number of kernels in steps of this factor, so that what depends on them
/// need not be computed for each new trial.
const STEPS_PER_DOUBLING: f64 = 8.0;

/// Kernels of one group on one side, in columns, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Joint {
    pub(crate) axes: Vec<Axis>,
    tids: Vec<i64>,
    /// A column an axis: locations over the bandwidth, or categories.
    pub(crate) columns: Vec<Vec<f64>>,
    /// Where each kernel has a bandwidth of its own, for each axis of numbers one over these, in
    /// units of the axis's; else empty, as for categories.
    pub(crate) inverses: Vec<Vec<f64>>,
    /// `-ln` of each kernel's mass within the bounds, and of its own bandwidth if it has one.
    pub(crate) log_scales: Vec<f64>,
    /// What kernels weigh, where they do not by age: the good trials'.
    weights: Vec<f64>,
    /// Number of kernels that the bandwidths are for, rounded to a step.
    width_step: i32,
}

impl Joint {
    pub(crate) fn new<'a>(priors: impl Iterator<Item = &'a Distribution>) -> Self {
        let axes: Vec<Axis> = priors.map(Axis::new).collect();
        let columns = vec![Vec::new(); axes.len()];
        let inverses = columns.clone();
        let mut joint = Self {
            axes,
            tids: Vec::new(),
            columns,
            inverses,
            log_scales: Vec::new(),
            weights: Vec::new(),
            width_step: i32::MIN,
        };
        joint.fit_widths();
        joint
    }

    pub(crate) fn len(&self) -> usize {
        self.tids.len()
    }

    /// Adds an observation; one value an axis.
    pub(crate) fn insert(&mut self, tid: i64, values: &[f64]) {
        let at = self.tids.partition_point(|&t| t < tid);
        self.tids.insert(at, tid);
        let mut log_scale = 0.0;
        for ((axis, column), &value) in self.axes.iter().zip(&mut self.columns).zip(values) {
            let place = axis.place(value);
            log_scale -= axis.log_mass(place, axis.sigma);
            column.insert(at, place);
        }
        self.log_scales.insert(at, log_scale);
        self.fit_widths();
    }

    /// The kernels of observations that are all known at once, with weights of their own or
    /// without.
    pub(crate) fn filled(
        mut self,
        mut rows: Vec<(i64, Vec<f64>, Option<f64>)>,
        widths: Widths,
    ) -> Self {
        rows.sort_by_key(|row| row.0);
        for (tid, values, weight) in rows {
            self.tids.push(tid);
            self.log_scales.push(0.0);
            self.weights.extend(weight);
            for ((axis, column), value) in self.axes.iter().zip(&mut self.columns).zip(values) {
                column.push(axis.place(value));
            }
        }
        match widths.bandwidth {
            Bandwidth::Fixed => {
                self.width_step = i32::MIN;
                self.fit_widths();
            }
            Bandwidth::Scott => self.fit_spread(widths.floor),
            Bandwidth::Neighbours => self.fit_neighbours(widths.floor, widths.endpoints),
        }
        self
    }

    /// Forgets an observation.
    pub(crate) fn remove(&mut self, tid: i64) {
        if let Ok(at) = self.tids.binary_search(&tid) {
            self.tids.remove(at);
            self.log_scales.remove(at);
            for column in &mut self.columns {
                column.remove(at);
            }
            self.fit_widths();
        }
    }

    /// Sets the bandwidths for the present number of kernels, where they are for another.
    fn fit_widths(&mut self) {
        #[expect(clippy::cast_possible_truncation)]
        let step = (STEPS_PER_DOUBLING * libm::log2(self.len().max(1) as f64)).round() as i32;
        if step == self.width_step {
            return;
        }
        self.width_step = step;
        let n = libm::exp2(f64::from(step) / STEPS_PER_DOUBLING);
        let relative = WIDTH * libm::pow(n, -1.0 / (self.axes.len() as f64 + 4.0));
        for (axis, column) in self.axes.iter_mut().zip(&mut self.columns) {
            let Distribution::Numeric(prior) = &axis.prior else {
                continue;
            };
            let old = axis.sigma;
            let wide = relative * prior.width();
            axis.sigma = (wide * wide + prior.rounding()).sqrt();
            for place in column {
                *place *= old / axis.sigma;
            }
        }
        self.weigh();
    }

    /// Sets the bandwidths by the spread of the observations.
    fn fit_spread(&mut self, floor: Floor) {
        let count = self.len();
        let n = self.len() as f64;
        let scott = 1.059 * libm::pow(n.max(1.0), -1.0 / (self.axes.len() as f64 + 4.0));
        for (axis, column) in self.axes.iter_mut().zip(&mut self.columns) {
            let Distribution::Numeric(prior) = &axis.prior else {
                continue;
            };
            let width = prior.width();
            let old = axis.sigma;
            let mean = column.iter().sum::<f64>() / n.max(1.0);
            let variance =
                column.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0).max(1.0);
            // One observation says nothing of the spread.
            let spread = if n < 2.0 {
                width / 12.0_f64.sqrt()
            } else {
                variance.sqrt() * old
            };
            let wide = (scott * spread).clamp(floor.of(width, count), width);
            axis.sigma = (wide * wide + prior.rounding()).sqrt();
            for place in column {
                *place *= old / axis.sigma;
            }
        }
        self.weigh();
    }

    /// Gives each kernel a bandwidth by its neighbours.
    fn fit_neighbours(&mut self, floor: Floor, endpoints: bool) {
        let n = self.len();
        let axes = self.axes.iter_mut().zip(&mut self.columns);
        for ((axis, column), inverses) in axes.zip(&mut self.inverses) {
            let Distribution::Numeric(prior) = &axis.prior else {
                continue;
            };
            for place in column.iter_mut() {
                *place *= axis.sigma;
            }
            axis.sigma = 1.0;
            let (smallest, width) = (floor.of(prior.width(), n), prior.width());
            *inverses = neighbours::distances(column, prior, endpoints)
                .into_iter()
                .map(|distance| distance.clamp(smallest, width))
                .map(|wide| 1.0 / (wide * wide + prior.rounding()).sqrt())
                .collect();
        }
        self.weigh();
    }

    /// Computes the kernels' masses within the bounds.
    fn weigh(&mut self) {
        for (k, log_scale) in self.log_scales.iter_mut().enumerate() {
            *log_scale = 0.0;
            let axes = self.axes.iter().zip(&self.columns);
            for ((axis, column), inverses) in axes.zip(&self.inverses) {
                let own = inverses.get(k);
                let sigma = own.map_or(axis.sigma, |inverse| axis.sigma / inverse);
                *log_scale -= axis.log_mass(column[k], sigma);
                *log_scale += own.map_or(0.0, |&inverse| libm::log(inverse));
            }
        }
    }

    /// The mixture of these kernels and the prior's.
    pub(crate) fn mixture(&self, settings: &Settings) -> Mixture<'_> {
        let prior_weight = settings.prior_weight;
        let n = self.len();
        let kept = thinned(n);
        // One a kernel on average, as the prior's weight is in units of that. In a group whose good
        // trials all weigh nothing, they weigh the same.
        let mean = self.weights.iter().sum::<f64>() / n as f64;
        let weight = |k| match self.weights.get(k) {
            Some(weight) if mean > 0.0 => weight / mean,
            Some(_) => 1.0,
            None => forgetting_weight(k, n),
        };
        let mut weights: Vec<f64> = kept.iter().map(|&(k, f)| f * weight(k)).collect();
        let total = weights.iter().sum::<f64>() + prior_weight;
        for weight in &mut weights {
            *weight /= total;
        }
        // Each category's share in a kernel that observed another one.
        let spread = prior_weight / (n as f64 + 1.0);
        Mixture {
            joint: self,
            kept,
            weights,
            prior: prior_weight / total,
            spread,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::normal::kernel_mass;
    use crate::numeric::rng::Stream;

    fn axes() -> Vec<Distribution> {
        [
            ("uniform", &[0.0, 1.0][..]),
            ("randint", &[0.0, 3.0]),
            ("normal", &[0.0, 2.0]),
        ]
        .map(|(name, args)| Distribution::new("p", name, args).expect("valid"))
        .to_vec()
    }

    fn filled(n: i64) -> Joint {
        let priors = axes();
        let mut joint = Joint::new(priors.iter());
        let mut stream = Stream::new(3, 3);
        for tid in 0..n {
            let row = [stream.unit(), stream.below(3) as f64, 2.0 * stream.normal()];
            joint.insert(tid, &row);
        }
        joint
    }

    fn log_density(mixture: &Mixture<'_>, points: &[Vec<f64>]) -> Vec<f64> {
        mixture.log_density(points, &mixture.log_priors(points))
    }

    #[test]
    fn densities_equal_the_sum_written_out() {
        let joint = filled(150);
        let mixture = joint.mixture(&Settings::hyperopt());
        let point = vec![0.01, 2.0, 0.3];
        let got = log_density(&mixture, &[point])[0];
        let n = joint.len();
        let total: f64 = (0..n).map(|k| forgetting_weight(k, n)).sum::<f64>() + 1.0;
        let spread = 1.0 / 151.0;
        let density = |x: f64, mu: f64, sigma: f64| {
            libm::exp(-0.5 * ((x - mu) / sigma).powi(2))
                / (sigma * (2.0 * std::f64::consts::PI).sqrt())
        };
        let (s0, s2) = (joint.axes[0].sigma, joint.axes[2].sigma);
        let mut sum = 1.0 / total
            * (density(0.01, 0.5, 1.0) / kernel_mass(0.0, 1.0, 0.5, 1.0))
            * (1.0 / 3.0)
            * density(0.3, 0.0, 2.0);
        for k in 0..n {
            let (mu0, c, mu2) = (
                joint.columns[0][k] * s0,
                joint.columns[1][k],
                joint.columns[2][k] * s2,
            );
            let share = if c == 2.0 { 1.0 + spread } else { spread } / (1.0 + 3.0 * spread);
            sum += forgetting_weight(k, n) / total
                * (density(0.01, mu0, s0) / kernel_mass(0.0, 1.0, mu0, s0))
                * share
                * density(0.3, mu2, s2);
        }
        assert!((got - sum.ln()).abs() < 1e-12, "{got} {}", sum.ln());
    }

    #[test]
    fn kernels_with_bandwidths_of_their_own_are_summed_as_written_out() {
        let floor = Floor {
            part: 0.01,
            exponent: 2.0,
        };
        let rows: Vec<(i64, Vec<f64>)> = [(0.3, 2.0, 0.2), (0.7, 0.0, -3.0), (0.8, 2.0, 1.5)]
            .iter()
            .zip(0..)
            .map(|(&(x, c, y), tid)| (tid, vec![x, c, y]))
            .collect();
        let given = rows.iter().map(|(tid, row)| (*tid, row.clone(), None));
        let widths = |endpoints| Widths {
            bandwidth: Bandwidth::Neighbours,
            floor,
            endpoints,
        };
        let priors = axes();
        let made = |endpoints| {
            Joint::new(priors.iter()).filled(given.clone().collect(), widths(endpoints))
        };
        // The prior of x is at 0.5, that of y at 0.
        let of_y = [1.3, 3.0, 1.3];
        let density = |x: f64, mu: f64, sigma: f64| {
            libm::exp(-0.5 * ((x - mu) / sigma).powi(2))
                / (sigma * (2.0 * std::f64::consts::PI).sqrt())
        };
        for (endpoints, of_x) in [(false, [0.2, 0.2, 0.1]), (true, [0.3, 0.2, 0.2])] {
            let joint = made(endpoints);
            let settings = Settings::hyperopt();
            let mixture = joint.mixture(&settings);
            let point = vec![0.35, 2.0, 1.0];
            let got = log_density(&mixture, &[point])[0];
            let mut sum = 0.25
                * (density(0.35, 0.5, 1.0) / kernel_mass(0.0, 1.0, 0.5, 1.0))
                * (1.0 / 3.0)
                * density(1.0, 0.0, 2.0);
            for (k, (_, row)) in rows.iter().enumerate() {
                let share = if row[1] == 2.0 { 1.25 } else { 0.25 } / 1.75;
                sum += 0.25
                    * (density(0.35, row[0], of_x[k]) / kernel_mass(0.0, 1.0, row[0], of_x[k]))
                    * share
                    * density(1.0, row[2], of_y[k]);
            }
            assert!((got - sum.ln()).abs() < 1e-12, "{got} {}", sum.ln());
        }
    }

    #[test]
    fn draws_have_the_bandwidths_of_their_kernels() {
        let priors = [Distribution::new("p", "uniform", &[0.0, 1.0]).expect("valid")];
        let rows = [0.02, 0.04, 0.9].iter().zip(0..);
        let rows = rows.map(|(&x, tid)| (tid, vec![x], None)).collect();
        let widths = Widths {
            bandwidth: Bandwidth::Neighbours,
            floor: Floor {
                part: 0.01,
                exponent: 4.0,
            },
            endpoints: false,
        };
        let joint = Joint::new(priors.iter()).filled(rows, widths);
        let settings = Settings {
            prior_weight: 1e-9,
            ..Settings::default()
        };
        let mixture = joint.mixture(&settings);
        let mut stream = Stream::new(7, 7);
        let draws: Vec<f64> = (0..20_000)
            .map(|_| mixture.sample(&mut stream)[0])
            .collect();
        let share = |low, high| {
            draws.iter().filter(|&&x| low < x && x < high).count() as f64 / draws.len() as f64
        };
        // The prior's location, 0.5, is a neighbour.
        for (low, high) in [(0.0, 0.06), (0.06, 0.5), (0.5, 1.0)] {
            let want: f64 = [(0.02, 0.02), (0.04, 0.46), (0.9, 0.4)]
                .iter()
                .map(|&(mu, sigma)| {
                    kernel_mass(low, high, mu, sigma) / kernel_mass(0.0, 1.0, mu, sigma) / 3.0
                })
                .sum();
            let got = share(low, high);
            assert!((got - want).abs() < 0.015, "{low} {got} {want}");
        }
    }

    #[test]
    fn columns_stay_right_when_bandwidths_change() {
        // One by one, and at once from the end, must agree.
        let mut grown = filled(400);
        for tid in (300..400).rev() {
            grown.remove(tid);
        }
        let fresh = filled(300);
        let points: Vec<Vec<f64>> = (0..20)
            .map(|i| vec![f64::from(i) / 20.0, f64::from(i % 3), f64::from(i) - 10.0])
            .collect();
        let (a, b) = (
            log_density(&grown.mixture(&Settings::hyperopt()), &points),
            log_density(&fresh.mixture(&Settings::hyperopt()), &points),
        );
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() < 1e-11, "{a} {b}");
        }
    }

    #[test]
    fn draws_lie_in_the_space() {
        let joint = filled(60);
        let mixture = joint.mixture(&Settings::hyperopt());
        let mut stream = Stream::new(1, 1);
        for _ in 0..2_000 {
            let point = mixture.sample(&mut stream);
            assert!((0.0..1.0).contains(&point[0]));
            assert!([0.0, 1.0, 2.0].contains(&point[1]));
            assert!(point[2].is_finite());
        }
    }
}
