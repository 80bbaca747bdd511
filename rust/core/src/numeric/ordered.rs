//! Floats in order: sorting keys, and the position of the largest.

use std::cmp::Ordering;

/// A float and a trial id, ordered by the float and then by the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    bits: i64,
    /// The trial.
    pub(crate) tid: i64,
}

impl Key {
    /// The key of `value` (not NaN) in trial `tid`; `-0.0` and `0.0` are equal.
    pub(crate) fn new(value: f64, tid: i64) -> Self {
        debug_assert!(!value.is_nan());
        let bits = (value + 0.0).to_bits().cast_signed();
        // The order of `f64::total_cmp`, as an integer.
        Self {
            bits: bits ^ ((bits >> 63).cast_unsigned() >> 1).cast_signed(),
            tid,
        }
    }

    /// Both as one number, which compares without a branch: searches would mispredict most of them.
    fn whole(self) -> i128 {
        (i128::from(self.bits) << 64) + i128::from(self.tid)
    }

    /// The float.
    pub(crate) fn value(self) -> f64 {
        let bits = self.bits ^ ((self.bits >> 63).cast_unsigned() >> 1).cast_signed();
        f64::from_bits(bits.cast_unsigned())
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.whole().cmp(&other.whole())
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// First position of the largest score; NaN never wins.
pub(crate) fn argmax(scores: &[f64]) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (index, &score) in scores.iter().enumerate() {
        if score > best.1 {
            best = (index, score);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_floats_do_and_give_them_back() {
        let values = [
            f64::NEG_INFINITY,
            -2.5,
            -1e-300,
            0.0,
            1e-300,
            0.5,
            3.0,
            f64::INFINITY,
        ];
        for pair in values.windows(2) {
            assert!(Key::new(pair[0], 9) < Key::new(pair[1], 0));
        }
        for value in values {
            assert_eq!(Key::new(value, 1).value(), value);
        }
        assert!(Key::new(1.0, 1) < Key::new(1.0, 2));
        assert!(Key::new(1.0, -1) < Key::new(1.0, 0));
        assert!(Key::new(-1.0, i64::MAX) < Key::new(1.0, i64::MIN));
        assert!(Key::new(-1.0, i64::MAX) < Key::new((-1.0_f64).next_up(), i64::MIN));
        assert_eq!(Key::new(-0.0, 1), Key::new(0.0, 1));
    }
}
