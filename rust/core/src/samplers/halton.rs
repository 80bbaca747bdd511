//! A start that fills the space evenly: a scrambled Halton sequence.
//!
//! Halton (1960): coordinate `d` of point `k` is `k` written in the `d`-th prime base and mirrored at
//! the point. Each digit is replaced by a random permutation of the digits (Owen, arXiv 1706.02808),
//! without which coordinates of large bases go together.

use std::any::Any;
use std::collections::BTreeMap;

use crate::error::Result;
use crate::history::History;
use crate::numeric::normal::normal_cdf;
use crate::numeric::rng::{Stream, wheel};
use crate::samplers::options::Entry;
use crate::samplers::random;
use crate::samplers::sampler::{self, Sampler};
use crate::space::Space;
use crate::space::distribution::{Discrete, Distribution, Numeric};

/// Smallest and largest position: those of 53 bits, without the ends.
const LEAST: f64 = f64::EPSILON / 4.0;
const MOST: f64 = 1.0 - f64::EPSILON / 2.0;

/// A Halton sequence has no settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings;

pub(crate) const ENTRY: Entry = Entry {
    name: "halton",
    options: &[],
    make: |_| Box::new(Settings),
};

impl sampler::Settings for Settings {
    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn sampler(&self, history: &History) -> Box<dyn Sampler> {
        Box::new(Halton::new(history.space()))
    }

    fn adopt(&self, kept: &mut dyn Sampler) -> bool {
        (kept as &mut dyn Any).is::<Halton>()
    }
}

/// The bases of a scrambled Halton sequence.
#[derive(Debug)]
pub(crate) struct Halton {
    primes: Vec<u64>,
}

impl Halton {
    pub(crate) fn new(space: &Space) -> Self {
        Self {
            primes: primes(space.len()),
        }
    }
}

impl Sampler for Halton {
    /// Suggests a point: as many points into the sequence as there are trials.
    ///
    /// The sequence is scrambled by what the trial of the lowest id has tried, so that it is the same
    /// for all that follow; the first point is a draw from the prior.
    fn suggest(&mut self, history: &History, tid: i64, seed: u64) -> Vec<f64> {
        let space = history.space();
        if history.is_empty() {
            return random::suggest(space, seed, tid);
        }
        let key = key(&history.row(0));
        point(space, &self.primes, key, history.len() as u64)
    }
}

/// Point number `index` of the sequence.
fn point(space: &Space, primes: &[u64], key: u64, index: u64) -> Vec<f64> {
    let mut row = vec![f64::NAN; space.len()];
    for (axis, parameter) in space.parameters().iter().enumerate() {
        if parameter.is_active(&row) {
            let u = position(primes[axis], index, key, axis);
            row[axis] = quantile(&parameter.distribution, u);
        }
    }
    row
}

/// A number for the values of a trial; mixed as in `SplitMix64`.
fn key(row: &[f64]) -> u64 {
    row.iter().fold(0x9e37_79b9_7f4a_7c15, |key, &value| {
        let bits = if value.is_nan() {
            f64::NAN
        } else {
            value + 0.0
        }
        .to_bits();
        let mut mixed = (key ^ bits).wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    })
}

/// The first primes.
fn primes(count: usize) -> Vec<u64> {
    let mut primes: Vec<u64> = Vec::with_capacity(count);
    let mut candidate = 2;
    while primes.len() < count {
        let is_prime = primes
            .iter()
            .take_while(|&&p| p * p <= candidate)
            .all(|p| candidate % p != 0);
        if is_prime {
            primes.push(candidate);
        }
        candidate += 1;
    }
    primes
}

