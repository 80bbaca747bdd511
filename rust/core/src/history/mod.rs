//! Observed trials, in columns, ordered by trial id; and what changes in them.
//!
//! A [`History`] holds nothing derived: whoever keeps something in step with it (a sampler) reads
//! the [`Change`]s that its methods return. Also here: [`ids`], compact lists of trial ids, and
//! [`seen`], the points that were tried. May import `space` and `numeric`.

mod change;
pub(crate) mod ids;
pub(crate) mod seen;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use crate::history::change::{Change, Changes};

use crate::error::{Error, Result};
use crate::space::Space;
use crate::space::distribution::Distribution;

/// What is known of a search: one row per trial, ordered by trial id.
///
/// A row has one value per parameter, NaN where the parameter was inactive. Unfinished and failed
/// trials have an infinite loss.
#[derive(Debug, Clone)]
pub struct History {
    space: Arc<Space>,
    tids: Vec<i64>,
    losses: Vec<f64>,
    /// How many losses are finite.
    finished: usize,
    columns: Vec<Vec<f64>>,
    /// Trials without a result yet.
    running: BTreeSet<i64>,
}

impl History {
    /// An empty history.
    #[must_use]
    pub fn new(space: Arc<Space>) -> Self {
        let columns = vec![Vec::new(); space.len()];
        Self {
            space,
            tids: Vec::new(),
            losses: Vec::new(),
            finished: 0,
            columns,
            running: BTreeSet::new(),
        }
    }

