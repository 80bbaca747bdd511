//! The Matérn covariance of smoothness 5/2 (Rasmussen and Williams, equation 4.17) over
//! [`Coordinates`], for blocks of places at once.

use crate::coordinates::Coordinates;
use crate::vector::{LANES, Lanes, exp_negative};

/// The radius of two places that share nothing: large, but not so large that its square is none.
pub(crate) const FAR: f64 = 1e6;

/// `sqrt(5)` times the distances of a place from those of a block.
#[expect(
    clippy::inline_always,
    reason = "else the callers' loops are no vector code"
)]
#[inline(always)]
pub(crate) fn radii(coordinates: &Coordinates<'_>, place: &[f64], block: &[Lanes]) -> Lanes {
    let mut squares = Lanes::ZERO;
    for ((axis, &at), others) in coordinates.axes.iter().zip(place).zip(block) {
        let is_category = axis.is_none();
        for lane in 0..LANES {
            let gap = at - others[lane];
            let square = gap * gap;
            // Not where either is inactive: NaN is not greater.
            squares[lane] += if square > 0.0 {
                if is_category { 1.0 } else { square }
            } else {
                0.0
            };
        }
    }
    let mut out = squares;
    for lane in 0..LANES {
        let radius = (5.0 * squares[lane]).sqrt();
        out[lane] = if radius < FAR { radius } else { FAR };
    }
    out
}

/// What the covariance at each radius falls with: `exp(-r / l)`, of `1 / l`.
#[expect(clippy::inline_always, reason = "as for `radii`")]
#[inline(always)]
pub(crate) fn decays(radii: &Lanes, inverse: f64) -> Lanes {
    let mut out = *radii;
    for lane in 0..LANES {
        out[lane] = exp_negative(-(radii[lane] * inverse));
    }
    out
}

/// Covariances at radii, given their decays.
#[expect(clippy::inline_always, reason = "as for `radii`")]
#[inline(always)]
pub(crate) fn covariances(radii: &Lanes, decays: &Lanes, inverse: f64) -> Lanes {
    let mut out = *decays;
    for lane in 0..LANES {
        let r = radii[lane] * inverse;
        out[lane] *= 1.0 + r * (1.0 + r * (1.0 / 3.0));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coordinates::tests::mixed;

    #[test]
    fn covariances_are_the_formula_and_leave_out_what_one_has_not() {
        let space = mixed();
        let coordinates = Coordinates::new(&space);
        let matern = |r2: f64| {
            let r = (5.0 * r2).sqrt();
            (1.0 + r + 5.0 * r2 / 3.0) * libm::exp(-r)
        };
        let got = |a: [f64; 3], b: [f64; 3]| {
            let radii = radii(
                &coordinates,
                &a,
                &coordinates.block_of_places(&[b.to_vec()]),
            );
            covariances(&radii, &decays(&radii, 2.0), 2.0)[3]
        };
        let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-14, "{got} {want}");
        near(got([0.1, 0.2, 1.0], [0.4, 0.2, 1.0]), matern(4.0 * 0.09));
        near(
            got([0.1, 0.2, 1.0], [0.4, 0.7, 2.0]),
            matern(4.0 * (0.09 + 0.25 + 1.0)),
        );
        near(
            got([0.1, f64::NAN, 1.0], [0.4, 0.7, 1.0]),
            matern(4.0 * 0.09),
        );
        near(got([0.1, f64::NAN, f64::NAN], [0.1, 0.7, 1.0]), 1.0);
        near(got([f64::INFINITY, 0.0, 0.0], [0.1, 0.0, 0.0]), 0.0);
    }
}
