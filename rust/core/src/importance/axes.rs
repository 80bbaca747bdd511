//! Priors as cells whose masses are known: what trees split and densities are made of.

use crate::numeric::normal::normal_cdf;
use crate::space::distribution::{Discrete, Distribution, Numeric};

/// The cell of a parameter that is inactive.
pub(super) const INACTIVE: u8 = u8::MAX;

/// Cells of an axis of numbers, of equal mass unless it is a grid.
const CELLS: u8 = 64;

/// The most categories that are told apart; of a longer range, numbers count as ordered.
const CATEGORIES: u64 = 128;

/// A set of the cells of an axis.
pub(super) type Cells = u128;

/// One parameter's prior.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    /// Whether the order of the cells means something.
    pub(super) ordered: bool,
    /// Probability of each cell.
    pub(super) masses: Vec<f64>,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    /// By the distribution function of the prior.
    Continuous(Numeric),
    /// Multiples of a step, from the first one.
    Grid { step: f64, first: f64 },
    /// Categories from the lowest value.
    Categories { low: f64 },
    /// More whole numbers than can be told apart.
    Range { low: f64, size: f64 },
}

impl Axis {
    pub(super) fn new(distribution: &Distribution) -> Self {
        match distribution {
            Distribution::Numeric(prior) => Self::of_grid(prior).unwrap_or_else(|| Self {
                ordered: true,
                masses: vec![1.0 / f64::from(CELLS); usize::from(CELLS)],
                kind: Kind::Continuous(*prior),
            }),
            Distribution::Discrete(prior) => Self::of_categories(prior),
        }
    }

    /// An axis of two cells, the second with the given probability.
    pub(super) fn switch(on: f64) -> Self {
        Self {
            ordered: false,
            masses: vec![1.0 - on, on],
            kind: Kind::Categories { low: 0.0 },
        }
    }

    /// One cell per value of a bounded grid, if there are few.
    fn of_grid(prior: &Numeric) -> Option<Self> {
        let (step, (low, high)) = (prior.q?, prior.bounds?);
        let (first, last) = (prior.to_value(low) / step, prior.to_value(high) / step);
        let count = last.round() - first.round() + 1.0;
        if !(1.0..=f64::from(CELLS)).contains(&count) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let masses: Vec<f64> = (0..count as u8)
            .map(|k| {
                let (lower, upper) = prior.cell((first.round() + f64::from(k)) * step);
                (upper.min(high) - lower.max(low)).max(0.0)
            })
            .collect();
        let total: f64 = masses.iter().sum();
        (total > 0.0).then(|| Self {
            ordered: true,
            masses: masses.iter().map(|mass| mass / total).collect(),
            kind: Kind::Grid {
                step,
                first: first.round(),
            },
        })
    }

    fn of_categories(prior: &Discrete) -> Self {
        let size = prior.size();
        let low = prior.low() as f64;
        if size > CATEGORIES {
            return Self {
                ordered: true,
                masses: vec![1.0 / f64::from(CELLS); usize::from(CELLS)],
                kind: Kind::Range {
                    low,
                    size: size as f64,
                },
            };
        }
        let masses = match prior {
            Discrete::Weighted { p } => p.clone(),
            Discrete::Range { .. } => (0..size).map(|_| 1.0 / size as f64).collect(),
        };
        Self {
            ordered: false,
            masses,
            kind: Kind::Categories { low },
        }
    }

    pub(super) fn len(&self) -> usize {
        self.masses.len()
    }

    /// All cells.
    pub(super) fn all(&self) -> Cells {
        Cells::MAX >> (128 - self.len())
    }

    /// The cell of a value: the nearest one, or [`INACTIVE`] without a value.
    pub(super) fn cell(&self, value: f64) -> u8 {
        if value.is_nan() {
            return INACTIVE;
        }
        let count = self.len() as f64;
        let at = match &self.kind {
            Kind::Continuous(prior) => share_below(prior, prior.to_kernel_space(value)) * count,
            Kind::Grid { step, first } => (value / step).round() - first,
            Kind::Categories { low } => (value - low).round(),
            Kind::Range { low, size } => (value - low + 0.5) / size * count,
        };
        // Clamped to a cell, of which there are at most 128.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let cell = at.floor().clamp(0.0, count - 1.0) as u8;
        cell
    }

    /// The cell of a whole number, if it has one of its own.
    pub(super) fn category(&self, value: i64) -> Option<u8> {
        let Kind::Categories { low } = self.kind else {
            return None;
        };
        let at = value as f64 - low;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        (at >= 0.0 && at < self.len() as f64).then_some(at as u8)
    }

    /// The mass of some cells.
    pub(super) fn mass(&self, cells: Cells) -> f64 {
        members(cells).map(|cell| self.masses[cell]).sum()
    }
}

/// The cells in a set.
pub(super) fn members(cells: Cells) -> impl Iterator<Item = usize> {
    let mut left = cells;
    std::iter::from_fn(move || {
        let cell = (left != 0).then(|| left.trailing_zeros() as usize)?;
        left &= left - 1;
        Some(cell)
    })
}

/// The prior's distribution function.
fn share_below(prior: &Numeric, x: f64) -> f64 {
    match prior.bounds {
        Some((low, high)) => (x - low) / (high - low),
        None => normal_cdf((x - prior.prior_mu) / prior.prior_sigma),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(name: &str, args: &[f64]) -> Axis {
        Axis::new(&Distribution::new("x", name, args).expect("valid"))
    }

    #[test]
    fn cells_follow_the_prior() {
        let rate = axis("loguniform", &[-4.0, 0.0]);
        assert_eq!((rate.len(), rate.cell(libm::exp(-2.001))), (64, 31));
        let around = axis("normal", &[1.0, 2.0]);
        assert_eq!((around.cell(0.999), around.cell(1.001)), (31, 32));
        let counts = axis("quniform", &[0.0, 4.0, 2.0]);
        assert_eq!(counts.masses, [0.25, 0.5, 0.25]);
        assert_eq!([0.0, 2.0, 4.0, 9.0].map(|v| counts.cell(v)), [0, 1, 2, 2]);
        let options = axis("categorical", &[0.25, 0.75]);
        assert_eq!((options.ordered, options.cell(1.0)), (false, 1));
        assert_eq!((options.category(1), options.category(2)), (Some(1), None));
        let seeds = axis("randint", &[0.0, 1e6]);
        assert_eq!((seeds.ordered, seeds.cell(999_999.0)), (true, 63));
        for axis in [rate, around, counts, options, seeds] {
            assert!((axis.mass(axis.all()) - 1.0).abs() < 1e-12);
            assert_eq!(axis.cell(f64::NAN), INACTIVE);
        }
    }
}
