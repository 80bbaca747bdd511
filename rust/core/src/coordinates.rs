//! Points of a search as places among which distances make sense.

use crate::distribution::Distribution;
use crate::space::Space;

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

    /// The place of a row; NaN where a parameter is inactive.
    pub(crate) fn place(&self, row: &[f64]) -> Vec<f64> {
        self.axes
            .iter()
            .zip(self.space.parameters())
            .zip(row)
            .map(
                |((axis, parameter), &value)| match (axis, &parameter.distribution) {
                    (Some((low, width)), Distribution::Numeric(prior)) if !value.is_nan() => {
                        (prior.to_kernel_space(value) - low) / width
                    }
                    _ => value,
                },
            )
            .collect()
    }

    /// The places of rows.
    pub(crate) fn places(&self, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        rows.iter().map(|row| self.place(row)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_shares_of_the_prior_and_categories_stay() {
        let space = Space::flat(&[
            ("uniform", &[-1.0, 3.0]),
            ("loguniform", &[-3.0, 1.0]),
            ("randint", &[0.0, 3.0]),
        ])
        .expect("valid");
        let coordinates = Coordinates::new(&space);
        let got = coordinates.place(&[1.0, libm::exp(-1.0), 2.0]);
        assert_eq!((got[0], got[2]), (0.5, 2.0));
        assert!((got[1] - 0.5).abs() < 1e-15);
        assert!(coordinates.place(&[f64::NAN; 3]).iter().all(|x| x.is_nan()));
    }
}