/// The scrambled radical inverse of `index`, within `(0, 1)`.
fn position(base: u64, mut index: u64, key: u64, axis: usize) -> f64 {
    let mut u = 0.0;
    let mut scale = 1.0;
    let mut place = 0_u64;
    // Zeros before the first digit are scrambled too.
    while scale > f64::EPSILON / 2.0 {
        scale /= base as f64;
        let mut stream = Stream::new(key, (((axis as u64) << 8) | place).cast_signed());
        u += scale * permuted(base, index % base, &mut stream) as f64;
        index /= base;
        place += 1;
    }
    u.clamp(LEAST, MOST)
}

/// Where a random permutation of `0 .. base` sends `digit`: the first steps of a shuffle, of which
/// only what has moved is kept.
fn permuted(base: u64, digit: u64, stream: &mut Stream) -> u64 {
    let mut moved = BTreeMap::new();
    let mut taken = digit;
    for step in 0..=digit {
        let other = step + stream.below(base - step);
        taken = moved.get(&other).copied().unwrap_or(other);
        let here = moved.get(&step).copied().unwrap_or(step);
        moved.insert(other, here);
    }
    taken
}

/// The value below which the prior has the share `u`.
fn quantile(prior: &Distribution, u: f64) -> f64 {
    match prior {
        Distribution::Numeric(prior) => numeric_quantile(prior, u),
        Distribution::Discrete(prior) => prior.value_of(category_quantile(prior, u)),
    }
}

fn numeric_quantile(prior: &Numeric, u: f64) -> f64 {
    prior.to_value(match prior.bounds {
        Some((low, high)) => (low + (high - low) * u).clamp(prior.ends.0, prior.ends.1),
        None => prior.prior_mu + prior.prior_sigma * normal_quantile(u),
    })
}

fn category_quantile(prior: &Discrete, u: f64) -> u64 {
    match prior {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Discrete::Range { .. } => ((u * prior.size() as f64) as u64).min(prior.size() - 1),
        Discrete::Weighted { p } => wheel(p.iter().copied(), u) as u64,
    }
}

