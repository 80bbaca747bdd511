//! What a sampler is, and what its settings are.

use std::any::Any;
use std::fmt::Debug;

use crate::error::Result;
use crate::history::{Change, History};

/// What suggests points of one search. What it suggests depends on the history, the trial id, the
/// seed and its settings only; what it keeps saves work.
pub trait Sampler: Any + Debug + Send {
    /// A trial was added, changed or removed; `history` is as it is now.
    fn note(&mut self, history: &History, change: &Change<'_>) {
        let _ = (history, change);
    }

    /// Suggestions follow that belong together: what is decided per call is decided here.
    fn begin(&mut self, history: &History) {
        let _ = history;
    }

    /// Suggests a point for trial `tid`.
    fn suggest(&mut self, history: &History, tid: i64, seed: u64) -> Vec<f64>;
}

/// Settings of one kind of sampler.
pub trait Settings: Debug + Send + Sync {
    /// Checks the ranges.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error) that names the setting, the rule and the value.
    fn check(&self) -> Result<()>;

    /// A sampler with these settings for a history as it is.
    fn sampler(&self, history: &History) -> Box<dyn Sampler>;

    /// Gives these settings to a sampler that has followed the history, if it is of this kind and
    /// what it keeps serves them too. Returns whether it does.
    fn adopt(&self, kept: &mut dyn Sampler) -> bool {
        let _ = kept;
        false
    }
}
