//! Effects of a tree: what each parameter, and each pair, does to its mean.
//!
//! The marginal of a parameter is the mean of the tree over all others, by cell. Leaves that the
//! parameter does not cut are the same in all cells, so they are left out: variances do not see them.

use crate::importance::activity::{both, probability, probability_at};
use crate::importance::axes::{Axis, Cells, members};
use crate::importance::tree::Leaf;
use crate::importance::trials::Trials;

/// Sums over the leaves of a tree.
pub(super) struct Marginals {
    /// Mean of the tree.
    mean: f64,
    /// Mean square.
    square: f64,
    /// By parameter and cell; for ordered axes differences from the cell before.
    single: Vec<Vec<f64>>,
    /// By pair and cells.
    double: Vec<Vec<f64>>,
}

/// The pairs of parameters, and how each is weighted.
pub(super) struct Pairs {
    pub(super) all: Vec<Pair>,
}

/// Two parameters where both are active.
pub(super) struct Pair {
    pub(super) one: usize,
    pub(super) other: usize,
    /// How likely both are active.
    active: f64,
    /// How likely both are, by cell of each.
    within: [Vec<f64>; 2],
}

impl Pairs {
    /// All pairs that can be active together.
    pub(super) fn new(trials: &Trials) -> Self {
        let pairs =
            (0..trials.parameters).flat_map(|other| (0..other).map(move |one| (one, other)));
        Self {
            all: pairs
                .map(|(one, other)| Pair::new(trials, one, other))
                .collect(),
        }
    }
}

impl Pair {
    fn new(trials: &Trials, one: usize, other: usize) -> Self {
        let condition = both(&trials.conditions[one], &trials.conditions[other]);
        let condition = condition.unwrap_or_default();
        let within = [one, other].map(|axis| {
            let cells = 0..u8::try_from(trials.axes[axis].len()).unwrap_or(0);
            cells
                .map(|cell| probability_at(&condition, &trials.axes, axis, cell))
                .collect()
        });
        Self {
            one,
            other,
            active: probability(&condition, &trials.axes),
            within,
        }
    }
}

/// The steps of a side: the cells where a sum begins (and, on an ordered axis, ends) to hold it.
fn steps(axis: &Axis, side: Cells, into: &mut Vec<(usize, f64)>) {
    into.clear();
    if axis.ordered {
        into.push((side.trailing_zeros() as usize, 1.0));
        into.push((128 - side.leading_zeros() as usize, -1.0));
    } else {
        into.extend(members(side).map(|cell| (cell, 1.0)));
    }
}

impl Marginals {
    pub(super) fn new(trials: &Trials, pairs: Option<&Pairs>) -> Self {
        // One more than there are cells: where the last side of an ordered axis ends.
        let width = |axis: usize| trials.axes[axis].len() + 1;
        let double = pairs.iter().flat_map(|pairs| &pairs.all);
        Self {
            mean: 0.0,
            square: 0.0,
            single: (0..trials.parameters)
                .map(|p| vec![0.0; width(p)])
                .collect(),
            double: double
                .map(|p| vec![0.0; width(p.one) * width(p.other)])
                .collect(),
        }
    }

    /// Takes in a leaf.
    pub(super) fn add(&mut self, trials: &Trials, leaf: &Leaf<'_>) {
        let part = leaf.value * leaf.mass;
        self.mean += part;
        self.square += leaf.value * part;
        for &axis in leaf.cut.iter().filter(|axis| **axis < trials.parameters) {
            let each = part / leaf.shares[axis];
            let sums = &mut self.single[axis];
            if trials.axes[axis].ordered {
                sums[leaf.sides[axis].trailing_zeros() as usize] += each;
                sums[128 - leaf.sides[axis].leading_zeros() as usize] -= each;
            } else {
                members(leaf.sides[axis]).for_each(|cell| sums[cell] += each);
            }
        }
        if !self.double.is_empty() {
            self.add_pairs(trials, leaf, part);
        }
    }

    fn add_pairs(&mut self, trials: &Trials, leaf: &Leaf<'_>, part: f64) {
        let mut cut: Vec<usize> = leaf.cut.to_vec();
        cut.retain(|axis| *axis < trials.parameters);
        cut.sort_unstable();
        let (mut rows, mut columns) = (Vec::new(), Vec::new());
        for (at, &other) in cut.iter().enumerate() {
            steps(&trials.axes[other], leaf.sides[other], &mut columns);
            let width = trials.axes[other].len() + 1;
            for &one in &cut[..at] {
                steps(&trials.axes[one], leaf.sides[one], &mut rows);
                let each = part / (leaf.shares[one] * leaf.shares[other]);
                let sums = &mut self.double[other * (other - 1) / 2 + one];
                for (row, up) in &rows {
                    for (column, right) in &columns {
                        sums[row * width + column] += each * up * right;
                    }
                }
            }
        }
    }

