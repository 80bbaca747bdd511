//! A history that threads share.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::error::Result;
use crate::history::History;
use crate::space::Space;

/// Number of suggested rows that are kept until the trial is accepted.
const PENDING: usize = 4_096;

/// A history behind a lock, with the rows that were suggested for it last.
#[derive(Debug)]
pub struct Shared(Mutex<Suggested>);

/// A history, and rows that were suggested but are not among its trials yet.
#[derive(Debug)]
pub struct Suggested {
    /// The history.
    pub history: History,
    pending: BTreeMap<i64, Vec<f64>>,
    /// Ids of `pending`, in the order in which they came; some may have left.
    order: VecDeque<i64>,
}

impl Shared {
    /// An empty history.
    #[must_use]
    pub fn new(space: Arc<Space>) -> Self {
        Self(Mutex::new(Suggested {
            history: History::new(space),
            pending: BTreeMap::new(),
            order: VecDeque::new(),
        }))
    }

    /// Waits for the lock. After a panic of whoever held it, what was derived from the trials may be
    /// half done: it is dropped, so that the next suggestion builds it again.
    pub fn lock(&self) -> MutexGuard<'_, Suggested> {
        self.0.lock().unwrap_or_else(|poisoned| {
            let mut guard = poisoned.into_inner();
            guard.history.forget_derived();
            self.0.clear_poison();
            guard
        })
    }
}

impl Suggested {
    /// Asks for rows, one per id, and keeps them until they are accepted.
    ///
    /// # Errors
    ///
    /// Those of `suggest`.
    pub fn ask(
        &mut self,
        tids: &[i64],
        suggest: impl FnOnce(&mut History) -> Result<Vec<Vec<f64>>>,
    ) -> Result<Vec<Vec<f64>>> {
        let rows = suggest(&mut self.history)?;
        let first = tids.len().saturating_sub(PENDING);
        for (&tid, row) in tids.iter().zip(&rows).skip(first) {
            if self.pending.insert(tid, row.clone()).is_none() {
                self.order.push_back(tid);
            }
        }
        while self.order.len() > PENDING {
            let oldest = self.order.pop_front();
            oldest.map(|tid| self.pending.remove(&tid));
        }
        Ok(rows)
    }

    /// Takes the row that was suggested for a trial into the history, as a running trial. Returns
    /// whether there was such a row, for a trial that is not known yet.
    pub fn accept(&mut self, tid: i64) -> bool {
        let Some(row) = self.pending.remove(&tid) else {
            return false;
        };
        if self.order.front() == Some(&tid) {
            self.order.pop_front();
        }
        !self.history.contains(tid) && self.history.observe(tid, f64::INFINITY, &row).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samplers::halton;

    fn shared() -> Shared {
        Shared::new(Arc::new(
            Space::flat(&[("uniform", &[0.0, 1.0])]).expect("valid"),
        ))
    }

    fn ask(shared: &Shared, tids: &[i64]) -> Vec<Vec<f64>> {
        let ask = |history: &mut History| halton::suggest(history, tids, 1);
        shared.lock().ask(tids, ask).expect("suggests")
    }

    #[test]
    fn a_suggested_row_is_accepted_once() {
        let shared = shared();
        let rows = ask(&shared, &[7, 8]);
        let mut held = shared.lock();
        assert!(!held.accept(9) && held.accept(8) && !held.accept(8));
        assert!(held.history.holds(8, &rows[1]) && held.history.is_running(8));
        held.history.observe(7, 1.0, &[0.5]).expect("fits");
        assert!(!held.accept(7), "known by then");
        assert_eq!(held.history.losses(), [1.0, f64::INFINITY]);
    }

    #[test]
    fn the_latest_rows_are_kept() {
        let shared = shared();
        let count = 3 * i64::try_from(PENDING).expect("small") / 2;
        for tid in 0..count {
            ask(&shared, &[tid]);
            // Accepted out of order, now and then.
            assert!(tid % 10 != 5 || shared.lock().accept(tid - 3));
        }
        let mut held = shared.lock();
        assert!(held.pending.len() <= PENDING && held.order.len() <= PENDING);
        assert!(held.accept(count - 1) && held.accept(count - 2_000) && !held.accept(0));
    }

    #[test]
    fn a_panic_leaves_the_history_usable_and_its_derived_parts_unbuilt() {
        let shared = shared();
        let settings = crate::samplers::tpe::Settings::default();
        let ask = |held: &mut Suggested| {
            crate::samplers::tpe::suggest(&mut held.history, &[5], 1, &settings).expect("suggests")
        };
        for tid in 0..4 {
            let mut held = shared.lock();
            let row = [0.2 * tid as f64];
            held.history.observe(tid, row[0], &row).expect("fits");
        }
        let before = ask(&mut shared.lock());
        std::thread::scope(|scope| {
            let panics = scope.spawn(|| {
                let _held = shared.lock();
                panic!("as meant");
            });
            assert!(panics.join().is_err());
        });
        let mut held = shared.lock();
        assert!(!held.history.has_derived());
        assert_eq!(ask(&mut held), before);
        assert!(!shared.0.is_poisoned());
    }
}
