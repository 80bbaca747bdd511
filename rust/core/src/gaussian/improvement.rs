//! The logarithm of the expected improvement, for every argument.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

use crate::numeric::normal::normal_cdf;
use crate::numeric::tails::scaled_erfc;

/// The standard normal density at zero.
const PEAK: f64 = 0.398_942_280_401_432_7;

/// From here on the sum of both terms suffers no cancellation.
const DIRECT: f64 = -1.0;

/// Up to here the asymptotic series with [`SERIES`] terms is exact to rounding.
const FAR: f64 = -100.0;

/// Coefficients `(-1)^k (2k + 1)!!` of `1 / z^2k`, Abramowitz and Stegun 7.1.23.
const SERIES: [f64; 5] = [1.0, -3.0, 15.0, -105.0, 945.0];

/// `ln(phi(z) + z Phi(z))`: the expected improvement by a normal result that is `z` standard
/// deviations better than the best one, in standard deviations (Jones, Schonlau, Welch, *Efficient
/// global optimization*, 1998, equation 15).
///
/// For negative `z` the terms nearly cancel. There `phi(z)` is taken out, as in Ament et al.,
/// *Unexpected improvements to expected improvement* (2023), equation 9: what is left is
/// `1 - x sqrt(pi) exp(x^2) erfc(x)` with `x = -z / sqrt(2)`. Its error grows with `z^2`, but so
/// does the logarithm of `phi`, so the result keeps its digits.
pub(crate) fn log_expected(z: f64) -> f64 {
    let squares = z * z;
    if z > DIRECT {
        return libm::log(z * normal_cdf(z) + PEAK * libm::exp(-0.5 * squares));
    }
    let log_density = libm::log(PEAK) - 0.5 * squares;
    if z > FAR {
        let x = -z * FRAC_1_SQRT_2;
        return log_density + libm::log1p(-x * PI.sqrt() * scaled_erfc(x));
    }
    let series = SERIES.iter().rev().fold(0.0, |sum, c| sum / squares + c);
    log_density - libm::log(squares) + libm::log(series)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `scripts/numeric_constants.py`, with mpmath.
    const EXACT: [(f64, f64); 28] = [
        (-10_000.0, -50_000_019.339_619_31),
        (-5_000.5, -12_502_518.078_525_025),
        (-1_000.0, -500_014.734_452_091_16),
        (-150.25, -11_298.474_922_549_436),
        (-100.000_1, -5_010.139_580_804_65),
        (-100.0, -5_010.129_578_800_25),
        (-99.999_9, -5_010.119_576_805_848),
        (-50.0, -1_258.744_182_868_461),
        (-20.0, -206.917_838_509_425_1),
        (-10.0, -55.553_122_036_122_35),
        (-6.0, -22.578_879_392_169_796),
        (-5.000_1, -16.744_837_348_985_083),
        (-5.0, -16.744_301_162_660_99),
        (-4.999_9, -16.743_764_985_736_82),
        (-3.0, -7.869_686_059_603_029),
        (-2.0, -4.768_783_523_917_114),
        (-1.000_1, -2.485_311_456_445_883),
        (-1.0, -2.485_121_025_712_641_3),
        (-0.999_9, -2.484_930_602_199_176),
        (-0.5, -1.620_516_264_387_319_9),
        (0.0, -0.918_938_533_204_672_8),
        (0.5, -0.359_827_683_745_063_8),
        (1.0, 0.080_026_218_849_306_94),
        (2.0, 0.697_383_545_788_228_4),
        (5.0, 1.609_437_923_126_431_3),
        (9.0, 2.197_224_577_336_219_6),
        (20.0, 2.995_732_273_553_991),
        (40.0, 3.688_879_454_113_936_3),
    ];

    #[test]
    fn it_is_exact_on_both_sides_of_every_seam() {
        for (z, want) in EXACT {
            let got = log_expected(z);
            let error = (got - want).abs() / want.abs().max(0.1);
            assert!(error < 1e-12, "{z}: {got} {want}");
        }
    }

    #[test]
    fn it_rises_smoothly_without_a_jump() {
        let mut before = log_expected(-150.0);
        for step in 1..=400_000_u32 {
            let z = -150.0 + f64::from(step) * 5e-4;
            let now = log_expected(z);
            // The slope is Phi / (phi + z Phi), which for negative z is less than 1 / |z| + |z|.
            let most = 5e-4 * (z.abs() + 2.5);
            assert!(now > before && now - before < most, "{z}: {before} {now}");
            before = now;
        }
    }

    #[test]
    fn arguments_that_are_no_numbers_of_ordinary_size_have_their_limits() {
        assert_eq!(log_expected(f64::INFINITY), f64::INFINITY);
        assert_eq!(log_expected(-1e200), f64::NEG_INFINITY);
        assert!(log_expected(-1e150).is_finite());
        assert!(log_expected(f64::NAN).is_nan());
    }
}
