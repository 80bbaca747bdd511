//! The density of a mixture of [`product`](crate::kernels::product) kernels.

use crate::kernels::axes::{Axis, sample_normal, sample_prior_axis};
use crate::kernels::product::ProductKernels;
use crate::kernels::thinning::thinned;
use crate::numeric::forgetting::forgetting_weight;
use crate::numeric::rng::{Stream, wheel};
use crate::numeric::sums::{Categories, Kernels, Point, joint_sums};
use crate::space::distribution::Distribution;

/// A density over the parameters of one group.
pub(crate) struct ProductDensity<'a> {
    kernels: &'a ProductKernels,
    /// Kernels that are summed, and how many each stands for.
    kept: Vec<(usize, f64)>,
    weights: Vec<f64>,
    /// Weight of the prior's kernel.
    prior: f64,
    /// Share of a category that a kernel did not observe, before normalisation.
    spread: f64,
}

impl<'a> ProductDensity<'a> {
    /// The mixture of these kernels and the prior's.
    pub(crate) fn new(kernels: &'a ProductKernels, prior_weight: f64) -> Self {
        let n = kernels.len();
        let kept = thinned(n);
        // One per kernel on average, as the prior's weight is in units of that.
        let mean = kernels.weights.iter().sum::<f64>() / n as f64;
        let weight = |k| match kernels.weights.get(k) {
            Some(weight) => weight / mean,
            None => forgetting_weight(k, n),
        };
        let mut weights: Vec<f64> = kept.iter().map(|&(k, f)| f * weight(k)).collect();
        let total = weights.iter().sum::<f64>() + prior_weight;
        for weight in &mut weights {
            *weight /= total;
        }
        Self {
            kernels,
            kept,
            weights,
            prior: prior_weight / total,
            spread: prior_weight / (n as f64 + 1.0),
        }
    }

    /// Draws one value per axis, as they are in trials.
    pub(crate) fn sample(&self, stream: &mut Stream) -> Vec<f64> {
        let at = stream.unit() - self.prior;
        let axes = self.kernels.axes.iter();
        if at < 0.0 || self.kept.is_empty() {
            return axes.map(|axis| sample_prior_axis(axis, stream)).collect();
        }
        let k = self.kept[wheel(self.weights.iter().copied(), at)].0;
        axes.zip(&self.kernels.columns)
            .map(|(axis, column)| self.sample_axis(axis, column[k], stream))
            .collect()
    }

    fn sample_axis(&self, axis: &Axis, place: f64, stream: &mut Stream) -> f64 {
        match &axis.prior {
            Distribution::Numeric(prior) => {
                sample_normal(prior, place * axis.sigma, axis.sigma, stream)
            }
            Distribution::Discrete(prior) => {
                let size = prior.possible() as f64;
                if place < 0.0 || stream.unit() * (1.0 + size * self.spread) >= 1.0 {
                    let category = prior.nth_possible(stream.below(prior.possible()));
                    return prior.value_of(category);
                }
                prior.low() as f64 + place
            }
        }
    }

    /// Log density of points, each with one value per axis, under the prior's kernel alone.
    pub(crate) fn log_priors(&self, points: &[Vec<f64>]) -> Vec<f64> {
        let axes = &self.kernels.axes;
        let of = |point: &Vec<f64>| axes.iter().zip(point).map(|(a, &v)| a.log_prior(v)).sum();
        points.iter().map(of).collect()
    }

    /// Log density of points, given that under the prior's kernel alone.
    pub(crate) fn log_density(&self, points: &[Vec<f64>], log_priors: &[f64]) -> Vec<f64> {
        let kept = self.kept_columns();
        let columns: &[Vec<f64>] = kept.as_ref().map_or(&self.kernels.columns, |k| &k.0);
        let log_scales = kept.as_ref().map_or(&self.kernels.log_scales, |k| &k.1);
        // Factored out of the sum, so that no kernel's scale can overflow.
        let shift = log_scales.iter().copied().fold(0.0, f64::max);
        let (categories, constant) = self.factors(columns);
        let kernels = Kernels {
            numbers: self.only_numbers(columns),
            categories,
            log_scales,
            shift,
            weights: &self.weights,
        };
        let points: Vec<Point> = points.iter().map(|point| self.places(point)).collect();
        let log_prior_weight = libm::log(self.prior);
        joint_sums(&kernels, &points)
            .iter()
            .zip(log_priors)
            .map(|(sum, log_prior)| {
                let observed = libm::log(*sum) + shift + constant;
                log_add(observed, log_prior_weight + log_prior)
            })
            .collect()
    }

    /// Columns and scales of the kept kernels, where these are not all.
    fn kept_columns(&self) -> Option<(Vec<Vec<f64>>, Vec<f64>)> {
        let pick = |from: &Vec<f64>| self.kept.iter().map(|&(k, _)| from[k]).collect();
        let columns = &self.kernels.columns;
        (self.kept.len() < self.kernels.len()).then(|| {
            let columns = columns.iter().map(pick).collect();
            (columns, pick(&self.kernels.log_scales))
        })
    }

    fn only_numbers<'c>(&self, columns: &'c [Vec<f64>]) -> Vec<&'c [f64]> {
        let axes = self.kernels.axes.iter().zip(columns);
        let numbers = axes.filter(|(axis, _)| axis.is_number());
        numbers.map(|(_, column)| &column[..]).collect()
    }

    /// The columns of categories with what a match and another category give, and what the normal
    /// kernels of all numbers have in common; as logarithms.
    fn factors<'c>(&self, columns: &'c [Vec<f64>]) -> (Vec<Categories<'c>>, f64) {
        let mut categories = Vec::new();
        let mut constant = 0.0;
        for (axis, column) in self.kernels.axes.iter().zip(columns) {
            match &axis.prior {
                Distribution::Numeric(_) => {
                    constant -= libm::log(axis.sigma * (2.0 * std::f64::consts::PI).sqrt());
                }
                Distribution::Discrete(prior) => {
                    let whole = 1.0 + prior.possible() as f64 * self.spread;
                    categories.push(Categories {
                        column,
                        matching: libm::log((1.0 + self.spread) / whole),
                        other: libm::log(self.spread / whole),
                    });
                }
            }
        }
        (categories, constant)
    }

    fn places(&self, point: &[f64]) -> Point {
        let axes = self.kernels.axes.iter().zip(point);
        let (numbers, categories) = axes.partition::<Vec<_>, _>(|(axis, _)| axis.is_number());
        let places = |of: Vec<(&Axis, &f64)>| of.into_iter().map(|(a, &v)| a.place(v)).collect();
        Point {
            numbers: places(numbers),
            categories: places(categories),
        }
    }
}

/// `ln(e^a + e^b)`.
fn log_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    high + libm::log1p(libm::exp(low - high))
}

#[cfg(test)]
mod tests;
