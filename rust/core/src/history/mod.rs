//! Observed trials, in columns, ordered by trial id.

pub(crate) mod ids;
pub(crate) mod seen;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::history::seen::Seen;
use crate::samplers::tpe::settings::Rule;
use crate::samplers::tpe::split::Split;
use crate::space::Space;
use crate::space::distribution::Distribution;

/// What is known of a search: one row a trial, ordered by trial id.
///
/// A row has one value a parameter, NaN where the parameter was inactive. Unfinished and failed
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
    /// What suggestions read, kept in step once the first of them has asked for it.
    split: Option<Split>,
    /// Points that were tried, once a suggestion has asked for them.
    seen: Option<Seen>,
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
            split: None,
            seen: None,
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
    pub(crate) fn row_of(&self, tid: i64) -> Option<Vec<f64>> {
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

    /// Adds a trial, or replaces what is known of it.
    ///
    /// A loss of plus infinity says that the trial is running. NaN and minus infinity say that it
    /// failed: a broken objective must not look like the best one. To the Parzen estimators both
    /// are the worst loss there is.
    ///
    /// # Errors
    ///
    /// [`Error::RowLength`] or [`Error::Value`] where the row does not fit the space.
    pub fn observe(&mut self, tid: i64, loss: f64, row: &[f64]) -> Result<()> {
        self.check(row)?;
        let runs = loss == f64::INFINITY;
        let ran = if runs {
            !self.running.insert(tid)
        } else {
            self.running.remove(&tid)
        };
        let loss = if loss.is_nan() || loss == f64::NEG_INFINITY {
            f64::INFINITY
        } else {
            loss
        };
        self.finished += usize::from(loss.is_finite());
        match self.position(tid) {
            Ok(at) => {
                let old = std::mem::replace(&mut self.losses[at], loss);
                self.finished -= usize::from(old.is_finite());
                let same = self.has_row(at, row);
                if let Some(split) = &mut self.split {
                    let rule = split.rule;
                    let (was, is) = (rule.counts(ran), rule.counts(runs));
                    let (old, new) = (rule.rank(old, ran), rule.rank(loss, runs));
                    if same && was && is {
                        if old != new {
                            split.change_loss(tid, old, new);
                        }
                    } else {
                        if was {
                            split.remove(tid, old);
                        }
                        if is {
                            split.insert(tid, new, row);
                        }
                    }
                }
                if !same {
                    let before = self.row(at);
                    if let Some(seen) = &mut self.seen {
                        seen.remove(&self.space, &before);
                        seen.insert(&self.space, row);
                    }
                    for (column, &value) in self.columns.iter_mut().zip(row) {
                        column[at] = value;
                    }
                }
            }
            Err(at) => {
                self.tids.insert(at, tid);
                self.losses.insert(at, loss);
                for (column, &value) in self.columns.iter_mut().zip(row) {
                    column.insert(at, value);
                }
                if let Some(split) = &mut self.split
                    && split.rule.counts(runs)
                {
                    split.insert(tid, split.rule.rank(loss, runs), row);
                }
                if let Some(seen) = &mut self.seen {
                    seen.insert(&self.space, row);
                }
            }
        }
        Ok(())
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

    /// Forgets a trial. Returns whether it was known.
    pub fn remove(&mut self, tid: i64) -> bool {
        let Ok(at) = self.position(tid) else {
            return false;
        };
        self.tids.remove(at);
        let ran = self.running.remove(&tid);
        let loss = self.losses.remove(at);
        self.finished -= usize::from(loss.is_finite());
        if self.seen.is_some() {
            let row = self.row(at);
            if let Some(seen) = &mut self.seen {
                seen.remove(&self.space, &row);
            }
        }
        for column in &mut self.columns {
            column.remove(at);
        }
        if let Some(split) = &mut self.split
            && split.rule.counts(ran)
        {
            split.remove(tid, split.rule.rank(loss, ran));
        }
        true
    }

    /// The split by `rule`, made if it is not there.
    pub(crate) fn split(&mut self, rule: Rule) -> &mut Split {
        let kept = self.split.take().filter(|split| split.rule == rule);
        let split = kept.unwrap_or_else(|| {
            let mut split = Split::new(&self.space, rule);
            for (at, (&tid, &loss)) in self.tids.iter().zip(&self.losses).enumerate() {
                let runs = self.is_running(tid);
                if rule.counts(runs) {
                    split.insert(tid, rule.rank(loss, runs), &self.row(at));
                }
            }
            split
        });
        self.split.insert(split)
    }

    /// The split by `rule`, and the points that were tried.
    pub(crate) fn split_and_seen(&mut self, rule: Rule) -> (&mut Split, &Seen) {
        self.split(rule);
        if self.seen.is_none() {
            let mut seen = Seen::default();
            for at in 0..self.len() {
                seen.insert(&self.space, &self.row(at));
            }
            self.seen = Some(seen);
        }
        (
            self.split.as_mut().expect("made above"),
            self.seen.as_ref().expect("made above"),
        )
    }

    fn row(&self, at: usize) -> Vec<f64> {
        self.columns.iter().map(|column| column[at]).collect()
    }

    /// Adds or replaces many trials, or none of them where one does not fit.
    ///
    /// # Errors
    ///
    /// As [`Self::observe`].
    pub fn extend(&mut self, tids: &[i64], losses: &[f64], rows: &[Vec<f64>]) -> Result<()> {
        rows.iter().try_for_each(|row| self.check(row))?;
        for ((&tid, &loss), row) in tids.iter().zip(losses).zip(rows) {
            self.observe(tid, loss, row)?;
        }
        Ok(())
    }

    /// Changes the loss of a known trial; returns whether it is known.
    pub fn tell(&mut self, tid: i64, loss: f64) -> bool {
        self.row_of(tid)
            .is_some_and(|row| self.observe(tid, loss, &row).is_ok())
    }

    #[cfg(test)]
    pub(crate) fn has_derived(&self) -> bool {
        self.split.is_some() || self.seen.is_some()
    }

    /// Drops everything that was derived from the trials; the next suggestion builds it again.
    pub fn forget_derived(&mut self) {
        self.split = None;
        self.seen = None;
    }

    /// Calls `suggest` for each id and returns the rows. Each id sees the ids before it as running
    /// trials; afterwards the history is as it was, even if `suggest` fails or panics.
    pub(crate) fn one_by_one(
        &mut self,
        tids: &[i64],
        mut suggest: impl FnMut(&mut Self, i64) -> Result<Vec<f64>>,
    ) -> Result<Vec<Vec<f64>>> {
        let mut batch = Batch {
            history: self,
            invented: Vec::new(),
        };
        tids.iter()
            .enumerate()
            .map(|(position, &tid)| {
                let row = suggest(batch.history, tid)?;
                if position + 1 < tids.len() && !batch.history.contains(tid) {
                    batch.history.observe(tid, f64::INFINITY, &row)?;
                    batch.invented.push(tid);
                }
                Ok(row)
            })
            .collect()
    }

    fn position(&self, tid: i64) -> std::result::Result<usize, usize> {
        match self.tids.last() {
            // New trials nearly always have the highest id.
            Some(&last) if tid > last => Err(self.tids.len()),
            None => Err(0),
            _ => self.tids.binary_search(&tid),
        }
    }

    fn check(&self, row: &[f64]) -> Result<()> {
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

/// A history with running trials that nobody started, which leave it when this is dropped.
struct Batch<'a> {
    history: &'a mut History,
    invented: Vec<i64>,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        for tid in self.invented.drain(..).rev() {
            self.history.remove(tid);
        }
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
        assert!(history.holds(5, &[0.5]) && !history.holds(5, &[0.6]));
        assert!(!history.holds(4, &[0.5]) && !history.holds(5, &[0.5, 0.5]));
        assert!(history.remove(5) && !history.remove(5));
        assert_eq!(history.len(), 2);
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        let mut history = History::new(space());
        assert!(history.observe(0, 0.0, &[]).is_err());
        assert!(history.observe(0, 0.0, &[f64::INFINITY]).is_err());
        assert!(history.is_empty());
    }

    #[test]
    fn many_rows_are_taken_in_together_or_not_at_all() {
        let mut history = History::new(space());
        let bad = [vec![0.5], vec![0.5, 0.5]];
        assert!(history.extend(&[1, 2], &[0.0, 0.0], &bad).is_err());
        assert!(history.is_empty());
        let good = [vec![0.5], vec![0.6]];
        assert!(history.extend(&[1, 2], &[0.0, 0.0], &good).is_ok());
        assert_eq!(history.tids(), [1, 2]);
    }

    #[test]
    fn a_loss_is_told_to_known_trials_only() {
        let mut history = History::new(space());
        history.observe(3, f64::INFINITY, &[0.5]).expect("fits");
        assert!(!history.tell(4, 1.0) && history.tell(3, 1.0));
        assert_eq!(
            (history.losses(), history.is_running(3)),
            (&[1.0][..], false)
        );
        assert!(history.holds(3, &[0.5]));
    }

    #[test]
    fn invented_trials_leave_whatever_happens() {
        let mut history = History::new(space());
        history.observe(0, 1.0, &[0.5]).expect("fits");
        let failing = |history: &mut History, tid| {
            assert_eq!(history.len(), usize::try_from(tid).expect("small"));
            if tid == 3 {
                return Err(Error::UnknownParameter("x".to_owned()));
            }
            Ok(vec![0.1])
        };
        assert!(history.one_by_one(&[1, 2, 3], failing).is_err());
        assert_eq!(history.tids(), [0]);
        let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            history.one_by_one(&[1, 2], |_, tid| {
                assert!(tid < 2, "as meant");
                Ok(vec![0.1])
            })
        }));
        assert!(panics.is_err());
        assert_eq!(history.tids(), [0]);
    }
}
