//! PED-ANOVA: by the Pearson divergence of the best trials' density from that of all trials.
//!
//! Densities are kernel estimates by cell. Of each divergence, what a random set of as many trials
//! would show on average is taken off.

use crate::importance::Effect;
use crate::importance::axes::{Axis, INACTIVE};
use crate::importance::fanova::shuffle_front;
use crate::importance::summary::effect;
use crate::importance::trials::Trials;
use crate::numeric::rng::Stream;

/// The best trials are this share of all, but [`LEAST`] if there are three times as many.
const BEST: f64 = 0.1;
const LEAST: f64 = 10.0;

/// Random halves for the intervals.
const REPLICATES: i64 = 40;

/// The importance of each parameter; they sum to one.
pub(super) fn effects(trials: &Trials, seed: u64) -> Vec<Effect> {
    let mut order: Vec<u32> = (0..u32::try_from(trials.len()).unwrap_or(u32::MAX)).collect();
    let loss = |trial: &u32| trials.losses[*trial as usize];
    order.sort_by(|a, b| loss(a).total_cmp(&loss(b)));
    let estimates = divergences(trials, &order);
    let replicates: Vec<Vec<f64>> = (0..REPLICATES)
        .map(|replicate| {
            let mut ranks: Vec<u32> = (0..u32::try_from(order.len()).unwrap_or(u32::MAX)).collect();
            let half = ranks.len().div_ceil(2);
            shuffle_front(&mut ranks, half, &mut Stream::new(seed, replicate));
            ranks.truncate(half);
            ranks.sort_unstable();
            let sample: Vec<u32> = ranks.iter().map(|rank| order[*rank as usize]).collect();
            shares(&divergences(trials, &sample))
        })
        .collect();
    let effects = shares(&estimates).into_iter().enumerate();
    effects
        .map(|(at, share)| {
            let found = replicates.iter().map(|shares| shares[at]).collect();
            effect(at, None, share, found)
        })
        .collect()
}

fn shares(divergences: &[f64]) -> Vec<f64> {
    let total: f64 = divergences.iter().map(|d| d.max(0.0)).sum();
    let share = |d: &f64| if total > 0.0 { d.max(0.0) / total } else { 0.0 };
    divergences.iter().map(share).collect()
}

/// The divergence of each parameter; trials from the best to the worst.
fn divergences(trials: &Trials, order: &[u32]) -> Vec<f64> {
    let weights = best(trials, order);
    let parameters = trials
        .axes
        .iter()
        .zip(&trials.cells)
        .take(trials.parameters);
    parameters
        .map(|(axis, cells)| Histograms::new(axis, cells, order, &weights).divergence(axis))
        .collect()
}

/// The weight of each of the best trials, from the first: 1, or less for those that are as good as
/// the last one, so that the order of equal losses does not matter.
fn best(trials: &Trials, order: &[u32]) -> Vec<f64> {
    let count = order.len() as f64;
    let wanted = (BEST * count).max(LEAST.min(count / 3.0)).ceil();
    let loss = |at: usize| trials.losses[order[at] as usize];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let last = loss(wanted as usize - 1);
    let better = order
        .iter()
        .take_while(|t| trials.losses[**t as usize] < last)
        .count();
    let as_good = (better..order.len())
        .take_while(|at| loss(*at) == last)
        .count();
    let mut weights = vec![1.0; better];
    weights.resize(better + as_good, (wanted - better as f64) / as_good as f64);
    weights
}

/// Trials by cell.
struct Histograms {
    all: Vec<f64>,
    best: Vec<f64>,
    /// Weight of the best, and sum of squares of the weights, among active trials.
    weight: f64,
    /// Weight of the best, whether active or not.
    whole: f64,
    /// Number of trials, whether active or not.
    count: f64,
}

