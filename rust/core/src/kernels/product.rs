//! Kernels that are products over several parameters, in columns.
//!
//! A mixture with one kernel per observation, each a product over the parameters of a *group* (those
//! that are active together): Falkner, Klein, Hutter, *BOHB* (2018), section 3.2, and Optuna's
//! default. Unlike one mixture per parameter, it sees which values are good *together*.
//!
//! - Numbers: a normal kernel, truncated to the bounds. All of a parameter's kernels have one
//!   bandwidth, by their number or their spread ([`bandwidths`]). A grid of step `q` adds the variance
//!   `q^2 / 12` of rounding to it. On a grid the bounds are those of the outermost values' cells, so
//!   that these are not less likely than others.
//! - Categories: the observed one has `1 + e`, each other `e`, with `e = prior_weight / kernels`.
//! - The prior is one more kernel.
//!
//! The kernels are kept in columns, so that a candidate costs a pass over them with one exponential
//! per kernel.

use crate::kernels::axes::Axis;
use crate::kernels::bandwidths::{self, by_number, by_spread, on_grid};
use crate::space::distribution::Distribution;

/// Kernels of one group on one side, in columns, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct ProductKernels {
    pub(crate) axes: Vec<Axis>,
    tids: Vec<i64>,
    /// One column per axis: locations over the bandwidth, or categories.
    pub(crate) columns: Vec<Vec<f64>>,
    /// `-ln` of each kernel's mass within the bounds.
    pub(crate) log_scales: Vec<f64>,
    /// What kernels weigh, where they do not by age: the good trials'.
    pub(crate) weights: Vec<f64>,
    /// Number of kernels that the bandwidths are for, rounded to a step.
    step: i32,
}

/// A trial id, one value per axis, and a weight.
pub(crate) type Observation = (i64, Vec<f64>, f64);

impl ProductKernels {
    pub(crate) fn new<'a>(priors: impl Iterator<Item = &'a Distribution>) -> Self {
        let axes: Vec<Axis> = priors.map(Axis::new).collect();
        let columns = vec![Vec::new(); axes.len()];
        let mut kernels = Self {
            axes,
            tids: Vec::new(),
            columns,
            log_scales: Vec::new(),
            weights: Vec::new(),
            step: i32::MIN,
        };
        kernels.fit_by_number();
        kernels
    }

    pub(crate) fn len(&self) -> usize {
        self.tids.len()
    }

    /// Adds an observation; one value per axis.
    pub(crate) fn insert(&mut self, tid: i64, values: &[f64]) {
        let at = self.tids.partition_point(|&t| t < tid);
        self.tids.insert(at, tid);
        let mut log_scale = 0.0;
        for ((axis, column), &value) in self.axes.iter().zip(&mut self.columns).zip(values) {
            let place = axis.place(value);
            log_scale -= axis.log_mass(place);
            column.insert(at, place);
        }
        self.log_scales.insert(at, log_scale);
        self.fit_by_number();
    }

    /// Forgets an observation.
    pub(crate) fn remove(&mut self, tid: i64) {
        if let Ok(at) = self.tids.binary_search(&tid) {
            self.tids.remove(at);
            self.log_scales.remove(at);
            for column in &mut self.columns {
                column.remove(at);
            }
            self.fit_by_number();
        }
    }

    /// The kernels of observations that are all known at once, with weights of their own and
    /// bandwidths by their spread.
    pub(crate) fn weighted(mut self, mut observations: Vec<Observation>) -> Self {
        observations.sort_by_key(|observation| observation.0);
        for (tid, values, weight) in observations {
            self.tids.push(tid);
            self.log_scales.push(0.0);
            self.weights.push(weight);
            for ((axis, column), value) in self.axes.iter().zip(&mut self.columns).zip(values) {
                column.push(axis.place(value));
            }
        }
        let dimension = self.axes.len();
        for (axis, column) in self.axes.iter_mut().zip(&mut self.columns) {
            let Distribution::Numeric(prior) = &axis.prior else {
                continue;
            };
            let wide = by_spread(column, axis.sigma, prior, dimension);
            let sigma = on_grid(wide, prior);
            rescale(axis, column, sigma);
        }
        self.weigh();
        self
    }

    /// Sets the bandwidths for the present number of kernels, where they are for another.
    fn fit_by_number(&mut self) {
        let step = bandwidths::step(self.len());
        if step == self.step {
            return;
        }
        self.step = step;
        let relative = by_number(step, self.axes.len());
        for (axis, column) in self.axes.iter_mut().zip(&mut self.columns) {
            let Distribution::Numeric(prior) = &axis.prior else {
                continue;
            };
            let sigma = on_grid(relative * prior.width(), prior);
            rescale(axis, column, sigma);
        }
        self.weigh();
    }

    /// Computes the kernels' masses within the bounds.
    fn weigh(&mut self) {
        for (k, log_scale) in self.log_scales.iter_mut().enumerate() {
            *log_scale = 0.0;
            for (axis, column) in self.axes.iter().zip(&self.columns) {
                *log_scale -= axis.log_mass(column[k]);
            }
        }
    }
}

/// Gives an axis another bandwidth, and its kernels the places that this means.
fn rescale(axis: &mut Axis, column: &mut [f64], sigma: f64) {
    let old = std::mem::replace(&mut axis.sigma, sigma);
    for place in column {
        *place = (*place * (old / sigma)).clamp(f64::MIN, f64::MAX);
    }
}
