//! Functional ANOVA of a forest.
//!
//! The forest has pairs of trees. The two of a pair are grown on the two halves of the trials, in a
//! new random order for each pair, and an effect is the covariance of what both found: the noise that
//! one tree has fitted is not in the other, so a parameter without effect gets zero on average
//! instead of its share of the noise.

use crate::importance::Effect;
use crate::importance::marginals::{Marginals, Pairs};
use crate::importance::summary::effect;
use crate::importance::tree::grow;
use crate::importance::trials::Trials;
use crate::numeric::rng::Stream;

/// Pairs of trees, and more of them for fewer trials, where they cost little and steady the ranks.
const REPLICATES: usize = 16;
const MOST_REPLICATES: usize = 64;
const TRIALS_IN_ALL: usize = 40_000;

/// More trials than this do not make a tree better, but slower.
const TRIALS_PER_TREE: usize = 1_536;

/// The effects of all parameters, then of all pairs if wanted.
pub(super) fn effects(trials: &Trials, pairs: bool, seed: u64) -> Vec<Effect> {
    let pairs = pairs.then(|| Pairs::new(trials));
    let parameters = trials.parameters;
    let count = parameters + pairs.as_ref().map_or(0, |pairs| pairs.all.len());
    let mut shared = vec![Vec::new(); count];
    let mut variance = 0.0;
    let replicates = (TRIALS_IN_ALL / trials.len()).clamp(REPLICATES, MOST_REPLICATES);
    for replicate in 0..replicates {
        let mut stream = Stream::new(seed, i64::try_from(replicate).unwrap_or(0));
        let [one, other] = halves(trials.len(), &mut stream).map(|rows| {
            let mut marginals = Marginals::new(trials, pairs.as_ref());
            grow(trials, rows, |leaf| marginals.add(trials, leaf));
            marginals.finish(trials, pairs.as_ref());
            marginals
        });
        variance += (one.variance() * other.variance()).sqrt();
        for (at, found) in shared.iter_mut().enumerate() {
            found.push(match at.checked_sub(parameters) {
                None => one.shared(&other, trials, at),
                Some(at) => pairs.as_ref().map_or(0.0, |pairs| {
                    one.shared_by_pair(&other, trials, &pairs.all[at], at)
                }),
            });
        }
    }
    let variance = variance / replicates as f64;
    let shares = shared.into_iter().enumerate().map(|(at, found)| {
        let share = |x: &f64| if variance > 0.0 { x / variance } else { 0.0 };
        let found: Vec<f64> = found.iter().map(share).collect();
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        let pair = at
            .checked_sub(parameters)
            .and_then(|at| Some(&pairs.as_ref()?.all[at]));
        let (one, other) = pair.map_or((at, None), |pair| (pair.one, Some(pair.other)));
        effect(one, other, mean, found)
    });
    shares.collect()
}

/// Two random halves of the trials, or samples as large as trees need.
fn halves(trials: usize, stream: &mut Stream) -> [Vec<u32>; 2] {
    let half = (trials / 2).min(TRIALS_PER_TREE);
    let mut order: Vec<u32> = (0..u32::try_from(trials).unwrap_or(u32::MAX)).collect();
    shuffle_front(&mut order, 2 * half, stream);
    let mut first = order[..half].to_vec();
    let mut second = order[half..2 * half].to_vec();
    // Sorted, rows are read in the order of memory.
    first.sort_unstable();
    second.sort_unstable();
    [first, second]
}

/// Draws the first `count` without replacement.
pub(super) fn shuffle_front(order: &mut [u32], count: usize, stream: &mut Stream) {
    for at in 0..count.min(order.len()) {
        let left = (order.len() - at) as u64;
        #[expect(clippy::cast_possible_truncation, reason = "a position")]
        order.swap(at, at + stream.below(left) as usize);
    }
}
