//! One search: its history, the samplers that follow it, and the rows that were suggested last.
//!
//! [`Search`] is what callers use. It passes each change of the history on to the samplers that have
//! been asked so far, so that what they keep stays in step; [`Shared`](shared::Shared) is a search behind a lock. May
//! import `samplers`, `history` and `space`.

mod pending;
pub(crate) mod shared;

use std::sync::Arc;

use crate::error::Result;
use crate::history::{Change, History};
use crate::samplers::sampler::{Sampler, Settings};
use crate::search::pending::Pending;
use crate::space::Space;

/// Samplers that are kept at a time. Each costs time at every change, and a search asks one or two.
const KEPT: usize = 3;

/// A history, and the samplers that suggest where it should go on.
#[derive(Debug)]
pub struct Search {
    history: History,
    /// Those asked last come last.
    samplers: Vec<Box<dyn Sampler>>,
    pending: Pending,
}

impl Search {
    /// A search without trials.
    #[must_use]
    pub fn new(space: Arc<Space>) -> Self {
        Self {
            history: History::new(space),
            samplers: Vec::new(),
            pending: Pending::default(),
        }
    }

    /// The trials.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Adds a trial, or replaces what is known of it; see [`History::observe`].
    ///
    /// # Errors
    ///
    /// [`Error::RowLength`](crate::Error) or [`Error::Value`](crate::Error) where the row does not
    /// fit the space.
    pub fn observe(&mut self, tid: i64, loss: f64, row: &[f64]) -> Result<()> {
        let changes = self.history.observe(tid, loss, row)?;
        for change in changes.iter().flatten() {
            pass_on(change, &self.history, &mut self.samplers);
        }
        Ok(())
    }

    /// Adds or replaces many trials, or none of them where one does not fit.
    ///
    /// # Errors
    ///
    /// As [`Self::observe`].
    pub fn extend(&mut self, tids: &[i64], losses: &[f64], rows: &[Vec<f64>]) -> Result<()> {
        rows.iter().try_for_each(|row| self.history.check(row))?;
        for ((&tid, &loss), row) in tids.iter().zip(losses).zip(rows) {
            self.observe(tid, loss, row)?;
        }
        Ok(())
    }

    /// Changes the loss of a trial; returns whether it is known.
    pub fn tell(&mut self, tid: i64, loss: f64) -> bool {
        let change = self.history.tell(tid, loss);
        self.passed_on(change)
    }

    /// Forgets a trial; returns whether it was known.
    pub fn remove(&mut self, tid: i64) -> bool {
        let change = self.history.remove(tid);
        self.passed_on(change)
    }

    fn passed_on(&mut self, change: Option<Change<'_>>) -> bool {
        change
            .map(|change| pass_on(&change, &self.history, &mut self.samplers))
            .is_some()
    }

    /// Takes the row that was suggested for a trial into the history, with a loss as for
    /// [`Self::observe`]. Returns whether there was such a row, for a trial that is not known yet.
    pub fn accept(&mut self, tid: i64, loss: f64) -> bool {
        let Some(row) = self.pending.take(tid) else {
            return false;
        };
        !self.history.contains(tid) && self.observe(tid, loss, &row).is_ok()
    }

    /// Suggests one point per trial id. Each id sees the ids before it as running trials, so the
    /// result is that of one call per id; afterwards the history is as it was.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error) where a setting is out of range.
    pub fn suggest(
        &mut self,
        settings: &dyn Settings,
        tids: &[i64],
        seed: u64,
    ) -> Result<Vec<Vec<f64>>> {
        let mut sampler = self.taken(settings)?;
        let rows = one_by_one(&mut self.history, &mut *sampler, tids, seed)?;
        self.keep(sampler);
        self.pending.keep(tids, &rows);
        Ok(rows)
    }

    /// The history, and the sampler with these settings that follows it.
    ///
    /// # Errors
    ///
    /// As [`Self::suggest`].
    pub fn sampler(&mut self, settings: &dyn Settings) -> Result<(&History, &mut dyn Sampler)> {
        let sampler = self.taken(settings)?;
        self.keep(sampler);
        let last = self.samplers.len() - 1;
        Ok((&self.history, &mut *self.samplers[last]))
    }

    /// Takes a sampler out while it works: one that panics is in an unknown state, and must not come
    /// back.
    fn taken(&mut self, settings: &dyn Settings) -> Result<Box<dyn Sampler>> {
        settings.check()?;
        let kept = self
            .samplers
            .iter_mut()
            .position(|sampler| settings.adopt(&mut **sampler));
        Ok(match kept {
            Some(at) => self.samplers.remove(at),
            None => settings.sampler(&self.history),
        })
    }

    fn keep(&mut self, sampler: Box<dyn Sampler>) {
        if self.samplers.len() == KEPT {
            self.samplers.remove(0);
        }
        self.samplers.push(sampler);
    }

    /// Drops the samplers; they are made anew when they are asked again.
    pub(crate) fn forget_samplers(&mut self) {
        self.samplers.clear();
    }
}

fn pass_on(change: &Change<'_>, history: &History, samplers: &mut [Box<dyn Sampler>]) {
    for sampler in samplers {
        sampler.note(history, change);
    }
}

/// Asks for each id, with the ids before it as running trials. The other samplers need not know:
/// afterwards the history is as it was.
fn one_by_one(
    history: &mut History,
    sampler: &mut dyn Sampler,
    tids: &[i64],
    seed: u64,
) -> Result<Vec<Vec<f64>>> {
    let mut batch = Batch {
        history,
        invented: Vec::new(),
    };
    sampler.begin(batch.history);
    let mut rows = Vec::with_capacity(tids.len());
    for (position, &tid) in tids.iter().enumerate() {
        let row = sampler.suggest(batch.history, tid, seed);
        if position + 1 < tids.len() && !batch.history.contains(tid) {
            let changes = batch.history.observe(tid, f64::INFINITY, &row)?;
            for change in changes.iter().flatten() {
                sampler.note(batch.history, change);
            }
            batch.invented.push(tid);
        }
        rows.push(row);
    }
    while let Some(tid) = batch.invented.pop() {
        if let Some(change) = batch.history.remove(tid) {
            sampler.note(batch.history, &change);
        }
    }
    Ok(rows)
}

/// A history with running trials that nobody started: they leave it, whatever happens.
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
mod tests;
