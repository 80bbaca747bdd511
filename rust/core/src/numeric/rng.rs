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
        let width = high - low;
        loop {
            let u = self.unit();
            let x = if width.is_finite() {
                low + width * u
            } else {
                low * (1.0 - u) + high * u
            };
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
        wheel(weights.iter().copied(), self.unit() * total)
    }
}

/// The roulette wheel: the first index whose weight, with all before it, is greater than `at`.
pub(crate) fn wheel(weights: impl Iterator<Item = f64>, at: f64) -> usize {
    let mut left = at;
    // Rounding may leave a remainder: then the last index that can be drawn at all.
    let mut last = 0;
    for (index, weight) in weights.enumerate() {
        if left < weight {
            return index;
        }
        left -= weight;
        if weight > 0.0 {
            last = index;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_those_of_their_seed_and_trial() {
        let draw = |seed, tid| Stream::new(seed, tid).unit();
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
        // Pinned: a search must be repeatable with later versions.
        let mut stream = Stream::new(42, 7);
        let drawn = [stream.unit(), stream.normal(), stream.below(1_000) as f64];
        assert_eq!(drawn, PINNED, "{drawn:?}");
    }

    /// Of seed 42 and trial 7; made by this code.
    const PINNED: [f64; 3] = [0.128_506_453_756_692_9, -1.557_548_689_607_134_9, 493.0];

    #[test]
    fn uniform_numbers_stay_within_the_narrowest_and_the_widest_interval() {
        let mut stream = Stream::new(1, 1);
        let high = 1.0_f64.next_up();
        assert!((0..1_000).all(|_| stream.uniform(1.0, high) == 1.0));
        assert!((0..1_000).all(|_| (-3.0..-1.0).contains(&stream.uniform(-3.0, -1.0))));
        let wide = -1.5e308..1.5e308;
        assert!((0..1_000).all(|_| wide.contains(&stream.uniform(wide.start, wide.end))));
    }

    #[test]
    fn whole_numbers_are_evenly_spread() {
        let mut stream = Stream::new(3, 3);
        let mut counts = [0_i32; 7];
        for _ in 0..70_000 {
            counts[usize::try_from(stream.below(7)).expect("small")] += 1;
        }
        // Five standard deviations.
        assert!(
            counts.iter().all(|count| (count - 10_000).abs() < 470),
            "{counts:?}"
        );
        assert_eq!(stream.below(1), 0);
    }

    #[test]
    fn normal_numbers_have_their_moments() {
        let mut stream = Stream::new(4, 4);
        let draws: Vec<f64> = (0..100_000).map(|_| stream.normal()).collect();
        let moment = |k| draws.iter().map(|x: &f64| x.powi(k)).sum::<f64>() / draws.len() as f64;
        for (k, want, error) in [
            (1, 0.0, 0.016),
            (2, 1.0, 0.023),
            (3, 0.0, 0.062),
            (4, 3.0, 0.16),
        ] {
            assert!((moment(k) - want).abs() < error, "{k}: {}", moment(k));
        }
    }

    #[test]
    fn the_wheel_stops_where_the_weights_reach() {
        let weights = [0.0, 0.25, 0.0, 0.5, 0.25, 0.0];
        let stops =
            [0.0, 0.2, 0.25, 0.7, 0.75, 0.99, 1.0, 7.0].map(|at| wheel(weights.into_iter(), at));
        assert_eq!(stops, [1, 1, 3, 3, 4, 4, 4, 4]);
        assert_eq!(wheel([0.0; 3].into_iter(), 0.5), 0);
        let mut stream = Stream::new(5, 5);
        let drawn = (0..10_000)
            .filter(|_| stream.weighted(&weights, 1.0) == 3)
            .count();
        assert!(drawn.abs_diff(5_000) < 250, "{drawn}");
    }
}
