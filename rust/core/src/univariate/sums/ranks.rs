//! The trials in which a parameter was active, oldest first, and which of them are good.
//!
//! The rank of an observation among the rest decides its weight. It is its position in
//! trial order less the good trials before it, which are never more than
//! `MAX_GOOD` of the split, so nothing needs renumbering when trials change sides.

use crate::history::ids::Ids;
use crate::numeric::forgetting::LINEAR_FORGETTING;

/// Observations of one parameter in trial order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ranks {
    tids: Ids,
    values: Vec<f64>,
    /// Trials on the good side, ascending.
    good: Vec<i64>,
}

impl Ranks {
    /// Adds an observation (on the rest's side until told otherwise).
    pub(crate) fn insert(&mut self, tid: i64, value: f64) {
        if let Err(at) = self.tids.find(tid) {
            self.tids.insert(at, tid);
            self.values.insert(at, value);
        }
    }

    /// Forgets an observation.
    pub(crate) fn remove(&mut self, tid: i64) {
        if let Ok(at) = self.tids.find(tid) {
            self.tids.remove(at);
            self.values.remove(at);
        }
    }

    /// The value observed in a trial, if the parameter was active there.
    pub(crate) fn value(&self, tid: i64) -> Option<f64> {
        self.tids.find(tid).ok().map(|at| self.values[at])
    }

    /// Moves an observation to the good side, or back.
    pub(crate) fn set_good(&mut self, tid: i64, is_good: bool) {
        match (self.good.binary_search(&tid), is_good) {
            (Err(at), true) => self.good.insert(at, tid),
            (Ok(at), false) => {
                self.good.remove(at);
            }
            _ => {}
        }
    }

    /// Whether a trial is on the good side.
    pub(crate) fn is_good(&self, tid: i64) -> bool {
        self.good.binary_search(&tid).is_ok()
    }

    /// Number of observations on the rest's side.
    pub(crate) fn n_rest(&self) -> usize {
        self.tids.len() - self.good.len()
    }

    /// Rank of a trial among the rest, as if it were one of them; 0 is the oldest.
    pub(crate) fn rank(&self, tid: i64) -> usize {
        let position = self.tids.find(tid).unwrap_or_else(|at| at);
        position - self.good.partition_point(|&t| t < tid)
    }

    /// Number of the rest that are old enough for their weight to depend on age.
    pub(crate) fn n_aged(&self) -> usize {
        self.n_rest().saturating_sub(LINEAR_FORGETTING)
    }

    /// The trial of that rank among the rest.
    pub(crate) fn at_rank(&self, rank: usize) -> i64 {
        self.tids.at(self.place_of(rank))
    }

    /// The value of the trial of that rank among the rest.
    pub(crate) fn value_at_rank(&self, rank: usize) -> f64 {
        self.values[self.place_of(rank)]
    }

    fn place_of(&self, rank: usize) -> usize {
        // As many places further on as there are good trials up to there.
        let mut skipped = 0;
        loop {
            let tid = self.tids.at(rank + skipped);
            let good = self.good.partition_point(|&t| t <= tid);
            if good == skipped {
                return rank + skipped;
            }
            skipped = good;
        }
    }

    /// Good trials between two others, exclusive, ascending.
    pub(crate) fn good_between(&self, older: i64, younger: i64) -> &[i64] {
        let first = self.good.partition_point(|&t| t <= older);
        let last = self.good.partition_point(|&t| t < younger);
        &self.good[first..last.max(first)]
    }

    /// Values of the good trials, oldest first. There are few, so this looks at no other.
    pub(crate) fn good(&self) -> Vec<f64> {
        self.good.iter().filter_map(|&t| self.value(t)).collect()
    }

    /// Values of the rest, oldest first.
    pub(crate) fn rest(&self) -> Vec<f64> {
        self.rest_from(0).map(|(_, value)| value).collect()
    }

    /// Trials of the rest, oldest first, from `rank` on, with their values.
    pub(crate) fn rest_from(&self, rank: usize) -> impl Iterator<Item = (i64, f64)> + '_ {
        let start = if rank < self.n_rest() {
            self.place_of(rank)
        } else {
            self.tids.len()
        };
        (start..self.tids.len())
            .map(|at| (self.tids.at(at), self.values[at]))
            .filter(|(tid, _)| self.good.binary_search(tid).is_err())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_skip_the_good_trials() {
        let mut ranks = Ranks::default();
        for tid in [3, 5, 8, 9, 12] {
            ranks.insert(tid, tid as f64);
        }
        ranks.set_good(5, true);
        ranks.set_good(9, true);
        assert_eq!(ranks.n_rest(), 3);
        assert_eq!([3, 8, 12].map(|t| ranks.rank(t)), [0, 1, 2]);
        assert_eq!(ranks.rank(5), 1, "as if it were one of the rest");
        assert_eq!([0, 1, 2].map(|r| ranks.at_rank(r)), [3, 8, 12]);
        assert_eq!(ranks.good(), [5.0, 9.0]);
        assert_eq!(ranks.rest(), [3.0, 8.0, 12.0]);
        assert_eq!(
            ranks.rest_from(1).map(|(t, _)| t).collect::<Vec<_>>(),
            [8, 12]
        );
        ranks.set_good(5, false);
        ranks.remove(3);
        assert_eq!(ranks.at_rank(0), 5);
        assert_eq!(ranks.value(3), None);
    }
}
