//! Masses of the normal distribution.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

/// Widths and values below this count as zero (Hyperopt's `EPS`).
pub(crate) const EPS: f64 = 1e-12;

/// Standard normal distribution function.
pub(crate) fn normal_cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// `Phi(b) - Phi(a)` without loss of digits in either tail.
pub(crate) fn normal_mass(a: f64, b: f64) -> f64 {
    if a > 0.0 {
        // Both in the upper tail: mirror, so that small numbers are subtracted.
        normal_cdf(-a) - normal_cdf(-b)
    } else {
        normal_cdf(b) - normal_cdf(a)
    }
}

/// The number of standard deviations around its mean within which a normal distribution has all of
/// its mass but 1e-16.
pub(crate) const WHOLE: f64 = 8.3;

/// Mass that a kernel at `mu` of width `sigma` has in `[lower, upper]`; zero for an empty interval.
/// Narrower kernels than [`EPS`] count as that wide, as in Hyperopt.
pub(crate) fn kernel_mass(lower: f64, upper: f64, mu: f64, sigma: f64) -> f64 {
    mass_at_least_as_wide(EPS, lower, upper, mu, sigma)
}

/// As [`kernel_mass`], at every scale.
pub(crate) fn exact_kernel_mass(lower: f64, upper: f64, mu: f64, sigma: f64) -> f64 {
    mass_at_least_as_wide(f64::MIN_POSITIVE, lower, upper, mu, sigma)
}

fn mass_at_least_as_wide(least: f64, lower: f64, upper: f64, mu: f64, sigma: f64) -> f64 {
    if upper <= lower {
        return 0.0;
    }
    let scale = SQRT_2 / (SQRT_2 * sigma).max(least);
    if (lower - mu) * scale < -WHOLE && (upper - mu) * scale > WHOLE {
        return 1.0;
    }
    normal_mass((lower - mu) * scale, (upper - mu) * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mass_keeps_its_digits_in_the_tails() {
        // mpmath: Phi(9.1) - Phi(9) = 6.2417e-20 ... ; ratio to the mirrored interval is exactly 1.
        let upper = normal_mass(9.0, 9.1);
        let lower = normal_mass(-9.1, -9.0);
        assert!((upper / lower - 1.0).abs() < 1e-13);
        assert!(upper > 6.0e-20 && upper < 7.0e-20, "{upper:e}");
        assert!((normal_mass(-1.0, 1.0) - 0.682_689_492_137_085_9).abs() < 1e-15);
    }
}
