//! Random streams that are the same on every machine.

use rand::{Rng as _, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of random numbers, keyed by a seed and a trial id.
///
/// The caller owns it; nothing in the crate draws from anywhere else.
#[derive(Debug, Clone)]
pub struct Stream {
    rng: ChaCha8Rng,
    /// The second of a pair of normal numbers.
    spare: Option<f64>,
}

/// Scale of a 53-bit integer to `[0, 1)`.
const TO_UNIT: f64 = 1.0 / 9_007_199_254_740_992.0;

impl Stream {
    /// The stream of trial `tid` under `seed`.
    #[must_use]
    pub fn new(seed: u64, tid: i64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(tid.cast_unsigned());
        Self { rng, spare: None }
    }

    /// A uniform number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 * TO_UNIT
    }

    /// A uniform number in `[low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        loop {
            let x = low + (high - low) * self.unit();
            // Rounding may hit `high` when the interval is a few ulps wide.
            if x < high || low >= high.next_down() {
                return x.min(high.next_down()).max(low);
            }
        }
    }

    /// A uniform whole number in `0 .. n` (Lemire's multiply-and-reject, so exactly uniform).
    pub fn below(&mut self, n: u64) -> u64 {
        debug_assert!(n > 0);
        let reject_under = n.wrapping_neg() % n;
        loop {
            let wide = u128::from(self.rng.next_u64()) * u128::from(n);
            #[expect(clippy::cast_possible_truncation)]
            let low = wide as u64;
            if low >= reject_under {
                return (wide >> 64) as u64;
            }
        }
    }

    /// A standard normal number (Marsaglia's polar method, which makes two at a time).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let u = 2.0 * self.unit() - 1.0;
            let v = 2.0 * self.unit() - 1.0;
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                let scale = (-2.0 * libm::log(s) / s).sqrt();
                self.spare = Some(v * scale);
                return u * scale;
            }
        }
    }

    /// An index drawn with probability proportional to `weights[index]`, whose sum is `total`.
    pub fn weighted(&mut self, weights: &[f64], total: f64) -> usize {
        let mut left = self.unit() * total;
        for (index, w) in weights.iter().enumerate() {
            if left < *w {
                return index;
            }
            left -= w;
        }
        // Rounding may leave a remainder: the last index that can be drawn at all.
        weights.iter().rposition(|&w| w > 0.0).unwrap_or(0)
    }
}
