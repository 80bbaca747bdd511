//! The split of the trials into the good ones and the rest, kept as trials come and go.

use std::collections::BTreeSet;

use crate::numeric::ordered::Key;
use crate::samplers::tpe::settings::Rule;

/// Both sides, ordered by loss; of equal losses the older trial comes first.
///
/// A trial that comes or goes may leave a side too large or too small: then
/// [`Self::rebalance`] moves one trial at a time, so that others can follow.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    rule: Rule,
    /// How many trials have a finite loss.
    finished: usize,
    good: Vec<Key>,
    rest: BTreeSet<Key>,
}

/// A trial that changed sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) tid: i64,
    pub(crate) is_good: bool,
}

impl Split {
    pub(crate) fn new(rule: Rule) -> Self {
        Self {
            rule,
            finished: 0,
            good: Vec::new(),
            rest: BTreeSet::new(),
        }
    }

    /// The good trials, best first.
    pub(crate) fn good(&self) -> &[Key] {
        &self.good
    }

    /// Whether a trial is a good one. There are few.
    pub(crate) fn is_good(&self, tid: i64) -> bool {
        self.good.iter().any(|key| key.tid == tid)
    }

    /// Ids of the trials with a finite loss, lowest loss first.
    pub(crate) fn by_loss(&self) -> impl Iterator<Item = i64> {
        let ordered = self.good.iter().chain(&self.rest);
        ordered
            .filter(|key| key.value().is_finite())
            .map(|key| key.tid)
    }

    /// How many should be good when `more` trials are there.
    fn target(&self, more: usize) -> usize {
        let trials = self.good.len() + self.rest.len() + more;
        self.rule.n_good(trials, self.finished)
    }

    /// Adds a trial; returns whether it is a good one.
    pub(crate) fn add(&mut self, tid: i64, loss: f64) -> bool {
        self.finished += usize::from(loss.is_finite());
        self.put(Key::new(loss, tid))
    }

    /// Forgets a trial; returns whether it was a good one.
    pub(crate) fn remove(&mut self, tid: i64, loss: f64) -> bool {
        self.finished -= usize::from(loss.is_finite());
        self.take(Key::new(loss, tid))
    }

    /// Changes a loss; returns whether the trial was a good one, and whether it is.
    pub(crate) fn change(&mut self, tid: i64, before: f64, after: f64) -> (bool, bool) {
        self.finished += usize::from(after.is_finite());
        self.finished -= usize::from(before.is_finite());
        let was_good = self.take(Key::new(before, tid));
        // Its own place is free now: compare as if it came in anew, but move it only once.
        (was_good, self.put(Key::new(after, tid)))
    }

    fn put(&mut self, key: Key) -> bool {
        let is_good = if self.good.len() < self.target(1) {
            self.rest.first().is_none_or(|best| key < *best)
        } else {
            self.good.last().is_some_and(|worst| key < *worst)
        };
        if is_good {
            let at = self.good.partition_point(|k| *k < key);
            self.good.insert(at, key);
        } else {
            self.rest.insert(key);
        }
        is_good
    }

    fn take(&mut self, key: Key) -> bool {
        if let Ok(at) = self.good.binary_search(&key) {
            self.good.remove(at);
            return true;
        }
        self.rest.remove(&key);
        false
    }

    /// Moves a trial to the other side, if the good ones are too many or too few.
    pub(crate) fn rebalance(&mut self) -> Option<Move> {
        let target = self.target(0);
        if self.good.len() > target {
            let worst = self.good.pop()?;
            self.rest.insert(worst);
            let tid = worst.tid;
            return Some(Move {
                tid,
                is_good: false,
            });
        }
        if self.good.len() < target {
            let best = self.rest.pop_first()?;
            self.good.push(best);
            return Some(Move {
                tid: best.tid,
                is_good: true,
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::rng::Stream;
    use crate::samplers::tpe::settings::Settings;
    use std::collections::BTreeMap;

    #[test]
    fn it_holds_what_sorting_gives() {
        for (settings, gamma) in [(Settings::default(), 0.2), (Settings::hyperopt(), 1.0)] {
            let rule = Rule {
                gamma,
                ..settings.rule()
            };
            let mut stream = Stream::new(8, 8);
            let mut split = Split::new(rule);
            let mut losses: BTreeMap<i64, f64> = BTreeMap::new();
            let mut sides: BTreeMap<i64, bool> = BTreeMap::new();
            for _ in 0..3_000 {
                let tid = stream.below(60).cast_signed();
                // Few values, so that losses are equal; some are none.
                let loss = match stream.below(12) {
                    0 => f64::INFINITY,
                    some => some as f64,
                };
                match (losses.get(&tid).copied(), stream.below(3)) {
                    (Some(before), 0) => {
                        assert_eq!(split.remove(tid, before), sides[&tid]);
                        losses.remove(&tid);
                        sides.remove(&tid);
                    }
                    (Some(before), _) => {
                        let (was, is) = split.change(tid, before, loss);
                        assert_eq!(sides.insert(tid, is), Some(was));
                        losses.insert(tid, loss);
                    }
                    (None, _) => {
                        sides.insert(tid, split.add(tid, loss));
                        losses.insert(tid, loss);
                    }
                }
                while let Some(Move { tid, is_good }) = split.rebalance() {
                    assert_eq!(sides.insert(tid, is_good), Some(!is_good));
                }
                let mut order: Vec<(f64, i64)> = losses.iter().map(|(&t, &l)| (l, t)).collect();
                order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                let finished = order.iter().filter(|o| o.0.is_finite()).count();
                let n = rule.n_good(order.len(), finished);
                let want: Vec<i64> = order.iter().map(|o| o.1).collect();
                let got: Vec<i64> = split.good().iter().map(|key| key.tid).collect();
                assert_eq!(got, want[..n]);
                assert!(split.by_loss().eq(want[..finished].iter().copied()));
                assert!(sides.iter().all(|(&tid, &is)| is == split.is_good(tid)));
            }
        }
    }
}