/// The standard normal number that a share `u` lies below, by halving.
fn normal_quantile(u: f64) -> f64 {
    if u > 0.5 {
        return -normal_quantile(1.0 - u);
    }
    let (mut low, mut high) = (-9.0, 0.0);
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if normal_cdf(middle) < u {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Equals, Parameter};
    use std::sync::Arc;

    fn parameter(name: &str, args: &[f64], conditions: Vec<Vec<Equals>>) -> Parameter {
        Parameter {
            label: name.to_owned(),
            distribution: Distribution::new(name, name, args).expect("valid"),
            conditions,
        }
    }

    #[test]
    fn normal_quantiles_are_those_of_the_tables() {
        for (u, z) in [
            (0.5, 0.0),
            (0.975, 1.959_963_984_540_054),
            (0.841_344_746_068_542_9, 1.0),
            (1e-10, -6.361_340_902_404_056),
        ] {
            assert!((normal_quantile(u) - z).abs() < 1e-9, "{u}");
            assert!((normal_quantile(1.0 - u) + z).abs() < 1e-6, "{u}");
        }
        assert!(normal_quantile(LEAST) > -9.0 && normal_quantile(MOST) < 9.0);
    }

    #[test]
    fn primes_are_prime() {
        assert_eq!(primes(10), [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]);
        assert_eq!(primes(1_000)[999], 7_919);
    }

    #[test]
    fn digits_are_permuted() {
        for base in [2, 3, 7, 101] {
            let stream = Stream::new(5, 6);
            let mut sent: Vec<u64> = (0..base)
                .map(|digit| permuted(base, digit, &mut stream.clone()))
                .collect();
            assert!(base < 7 || !sent.is_sorted());
            sent.sort_unstable();
            assert_eq!(sent, (0..base).collect::<Vec<_>>());
        }
    }

    /// What makes the sequence one: any `base^2` successive points have one in each of as many
    /// cells, on every axis.
    #[test]
    fn each_axis_is_filled_evenly() {
        for (axis, base) in [2_u64, 3, 5, 7, 53].into_iter().enumerate() {
            for key in 0..3 {
                let cells = base * base;
                let mut hit: Vec<f64> = (4 * cells..5 * cells)
                    .map(|index| (position(base, index, key, axis) * cells as f64).floor())
                    .collect();
                hit.sort_by(f64::total_cmp);
                let each: Vec<f64> = (0..cells).map(|cell| cell as f64).collect();
                assert_eq!(hit, each, "base {base}");
            }
        }
    }

    #[test]
    fn quantiles_have_the_shares_of_the_prior() {
        let q = |name: &str, args: &[f64], u| {
            quantile(&Distribution::new("p", name, args).expect("valid"), u)
        };
        assert_eq!(q("uniform", &[-2.0, 2.0], 0.75), 1.0);
        assert!((q("loguniform", &[0.0, 2.0], 0.5) - 1.0_f64.exp()).abs() < 1e-15);
        assert_eq!(q("quniform", &[0.0, 10.0, 4.0], 0.55), 4.0);
        assert_eq!(q("qnormal", &[10.0, 4.0, 1.0], 0.841_344_75), 14.0);
        assert_eq!(q("randint", &[3.0, 7.0], 0.49), 4.0);
        assert_eq!(q("randint", &[3.0, 7.0], MOST), 6.0);
        let p = [0.0, 0.25, 0.0, 0.75, 0.0];
        for (u, category) in [(LEAST, 1.0), (0.24, 1.0), (0.26, 3.0), (MOST, 3.0)] {
            assert_eq!(q("categorical", &p, u), category);
        }
        for u in [LEAST, MOST] {
            assert!(q("normal", &[0.0, 1.0], u).is_finite());
            let value = q("uniform", &[0.0, 1.0], u);
            assert!((0.0..1.0).contains(&value));
        }
    }

    #[test]
    fn points_follow_from_the_first_trial_and_respect_conditions() {
        let kind = |value| vec![vec![Equals { parent: 0, value }]];
        let space = Arc::new(
            Space::new(vec![
                parameter("randint", &[0.0, 2.0], vec![vec![]]),
                parameter("uniform", &[0.0, 1.0], kind(0)),
                parameter("normal", &[0.0, 1.0], kind(1)),
            ])
            .expect("valid"),
        );
        let mut history = History::new(space.clone());
        // Each id sees the ones before it as running trials.
        let ask = |mut history: History, tids: std::ops::Range<i64>, seed| -> Vec<Vec<f64>> {
            let mut halton = Halton::new(history.space());
            tids.map(|tid| {
                let row = halton.suggest(&history, tid, seed);
                history.observe(tid, f64::INFINITY, &row).expect("fits");
                row
            })
            .collect()
        };
        let rows = ask(history.clone(), 0..40, 1);
        let bits = |rows: &[Vec<f64>]| -> Vec<u64> {
            rows.iter().flatten().map(|v| v.to_bits()).collect()
        };
        let first = random::suggest(&space, 1, 0);
        assert_eq!(bits(&rows[..1]), bits(&[first]), "the first is random");
        let mut kinds = [0_i32, 0];
        for row in &rows[1..] {
            let second = row[0] == 1.0;
            kinds[usize::from(second)] += 1;
            assert_eq!((row[1].is_nan(), row[2].is_nan()), (second, !second));
        }
        assert!((kinds[0] - kinds[1]).abs() <= 1, "{kinds:?}");

        // Later ones are the same whatever the seed, and others for another first trial.
        history.observe(0, 1.0, &rows[0]).expect("fits");
        let same = ask(history.clone(), 1..40, 9);
        assert_eq!(bits(&same), bits(&rows[1..]));
        history
            .observe(0, 1.0, &[0.0, 0.123, f64::NAN])
            .expect("fits");
        let other = ask(history, 1..40, 9);
        assert_ne!(bits(&other), bits(&rows[1..]));
    }
}
