//! The tails of many normal distributions at once, for the masses of cells of a grid.

use std::f64::consts::FRAC_1_SQRT_2;

use crate::numeric::simd::{exp_negative, sum_all, vectorized};

/// Where the variable of [`TAIL`] is zero.
const MIDDLE: f64 = 3.75;

/// `(1 + 2 x) exp(x^2) erfc(x)` as a polynomial in `y = (x - MIDDLE) / (x + MIDDLE)`, which takes
/// `0 <= x < inf` to `-1 <= y < 1`: the Chebyshev series cut off at 3e-19 and written in powers.
/// (Of the kind that Shepherd and Laframboise give, Mathematics of Computation 36, 1981.)
/// `scripts/numeric_constants.py` makes them, all but the last to the bit, that to one unit in the
/// last place.
const TAIL: [f64; 25] = [
    1.237_512_630_837_827_5,
    -0.140_240_598_585_546_97,
    0.003_585_415_485_464_429_3,
    0.082_276_738_490_145_2,
    -0.108_803_930_141_748_86,
    0.092_304_321_160_377_48,
    -0.058_693_398_589_636_77,
    0.028_362_277_418_956_406,
    -0.009_746_579_558_029_276,
    0.001_755_625_852_895_295_4,
    0.000_293_713_665_591_344_8,
    -0.000_290_154_080_540_841_7,
    5.164_909_889_268_241e-5,
    2.238_423_915_508_223e-5,
    -1.144_414_623_770_052_4e-5,
    -9.735_598_967_367_75e-7,
    1.751_637_648_849_062e-6,
    -5.721_823_060_322_408_6e-8,
    -2.586_685_071_615_588_4e-7,
    2.326_350_870_885_912_4e-8,
    3.867_533_424_222_235_4e-8,
    -3.744_210_080_962_018e-9,
    -5.173_990_214_011_309_5e-9,
    3.111_433_380_979_925_4e-10,
    4.251_471_444_796_39e-10,
];

/// `erfc` of this is zero, and of all beyond it.
const FAR: f64 = 28.0;

/// `exp(x^2) erfc(x)` for `0 <= x < inf`, to about 4e-16. Branch-free.
#[expect(clippy::inline_always, reason = "as for `tail`")]
#[inline(always)]
pub(crate) fn scaled_erfc(x: f64) -> f64 {
    let sum = x + MIDDLE;
    let slope = 1.0 + 2.0 * x;
    let inverse = 1.0 / (sum * slope);
    let y = (x - MIDDLE) * (slope * inverse);
    let y2 = y * y;
    // Even and odd powers apart: two short chains instead of a long one.
    let mut even = TAIL[24];
    let mut odd = TAIL[23];
    let mut power = 22;
    while power >= 2 {
        even = even * y2 + TAIL[power];
        odd = odd * y2 + TAIL[power - 1];
        power -= 2;
    }
    even = even * y2 + TAIL[0];
    (even + y * odd) * (sum * inverse)
}

/// `Phi(-|z|)`, the mass beyond `z`, to about `4e-16 (1 + z^2)`. Branch-free.
#[expect(
    clippy::inline_always,
    reason = "else the callers' loops cannot become vector code"
)]
#[inline(always)]
fn tail(z: f64) -> f64 {
    let x = z.abs() * FRAC_1_SQRT_2;
    let x = if x < FAR { x } else { FAR };
    0.5 * scaled_erfc(x) * exp_negative(-x * x)
}

/// Replaces each `z` by the mass of the standard normal distribution beyond it, `Phi(-|z|)`.
pub(crate) fn tails(zs: &mut [f64]) {
    vectorized(
        #[inline(always)]
        || {
            for z in zs.iter_mut() {
                *z = tail(*z);
            }
        },
    );
}

