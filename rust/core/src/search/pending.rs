//! Rows that were suggested, until their trials are accepted.

use std::collections::{BTreeMap, VecDeque};

/// Number of rows that are kept.
pub(super) const MOST: usize = 4_096;

/// The latest suggestions by trial id.
#[derive(Debug, Default)]
pub(super) struct Pending {
    rows: BTreeMap<i64, Vec<f64>>,
    /// Their ids in the order in which they came; some of their rows may have left.
    order: VecDeque<i64>,
}

impl Pending {
    /// Keeps rows; the oldest leave where there are too many.
    pub(super) fn keep(&mut self, tids: &[i64], rows: &[Vec<f64>]) {
        let first = tids.len().saturating_sub(MOST);
        for (&tid, row) in tids.iter().zip(rows).skip(first) {
            if self.rows.insert(tid, row.clone()).is_none() {
                self.order.push_back(tid);
            }
        }
        while self.order.len() > MOST {
            let oldest = self.order.pop_front();
            oldest.map(|tid| self.rows.remove(&tid));
        }
    }

    /// Gives the row of a trial away.
    pub(super) fn take(&mut self, tid: i64) -> Option<Vec<f64>> {
        let row = self.rows.remove(&tid);
        // Trials are mostly accepted in the order in which they were suggested.
        if self.order.front() == Some(&tid) {
            self.order.pop_front();
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_rows_are_kept_and_given_once() {
        let mut pending = Pending::default();
        let count = 3 * i64::try_from(MOST).expect("small") / 2;
        for tid in 0..count {
            pending.keep(&[tid], &[vec![tid as f64]]);
            // Now and then one is taken out of order.
            assert!(tid % 10 != 5 || pending.take(tid - 3).is_some());
            assert!(pending.rows.len() <= MOST && pending.order.len() <= MOST);
        }
        assert_eq!(pending.take(count - 1), Some(vec![(count - 1) as f64]));
        assert_eq!(pending.take(count - 1), None);
        assert!(pending.take(count - 2_000).is_some() && pending.take(0).is_none());
    }

    #[test]
    fn of_a_batch_that_is_too_large_the_end_is_kept() {
        let mut pending = Pending::default();
        let tids: Vec<i64> = (0..).take(MOST + 5).collect();
        let rows: Vec<Vec<f64>> = tids.iter().map(|&tid| vec![tid as f64]).collect();
        pending.keep(&tids, &rows);
        assert!(pending.take(4).is_none() && pending.take(5).is_some());
    }
}
