//! The joint density of a group: a mixture of product kernels, see [`joint`](crate::kernels::product).

use crate::kernels::axes::{Axis, sample_normal, sample_prior_axis};
use crate::kernels::product::Joint;
use crate::numeric::rng::Stream;
use crate::numeric::sums::joint_sums;
use crate::space::distribution::Distribution;

/// A joint density of one group.
pub(crate) struct Mixture<'a> {
    pub(crate) joint: &'a Joint,
    /// Kernels that are summed.
    pub(crate) kept: Vec<(usize, f64)>,
    pub(crate) weights: Vec<f64>,
    /// Weight of the prior's kernel.
    pub(crate) prior: f64,
    /// Share of a category that a kernel did not observe, before normalisation.
    pub(crate) spread: f64,
}

impl Mixture<'_> {
    /// Draws one value an axis, as they are in trials.
    pub(crate) fn sample(&self, stream: &mut Stream) -> Vec<f64> {
        let u = stream.unit();
        let mut left = u - self.prior;
        if left < 0.0 || self.kept.is_empty() {
            return self
                .joint
                .axes
                .iter()
                .map(|axis| sample_prior_axis(axis, stream))
                .collect();
        }
        let mut chosen = self.kept.len() - 1;
        for (k, weight) in self.weights.iter().enumerate() {
            if left < *weight {
                chosen = k;
                break;
            }
            left -= weight;
        }
        let k = self.kept[chosen].0;
        let axes = self.joint.axes.iter().zip(&self.joint.columns);
        axes.zip(&self.joint.inverses)
            .map(|((axis, column), inverses)| {
                let sigma = axis.sigma / inverses.get(k).unwrap_or(&1.0);
                self.sample_axis(axis, column[k], sigma, stream)
            })
            .collect()
    }

    fn sample_axis(&self, axis: &Axis, place: f64, sigma: f64, stream: &mut Stream) -> f64 {
        match &axis.prior {
            Distribution::Numeric(prior) => sample_normal(prior, place * axis.sigma, sigma, stream),
            Distribution::Discrete(prior) => {
                let size = prior.size() as f64;
                if place < 0.0 || stream.unit() * (1.0 + size * self.spread) >= 1.0 {
                    return prior.value_of(stream.below(prior.size()));
                }
                prior.low() as f64 + place
            }
        }
    }

    /// Log density of points, each with one value an axis, under the prior's kernel alone.
    pub(crate) fn log_priors(&self, points: &[Vec<f64>]) -> Vec<f64> {
        let axes = &self.joint.axes;
        let of = |point: &Vec<f64>| axes.iter().zip(point).map(|(a, &v)| a.log_prior(v)).sum();
        points.iter().map(of).collect()
    }

    /// Log density of points, given that under the prior's kernel alone.
    pub(crate) fn log_density(&self, points: &[Vec<f64>], log_priors: &[f64]) -> Vec<f64> {
        let joint = self.joint;
        let mut matching = Vec::new();
        let mut other = Vec::new();
        let mut constant = 0.0;
        let is_number: Vec<bool> = joint
            .axes
            .iter()
            .map(|a| matches!(a.prior, Distribution::Numeric(_)))
            .collect();
        for axis in &joint.axes {
            match &axis.prior {
                Distribution::Numeric(_) => {
                    constant -= libm::log(axis.sigma * (2.0 * std::f64::consts::PI).sqrt());
                }
                Distribution::Discrete(prior) => {
                    let whole = 1.0 + prior.size() as f64 * self.spread;
                    matching.push(libm::log((1.0 + self.spread) / whole));
                    other.push(libm::log(self.spread / whole));
                }
            }
        }
        let all = self.kept.len() == joint.len();
        let pick = |from: &Vec<f64>| -> Vec<f64> {
            let kept = self.kept.iter();
            kept.filter_map(|&(k, _)| from.get(k).copied()).collect()
        };
        let picked: [Vec<Vec<f64>>; 2];
        let picked_scales: Vec<f64>;
        let (columns, inverses, scales) = if all {
            (&joint.columns, &joint.inverses, &joint.log_scales)
        } else {
            picked = [&joint.columns, &joint.inverses].map(|all| all.iter().map(pick).collect());
            picked_scales = pick(&joint.log_scales);
            (&picked[0], &picked[1], &picked_scales)
        };
        let (numbers, categories): (Vec<_>, Vec<_>) =
            (0..columns.len()).partition(|&axis| is_number[axis]);
        let shift = scales.iter().copied().fold(0.0, f64::max);
        let is_scaled = numbers.iter().any(|&a| !inverses[a].is_empty());
        let sum_up = if is_scaled {
            joint_sums::<true>
        } else {
            joint_sums::<false>
        };
        let sums = sum_up(
            &numbers
                .iter()
                .map(|&a| (&columns[a][..], &inverses[a][..]))
                .collect::<Vec<_>>(),
            &categories
                .iter()
                .map(|&a| &columns[a][..])
                .collect::<Vec<_>>(),
            (&matching, &other),
            scales,
            shift,
            &self.weights,
            &points
                .iter()
                .map(|point| {
                    let places = |of: &[usize]| -> Vec<f64> {
                        of.iter().map(|&a| joint.axes[a].place(point[a])).collect()
                    };
                    (places(&numbers), places(&categories))
                })
                .collect::<Vec<_>>(),
        );
        sums.iter()
            .zip(log_priors)
            .map(|(sum, prior)| {
                let kernels = libm::log(*sum) + shift + constant;
                let prior = libm::log(self.prior) + prior;
                let (high, low) = if kernels > prior {
                    (kernels, prior)
                } else {
                    (prior, kernels)
                };
                high + libm::log1p(libm::exp(low - high))
            })
            .collect()
    }
}