/// `sum_k weights[k] * (mass of kernel k between lower and upper)`, for kernels at `mus` with one
/// over their widths in `inverses`.
pub(crate) fn mass_between(
    (lower, upper): (f64, f64),
    weights: &[f64],
    mus: &[f64],
    inverses: &[f64],
) -> f64 {
    if upper <= lower {
        return 0.0;
    }
    let mut masses = vec![0.0; weights.len()];
    vectorized(
        #[inline(always)]
        || {
            for (((mass, weight), mu), inverse) in
                masses.iter_mut().zip(weights).zip(mus).zip(inverses)
            {
                let (a, b) = ((lower - mu) * inverse, (upper - mu) * inverse);
                // Right of the middle, the mirror image: so that small numbers are subtracted.
                let (left, right) = if a > 0.0 { (-b, -a) } else { (a, b) };
                let beyond = tail(right);
                let up_to = if right > 0.0 { 1.0 - beyond } else { beyond };
                *mass = weight * (up_to - tail(left));
            }
        },
    );
    sum_all(&masses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::normal::{kernel_mass, normal_cdf};
    use crate::numeric::twins::{LENGTHS, assert_bits, awkward, exp_twin, positive, sum_twin};

    #[test]
    fn tails_are_those_of_the_scalar_function() {
        let mut zs: Vec<f64> = (0..40_000).map(|i| f64::from(i) * 0.000_92 - 3.0).collect();
        let exact: Vec<f64> = zs.iter().map(|z| normal_cdf(-z.abs())).collect();
        let squares: Vec<f64> = zs.iter().map(|z| 1.0 + z * z).collect();
        tails(&mut zs);
        for ((got, exact), square) in zs.iter().zip(&exact).zip(squares) {
            assert!((got / exact - 1.0).abs() < 1e-15 * square, "{got} {exact}");
        }
        let mut odd = [0.0, f64::INFINITY, f64::NEG_INFINITY, 50.0];
        tails(&mut odd);
        assert!((odd[0] - 0.5).abs() < 1e-16);
        assert_eq!(odd[1..], [0.0; 3]);
    }

    #[test]
    fn masses_are_those_of_the_scalar_function() {
        let mus: Vec<f64> = (0..53).map(|k| f64::from(k) * 0.3 - 5.0).collect();
        let sigmas: Vec<f64> = (0..53).map(|k| 0.01 + 0.05 * f64::from(k % 7)).collect();
        let weights: Vec<f64> = (0..53).map(|k| 1.0 / f64::from(k + 1)).collect();
        let inverses: Vec<f64> = sigmas.iter().map(|s| 1.0 / s).collect();
        for cell in 0..200 {
            let lower = f64::from(cell) * 0.1 - 10.0;
            for width in [0.001, 0.1, 30.0, f64::INFINITY] {
                let upper = lower + width;
                let exact: f64 = (0..53)
                    .map(|k| weights[k] * kernel_mass(lower, upper, mus[k], sigmas[k]))
                    .sum();
                let got = mass_between((lower, upper), &weights, &mus, &inverses);
                assert!(
                    (got - exact).abs() <= 1e-11 * exact.abs() + 1e-300,
                    "{got} {exact}"
                );
            }
        }
        assert_eq!(mass_between((1.0, 1.0), &weights, &mus, &inverses), 0.0);
    }

    /// The twin of [`tail`]: not inlined, so that no caller can make vector code of it.
    #[inline(never)]
    fn tail_twin(z: f64) -> f64 {
        let x = (z.abs() * FRAC_1_SQRT_2).min(28.0);
        let (sum, slope) = (x + 3.75, 1.0 + 2.0 * x);
        let inverse = 1.0 / (sum * slope);
        let y = (x - 3.75) * (slope * inverse);
        let horner = |first: usize| {
            let terms = TAIL.iter().skip(first).step_by(2).rev();
            terms.fold(0.0, |value, term| value * (y * y) + term)
        };
        let series = horner(0) + y * horner(1);
        0.5 * series * (sum * inverse) * exp_twin(-x * x)
    }

    #[test]
    fn tails_are_their_twin() {
        for length in LENGTHS {
            let mut zs = awkward(length, 1);
            let ends = [f64::INFINITY, f64::NEG_INFINITY, 39.6, -1e300];
            zs.iter_mut()
                .skip(3)
                .zip(ends)
                .for_each(|(z, end)| *z = end);
            let want: Vec<f64> = zs.iter().map(|&z| tail_twin(z)).collect();
            tails(&mut zs);
            assert_bits(&zs, &want, length);
        }
    }

    #[test]
    fn masses_are_their_twin() {
        for kernels in LENGTHS {
            let (weights, inverses) = (positive(kernels, 2), positive(kernels, 3));
            let mus = awkward(kernels, 4);
            let cells = [
                (-0.5, 0.25),
                (0.0, 5e-324),
                (-1e150, 1e150),
                (1.0, f64::INFINITY),
            ];
            for (lower, upper) in cells {
                let mass = |k: usize| {
                    let (a, b) = (
                        (lower - mus[k]) * inverses[k],
                        (upper - mus[k]) * inverses[k],
                    );
                    let (left, right) = if a > 0.0 { (-b, -a) } else { (a, b) };
                    let beyond = tail_twin(right);
                    let up_to = if right > 0.0 { 1.0 - beyond } else { beyond };
                    weights[k] * (up_to - tail_twin(left))
                };
                let want = sum_twin((0..kernels).map(mass));
                let got = mass_between((lower, upper), &weights, &mus, &inverses);
                assert_bits(&[got], &[want], kernels);
            }
        }
    }
}