    /// Sums up the differences of ordered axes: to be called once, after the last leaf.
    pub(super) fn finish(&mut self, trials: &Trials, pairs: Option<&Pairs>) {
        for (axis, sums) in trials.axes.iter().zip(&mut self.single) {
            if axis.ordered {
                accumulate(sums);
            }
        }
        for (pair, sums) in pairs.iter().flat_map(|p| &p.all).zip(&mut self.double) {
            let (one, other) = (&trials.axes[pair.one], &trials.axes[pair.other]);
            let width = other.len() + 1;
            if other.ordered {
                sums.chunks_exact_mut(width).for_each(accumulate);
            }
            if one.ordered {
                for at in width..sums.len() {
                    sums[at] += sums[at - width];
                }
            }
        }
    }

    /// Variance of the tree.
    pub(super) fn variance(&self) -> f64 {
        (self.square - self.mean * self.mean).max(0.0)
    }

    /// What two trees agree on: the covariance of their effects of a parameter, over its cells.
    pub(super) fn shared(&self, other: &Self, trials: &Trials, parameter: usize) -> f64 {
        let masses = &trials.axes[parameter].masses;
        let effects = [self, other].map(|tree| {
            let sums = &tree.single[parameter];
            let mean = dot(masses, sums);
            sums.iter().map(move |sum| sum - mean).collect::<Vec<f64>>()
        });
        let products = effects[0].iter().zip(&effects[1]).map(|(a, b)| a * b);
        let covariance: f64 = products.zip(masses).map(|(p, mass)| p * mass).sum();
        covariance / trials.active[parameter]
    }

    /// The same of the interaction of a pair, where both are active.
    pub(super) fn shared_by_pair(
        &self,
        other: &Self,
        trials: &Trials,
        pair: &Pair,
        at: usize,
    ) -> f64 {
        if pair.active <= 0.0 {
            return 0.0;
        }
        let weights = [0, 1].map(|k| {
            let masses = &trials.axes[[pair.one, pair.other][k]].masses;
            let within = masses.iter().zip(&pair.within[k]);
            within
                .map(|(mass, p)| mass * p / pair.active)
                .collect::<Vec<f64>>()
        });
        let effects = [self, other].map(|tree| interaction(&tree.double[at], pair, &weights));
        let cells = weights[0]
            .iter()
            .flat_map(|a| weights[1].iter().map(move |b| a * b));
        let products = effects[0].iter().zip(&effects[1]).map(|(a, b)| a * b);
        pair.active * products.zip(cells).map(|(p, mass)| p * mass).sum::<f64>()
    }
}

/// What is left of the mean of a tree by two cells when the mean of each row and column is taken out.
fn interaction(sums: &[f64], pair: &Pair, weights: &[Vec<f64>; 2]) -> Vec<f64> {
    let (height, width) = (weights[0].len(), weights[1].len());
    // A tree's mean given two cells, of the part of the space in which both are active.
    let per = |row: usize, column: usize| {
        let (a, b) = (pair.within[0][row], pair.within[1][column]);
        if a > 0.0 && b > 0.0 {
            pair.active / (a * b)
        } else {
            0.0
        }
    };
    let mut effects: Vec<f64> = (0..height)
        .flat_map(|row| (0..width).map(move |column| (row, column)))
        .map(|(row, column)| sums[row * (width + 1) + column] * per(row, column))
        .collect();
    for row in effects.chunks_exact_mut(width) {
        let mean = dot(&weights[1], row);
        for effect in row {
            *effect -= mean;
        }
    }
    let mut means = vec![0.0; width];
    for (weight, row) in weights[0].iter().zip(effects.chunks_exact(width)) {
        means
            .iter_mut()
            .zip(row)
            .for_each(|(mean, effect)| *mean += weight * effect);
    }
    for row in effects.chunks_exact_mut(width) {
        row.iter_mut()
            .zip(&means)
            .for_each(|(effect, mean)| *effect -= mean);
    }
    effects
}

fn accumulate(sums: &mut [f64]) {
    let mut total = 0.0;
    for sum in sums {
        total += *sum;
        *sum = total;
    }
}

fn dot(weights: &[f64], values: &[f64]) -> f64 {
    weights.iter().zip(values).map(|(w, v)| w * v).sum()
}
