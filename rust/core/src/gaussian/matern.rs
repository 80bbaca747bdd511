//! The Matérn covariance of smoothness 5/2 (Rasmussen and Williams, equation 4.17) over
//! [`Coordinates`], for blocks of places at once.

use crate::gaussian::coordinates::Coordinates;
use crate::numeric::simd::{LANES, Lanes, exp_negative};

/// The radius of two places that share nothing: large, but not so large that its square is none.
pub(crate) const FAR: f64 = 1e6;

/// `sqrt(5)` times the distances of a place from those of a block.
#[expect(
    clippy::inline_always,
    reason = "without it the callers' loops do not vectorise"
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
pub(crate) mod tests {
    use super::*;
    use crate::gaussian::coordinates::tests::mixed;
    use crate::numeric::twins::{assert_bits, awkward, exp_twin};

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

    #[test]
    fn radii_and_covariances_are_their_twins() {
        let space = mixed();
        let coordinates = Coordinates::new(&space);
        let axes = coordinates.axes.len();
        let odd = |seed| {
            let mut values = awkward(axes * LANES, seed);
            let missing = values.iter_mut().skip(usize::from(seed > 20)).step_by(5);
            missing.for_each(|value| *value = f64::NAN);
            values
        };
        for seed in 0..40 {
            let place = &odd(seed)[..axes];
            let values = odd(seed + 40);
            let block: Vec<Lanes> = (0..axes)
                .map(|d| Lanes(std::array::from_fn(|lane| values[d * LANES + lane])))
                .collect();
            let got = radii(&coordinates, place, &block);
            let want: Vec<f64> = (0..LANES)
                .map(|lane| {
                    let other: Vec<f64> = block.iter().map(|row| row[lane]).collect();
                    radius_twin(&coordinates, place, &other)
                })
                .collect();
            assert_bits(&*got, &want, "radii");
            for inverse in [0.5, 1e-300, 5e-324, 1e3, -0.0] {
                let decayed = decays(&got, inverse);
                let twins = want.iter().map(|&r| decay_twin(r, inverse));
                assert_bits(&*decayed, &twins.collect::<Vec<_>>(), inverse);
                let covariances = covariances(&got, &decayed, inverse);
                let twins = want
                    .iter()
                    .map(|&r| covariance_twin(r, decay_twin(r, inverse), inverse));
                assert_bits(&*covariances, &twins.collect::<Vec<_>>(), inverse);
            }
        }
    }

    /// The twin of [`radii`] for one place of a block.
    #[inline(never)]
    pub(crate) fn radius_twin(coordinates: &Coordinates<'_>, a: &[f64], b: &[f64]) -> f64 {
        let mut squares = 0.0;
        for (d, axis) in coordinates.axes.iter().enumerate() {
            let square = (a[d] - b[d]) * (a[d] - b[d]);
            squares += match axis {
                _ if square.is_nan() || square <= 0.0 => 0.0,
                None => 1.0,
                Some(_) => square,
            };
        }
        (5.0 * squares).sqrt().min(1e6)
    }

    /// The twin of [`decays`] for one radius.
    #[inline(never)]
    pub(crate) fn decay_twin(radius: f64, inverse: f64) -> f64 {
        exp_twin(-(radius * inverse))
    }

    /// The twin of [`covariances`] for one radius.
    #[inline(never)]
    pub(crate) fn covariance_twin(radius: f64, decay: f64, inverse: f64) -> f64 {
        let r = radius * inverse;
        decay * (1.0 + r * (1.0 + r * (1.0 / 3.0)))
    }
}