impl Histograms {
    fn new(axis: &Axis, cells: &[u8], order: &[u32], weights: &[f64]) -> Self {
        let mut all = vec![0.0; axis.len()];
        let mut best = vec![0.0; axis.len()];
        for (at, trial) in order.iter().enumerate() {
            let cell = cells[*trial as usize];
            if cell != INACTIVE {
                all[usize::from(cell)] += 1.0;
                if let Some(weight) = weights.get(at) {
                    best[usize::from(cell)] += weight;
                }
            }
        }
        Self {
            weight: best.iter().sum(),
            whole: weights.iter().sum(),
            count: order.len() as f64,
            all,
            best,
        }
    }

    /// The variance, over trials in which the parameter is active, of how much likelier than others
    /// a trial is among the best, given its value; times the share of such trials.
    fn divergence(&self, axis: &Axis) -> f64 {
        let active: f64 = self.all.iter().sum();
        if self.weight <= 0.0 || active < 2.0 {
            return 0.0;
        }
        let kernels = Kernels::new(axis, &self.best, self.weight);
        let base = kernels.smooth(&self.all, active);
        let good = kernels.smooth(&self.best, self.weight);
        let squares = kernels.smooth_squares(&self.all, active);
        let random = (1.0 / self.weight - 1.0 / active).max(0.0) * active / (active - 1.0);
        let mut divergence = 0.0;
        for ((all, best), square) in base.iter().zip(&good).zip(&squares) {
            if *all > 0.0 {
                let by_chance = (square - all * all).max(0.0) * random;
                divergence += ((best - all).powi(2) - by_chance) / all;
            }
        }
        let share = self.weight / self.whole;
        divergence * share * share / (active / self.count)
    }
}

/// The kernel of each cell, by cells; nothing for categories, which are not smoothed.
struct Kernels(Option<Vec<Vec<f64>>>);

impl Kernels {
    /// Normal kernels as wide as Scott's rule has them for the best trials.
    fn new(axis: &Axis, best: &[f64], weight: f64) -> Self {
        if !axis.ordered {
            return Self(None);
        }
        let mut below = 0.0;
        let centre = |mass: &f64| {
            below += mass;
            below - 0.5 * mass
        };
        let places: Vec<f64> = axis.masses.iter().map(centre).collect();
        let moment = |k: i32| -> f64 {
            best.iter()
                .zip(&places)
                .map(|(w, x)| w * x.powi(k))
                .sum::<f64>()
                / weight
        };
        let spread = (moment(2) - moment(1).powi(2)).max(0.0).sqrt();
        let width = (1.059 * spread * weight.powf(-0.2)).max(1.0 / axis.len() as f64);
        let kernel = |from: &f64| {
            let shape = places.iter().zip(&axis.masses).map(|(to, mass)| {
                let z = (to - from) / width;
                mass * libm::exp(-0.5 * z * z)
            });
            let shape: Vec<f64> = shape.collect();
            let total: f64 = shape.iter().sum();
            shape.into_iter().map(|x| x / total).collect()
        };
        Self(Some(places.iter().map(kernel).collect()))
    }

    fn smooth(&self, counts: &[f64], total: f64) -> Vec<f64> {
        self.mean_of(counts, total, |x| x)
    }

    fn smooth_squares(&self, counts: &[f64], total: f64) -> Vec<f64> {
        self.mean_of(counts, total, |x| x * x)
    }

    fn mean_of(&self, counts: &[f64], total: f64, of: impl Fn(f64) -> f64) -> Vec<f64> {
        let Some(kernels) = &self.0 else {
            return counts.iter().map(|count| count / total).collect();
        };
        let mut means = vec![0.0; counts.len()];
        for (kernel, count) in kernels
            .iter()
            .zip(counts)
            .filter(|(_, count)| **count > 0.0)
        {
            let share = count / total;
            means
                .iter_mut()
                .zip(kernel)
                .for_each(|(mean, x)| *mean += share * of(*x));
        }
        means
    }
}