    /// The space it belongs to.
    #[must_use]
    pub fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// Number of trials.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tids.len()
    }

    /// Whether there are no trials.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tids.is_empty()
    }

    /// How many trials have a finite loss: neither running nor failed.
    #[must_use]
    pub fn finished(&self) -> usize {
        self.finished
    }

    /// Trial ids, ascending.
    #[must_use]
    pub fn tids(&self) -> &[i64] {
        &self.tids
    }

    /// Losses in the order of [`Self::tids`].
    #[must_use]
    pub fn losses(&self) -> &[f64] {
        &self.losses
    }

    /// Values of one parameter in the order of [`Self::tids`], NaN where inactive.
    #[must_use]
    pub fn column(&self, parameter: usize) -> &[f64] {
        &self.columns[parameter]
    }

    /// The loss of a trial.
    pub(crate) fn loss(&self, tid: i64) -> Option<f64> {
        Some(self.losses[self.position(tid).ok()?])
    }

    /// The row of a trial.
    #[must_use]
    pub fn row_of(&self, tid: i64) -> Option<Vec<f64>> {
        Some(self.row(self.position(tid).ok()?))
    }

    /// Ids of the trials without a result yet, ascending.
    pub(crate) fn running(&self) -> impl DoubleEndedIterator<Item = i64> {
        self.running.iter().copied()
    }

    /// Whether a trial has no result yet.
    #[must_use]
    pub fn is_running(&self, tid: i64) -> bool {
        self.running.contains(&tid)
    }

    /// Adds a trial, or replaces what is known of it; returns what changed.
    ///
    /// A loss of plus infinity says that the trial is running. NaN and minus infinity say that it
    /// failed: a broken objective must not look like the best one. To the Parzen estimators both
    /// are the worst loss there is.
    ///
    /// # Errors
    ///
    /// [`Error::RowLength`] or [`Error::Value`] where the row does not fit the space.
    pub fn observe<'a>(&mut self, tid: i64, loss: f64, row: &'a [f64]) -> Result<Changes<'a>> {
        self.check(row)?;
        let loss = self.note_outcome(tid, loss);
        Ok(match self.position(tid) {
            Ok(at) => {
                let before = self.replace_loss(at, loss);
                if self.has_row(at, row) {
                    let after = loss;
                    return Ok([Some(Change::Told { tid, before, after }), None]);
                }
                let old = self.row(at);
                for (column, &value) in self.columns.iter_mut().zip(row) {
                    column[at] = value;
                }
                [
                    Some(Change::Removed {
                        tid,
                        loss: before,
                        row: old,
                    }),
                    Some(Change::Added { tid, loss, row }),
                ]
            }
            Err(at) => {
                self.tids.insert(at, tid);
                self.losses.insert(at, loss);
                self.finished += usize::from(loss.is_finite());
                for (column, &value) in self.columns.iter_mut().zip(row) {
                    column.insert(at, value);
                }
                [Some(Change::Added { tid, loss, row }), None]
            }
        })
    }

    /// Changes the loss of a trial, as [`Self::observe`] does; nothing where it is not known.
    pub fn tell(&mut self, tid: i64, loss: f64) -> Option<Change<'static>> {
        let at = self.position(tid).ok()?;
        let after = self.note_outcome(tid, loss);
        let before = self.replace_loss(at, after);
        Some(Change::Told { tid, before, after })
    }

    /// Notes whether a trial is running, and returns its loss as it is kept.
    fn note_outcome(&mut self, tid: i64, loss: f64) -> f64 {
        if loss == f64::INFINITY {
            self.running.insert(tid);
        } else {
            self.running.remove(&tid);
        }
        if loss.is_nan() || loss == f64::NEG_INFINITY {
            f64::INFINITY
        } else {
            loss
        }
    }

    fn replace_loss(&mut self, at: usize, loss: f64) -> f64 {
        let before = std::mem::replace(&mut self.losses[at], loss);
        self.finished += usize::from(loss.is_finite());
        self.finished -= usize::from(before.is_finite());
        before
    }

    /// Whether a trial is known.
    #[must_use]
    pub fn contains(&self, tid: i64) -> bool {
        self.position(tid).is_ok()
    }

    /// Whether a trial is known with this row.
    #[must_use]
    pub fn holds(&self, tid: i64, row: &[f64]) -> bool {
        row.len() == self.columns.len() && self.position(tid).is_ok_and(|at| self.has_row(at, row))
    }

    fn has_row(&self, at: usize, row: &[f64]) -> bool {
        self.columns
            .iter()
            .zip(row)
            .all(|(column, value)| column[at] == *value || (column[at].is_nan() && value.is_nan()))
    }

    /// Forgets a trial; returns what changed, nothing where it was not known.
    pub fn remove(&mut self, tid: i64) -> Option<Change<'static>> {
        let at = self.position(tid).ok()?;
        let row = self.row(at);
        self.tids.remove(at);
        self.running.remove(&tid);
        let loss = self.losses.remove(at);
        self.finished -= usize::from(loss.is_finite());
        for column in &mut self.columns {
            column.remove(at);
        }
        Some(Change::Removed { tid, loss, row })
    }

    /// The row at a position.
    pub(crate) fn row(&self, at: usize) -> Vec<f64> {
        self.columns.iter().map(|column| column[at]).collect()
    }

    fn position(&self, tid: i64) -> std::result::Result<usize, usize> {
        match self.tids.last() {
            // New trials nearly always have the highest id.
            Some(&last) if tid > last => Err(self.tids.len()),
            None => Err(0),
            _ => self.tids.binary_search(&tid),
        }
    }

    /// Checks that a row fits the space.
    ///
    /// # Errors
    ///
    /// As [`Self::observe`].
    pub(crate) fn check(&self, row: &[f64]) -> Result<()> {
        if row.len() != self.space.len() {
            return Err(Error::RowLength {
                expected: self.space.len(),
                got: row.len(),
            });
        }
        for (parameter, &value) in self.space.parameters().iter().zip(row) {
            // NaN says inactive; an infinite value has no place in any estimator.
            let bad = value.is_infinite()
                || matches!(&parameter.distribution, Distribution::Discrete(_)
                    if !value.is_nan() && value.fract() != 0.0);
            if bad {
                return Err(Error::Value {
                    label: parameter.label.clone(),
                    value,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> Arc<Space> {
        Arc::new(Space::flat(&[("uniform", &[0.0, 1.0])]).expect("valid"))
    }

    #[test]
    fn rows_are_ordered_by_trial_id_and_replaced_in_place() {
        let mut history = History::new(space());
        for (tid, loss) in [(5, 1.0), (2, f64::NAN), (9, f64::NEG_INFINITY), (5, 0.5)] {
            history
                .observe(tid, loss, &[0.1 * tid as f64])
                .expect("fits");
        }
        assert_eq!(history.tids(), [2, 5, 9]);
        assert_eq!(history.losses(), [f64::INFINITY, 0.5, f64::INFINITY]);
        assert_eq!(history.finished(), 1);
        assert!(history.holds(5, &[0.5]) && !history.holds(5, &[0.6]));
        assert!(!history.holds(4, &[0.5]) && !history.holds(5, &[0.5, 0.5]));
        assert!(history.remove(5).is_some() && history.remove(5).is_none());
        assert_eq!((history.len(), history.finished()), (2, 0));
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        let mut history = History::new(space());
        assert!(history.observe(0, 0.0, &[]).is_err());
        assert!(history.observe(0, 0.0, &[f64::INFINITY]).is_err());
        assert!(history.is_empty());
    }

    #[test]
    fn changes_say_what_happened() {
        let mut history = History::new(space());
        let (tid, inf) = (3, f64::INFINITY);
        let added = |loss, row| Some(Change::Added { tid, loss, row });
        let told = |before, after| Some(Change::Told { tid, before, after });
        let removed = |loss, x| {
            Some(Change::Removed {
                tid,
                loss,
                row: vec![x],
            })
        };
        let mut observe = |loss, row| history.observe(tid, loss, row).expect("fits");
        assert_eq!(observe(inf, &[0.5]), [added(inf, &[0.5]), None]);
        assert_eq!(observe(2.0, &[0.5]), [told(inf, 2.0), None]);
        let moved = [removed(2.0, 0.5), added(inf, &[0.6])];
        assert_eq!(observe(f64::NAN, &[0.6]), moved);
        assert!(!history.is_running(tid));
        assert_eq!(history.tell(tid, 1.0), told(inf, 1.0));
        assert_eq!((history.tell(4, 1.0), history.finished()), (None, 1));
        assert_eq!(history.remove(tid), removed(1.0, 0.6));
        assert_eq!((history.remove(tid), history.finished()), (None, 0));
    }
}
