//! Points of a search as places among which distances make sense.

use crate::numeric::simd::{LANES, Lanes};
use crate::space::Space;
use crate::space::distribution::Distribution;
use std::ops::Range;

/// Places side by side: one array an axis.
pub(crate) type Block = Vec<Lanes>;

/// Places of rows.
///
/// The squared distance of two places is a sum over the parameters that both have: of squared
/// differences in widths of the prior, for numbers, and of one where categories differ.
#[derive(Debug)]
pub(crate) struct Coordinates<'a> {
    space: &'a Space,
    /// Offset and width of a number, nothing for a category.
    pub(crate) axes: Vec<Option<(f64, f64)>>,
}

impl<'a> Coordinates<'a> {
    pub(crate) fn new(space: &'a Space) -> Self {
        let axes = space.parameters().iter().map(|p| match &p.distribution {
            Distribution::Numeric(prior) => {
                let low = prior.bounds.map_or(prior.prior_mu, |(low, _)| low);
                Some((low, prior.width()))
            }
            Distribution::Discrete(_) => None,
        });
        Self {
            space,
            axes: axes.collect(),
        }
    }

    /// A value of one parameter as a coordinate; NaN stays NaN.
    fn at(&self, axis: usize, value: f64) -> f64 {
        match (
            &self.axes[axis],
            &self.space.parameters()[axis].distribution,
        ) {
            (Some((low, width)), Distribution::Numeric(prior)) if !value.is_nan() => {
                (prior.to_kernel_space(value) - low) / width
            }
            _ => value,
        }
    }

    /// The place of a row; NaN where a parameter is inactive.
    pub(crate) fn place(&self, mut row: Vec<f64>) -> Vec<f64> {
        for (axis, value) in row.iter_mut().enumerate() {
            *value = self.at(axis, *value);
        }
        row
    }

    /// The places of up to [`LANES`] rows side by side; a short block repeats the last one.
    pub(crate) fn block(&self, rows: &[Vec<f64>]) -> Block {
        let axes = 0..self.axes.len();
        side_by_side(axes, rows, |axis, row| self.at(axis, row[axis]))
    }

    /// As `block`, for rows that are places already.
    pub(crate) fn block_of_places(&self, places: &[Vec<f64>]) -> Block {
        let axes = 0..self.axes.len();
        side_by_side(axes, places, |axis, place| place[axis])
    }
}

fn side_by_side(axes: Range<usize>, rows: &[Vec<f64>], at: impl Fn(usize, &[f64]) -> f64) -> Block {
    axes.map(|axis| {
        let mut lanes = Lanes([at(axis, &rows[rows.len() - 1]); LANES]);
        for (lane, row) in lanes.iter_mut().zip(&rows[..rows.len() - 1]) {
            *lane = at(axis, row);
        }
        lanes
    })
    .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Numbers on two scales and a category.
    pub(crate) fn mixed() -> Space {
        Space::flat(&[
            ("uniform", &[-1.0, 3.0]),
            ("loguniform", &[-3.0, 1.0]),
            ("randint", &[0.0, 3.0]),
        ])
        .expect("valid")
    }

    #[test]
    fn numbers_become_shares_of_the_prior_and_categories_stay() {
        let space = mixed();
        let coordinates = Coordinates::new(&space);
        let got = coordinates.place(vec![1.0, libm::exp(-1.0), 2.0]);
        assert_eq!((got[0], got[2]), (0.5, 2.0));
        assert!((got[1] - 0.5).abs() < 1e-15);
        assert!(
            coordinates
                .place(vec![f64::NAN; 3])
                .iter()
                .all(|x| x.is_nan())
        );
    }

    #[test]
    fn blocks_are_places_side_by_side() {
        let space =
            Space::flat(&[("loguniform", &[-3.0, 1.0]), ("randint", &[0.0, 3.0])]).expect("valid");
        let coordinates = Coordinates::new(&space);
        let rows: Vec<Vec<f64>> = (1..=8)
            .map(|k| vec![0.1 * f64::from(k), f64::from(k % 3)])
            .collect();
        for count in [1, 3, 8] {
            let rows = &rows[..count];
            let places: Vec<_> = rows.iter().map(|r| coordinates.place(r.clone())).collect();
            let block = coordinates.block(rows);
            assert_eq!(block, coordinates.block_of_places(&places));
            for (axis, lanes) in block.iter().enumerate() {
                for (lane, &got) in lanes.iter().enumerate() {
                    assert_eq!(got, places[lane.min(count - 1)][axis]);
                }
            }
        }
    }
}
