//! Loops over arrays of numbers, compiled for the widest vectors the machine has.
//!
//! Every variant does the same operations in the same order (no fused multiply-add, fixed lanes),
//! so a result does not depend on the machine it was computed on.

use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;

use pulp::{Arch, Simd, WithSimd};

pub(super) static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Runs a closure, compiled for the machine's vectors. It must be `#[inline(always)]`.
///
/// A closure that only borrows reaches `Arch::dispatch` through an adapter that is not inlined,
/// and would then be compiled for the smallest vectors only; `FnMut` needs no adapter.
pub(crate) fn vectorized<R>(work: impl FnMut() -> R) -> R {
    struct Work<F>(F);
    impl<R, F: FnMut() -> R> WithSimd for Work<F> {
        type Output = R;
        #[expect(clippy::inline_always, reason = "as for the closure")]
        #[inline(always)]
        fn with_simd<S: Simd>(mut self, _: S) -> R {
            (self.0)()
        }
    }
    ARCH.dispatch(Work(work))
}

/// Lanes that a sum is split into, whatever the machine's vectors are.
pub(crate) const LANES: usize = 8;

/// One value a lane, where the widest vectors can be loaded from at once.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Lanes(pub(crate) [f64; LANES]);

impl Lanes {
    pub(crate) const ZERO: Self = Self([0.0; LANES]);
}

impl Deref for Lanes {
    type Target = [f64; LANES];

    #[expect(clippy::inline_always, reason = "as for `exp_negative`")]
    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl DerefMut for Lanes {
    #[expect(clippy::inline_always, reason = "as for `exp_negative`")]
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

/// `1.5 * 2^52`: adding it rounds a small number to a whole one, held in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Smallest exponent whose power is a normal number.
const MIN_EXPONENT: f64 = -708.0;

/// `exp(x)` for `x <= 0`, to about 2 ulp; zero under `exp(-708)`.
///
/// Cody-Waite reduction to `|r| <= ln(2)/2` and a Taylor polynomial of degree 12, whose remainder
/// there is below 2e-16. Branch-free, so that loops over it become vector code.
#[expect(
    clippy::inline_always,
    reason = "else the callers' loops cannot become vector code"
)]
#[inline(always)]
#[must_use]
pub(crate) fn exp_negative(x: f64) -> f64 {
    let clamped = if x < MIN_EXPONENT { MIN_EXPONENT } else { x };
    let rounded = clamped * std::f64::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (clamped - n * LN_2_HIGH) - n * LN_2_LOW;
    let r2 = r * r;
    let r4 = r2 * r2;
    // Estrin's scheme: short dependency chains.
    let p01 = 1.0 + r;
    let p23 = 1.0 / 2.0 + r * (1.0 / 6.0);
    let p45 = 1.0 / 24.0 + r * (1.0 / 120.0);
    let p67 = 1.0 / 720.0 + r * (1.0 / 5_040.0);
    let p89 = 1.0 / 40_320.0 + r * (1.0 / 362_880.0);
    let pab = 1.0 / 3_628_800.0 + r * (1.0 / 39_916_800.0);
    let pc = 1.0 / 479_001_600.0;
    let low = (p01 + r2 * p23) + r4 * (p45 + r2 * p67);
    let high = (p89 + r2 * pab) + r4 * pc;
    let p = low + (r4 * r4) * high;
    // Multiply by 2^n: the low bits of `rounded` hold n.
    let power = f64::from_bits(p.to_bits().wrapping_add(rounded.to_bits() << 52));
    if x < MIN_EXPONENT { 0.0 } else { power }
}

/// Bits of `sqrt(1/2)`; mantissas are taken from there to `sqrt(2)`.
const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
const MANTISSA: u64 = (1 << 52) - 1;

/// `ln(x)` for normal positive `x`, to about 1 ulp.
///
/// With `x = 2^k * (1 + f)` and `s = f / (2 + f)`, `ln(1 + f)` is `2 atanh(s) = f - s * (f - R)`,
/// where `R` is twice the series of `atanh(s) / s - 1`, cut off below 2e-17. Branch-free.
#[expect(clippy::inline_always, reason = "as for `exp_negative`")]
#[inline(always)]
pub(super) fn ln_normal(x: f64) -> f64 {
    let shifted = x.to_bits().wrapping_add(1.0_f64.to_bits() - SQRT_HALF);
    // A whole number in the low bits of `ROUND` is that number added to it.
    let k = f64::from_bits(ROUND.to_bits() + (shifted >> 52)) - (ROUND + 1_023.0);
    let f = f64::from_bits((shifted & MANTISSA) + SQRT_HALF) - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let z2 = z * z;
    let z4 = z2 * z2;
    let p12 = 2.0 / 3.0 + z * (2.0 / 5.0);
    let p34 = 2.0 / 7.0 + z * (2.0 / 9.0);
    let p56 = 2.0 / 11.0 + z * (2.0 / 13.0);
    let p78 = 2.0 / 15.0 + z * (2.0 / 17.0);
    let p9a = 2.0 / 19.0 + z * (2.0 / 21.0);
    let r = z * ((p12 + z2 * p34) + z4 * ((p56 + z2 * p78) + z4 * p9a));
    k * LN_2_HIGH + ((f - s * (f - r)) + k * LN_2_LOW)
}

/// Replaces each value by its logarithm.
pub(crate) fn ln_all(values: &mut [f64]) {
    if values
        .iter()
        .all(|&x| (f64::MIN_POSITIVE..=f64::MAX).contains(&x))
    {
        vectorized(
            #[inline(always)]
            || {
                for x in values.iter_mut() {
                    *x = ln_normal(*x);
                }
            },
        );
    } else {
        for x in values {
            *x = libm::log(*x);
        }
    }
}

/// The sum of all values, lane by lane.
pub(crate) fn sum_all(values: &[f64]) -> f64 {
    let (rows, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for row in rows {
        for lane in 0..LANES {
            lanes[lane] += row[lane];
        }
    }
    for (lane, value) in lanes.iter_mut().zip(rest) {
        *lane += value;
    }
    sum_of(lanes)
}

/// The sum of lanes, always in the same order.
#[expect(clippy::inline_always, reason = "as for `exp_negative`")]
#[inline(always)]
pub(super) fn sum_of(l: [f64; LANES]) -> f64 {
    ((l[0] + l[4]) + (l[1] + l[5])) + ((l[2] + l[6]) + (l[3] + l[7]))
}
