//! A search that threads share.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::search::Search;
use crate::space::Space;

/// A search behind a lock.
#[derive(Debug)]
pub struct Shared(Mutex<Search>);

impl Shared {
    /// A search without trials.
    #[must_use]
    pub fn new(space: Arc<Space>) -> Self {
        Self(Mutex::new(Search::new(space)))
    }

    /// Waits for the lock. After a panic of whoever held it, samplers may be half way through a
    /// change: they are dropped, and made anew when they are asked again.
    pub fn lock(&self) -> MutexGuard<'_, Search> {
        self.0.lock().unwrap_or_else(|poisoned| {
            let mut search = poisoned.into_inner();
            search.forget_samplers();
            self.0.clear_poison();
            search
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samplers::tpe;

    #[test]
    fn a_panic_leaves_the_search_usable_and_its_samplers_are_made_anew() {
        let space = Space::flat(&[("uniform", &[0.0, 1.0])]).expect("valid");
        let shared = Shared::new(Arc::new(space));
        let ask = |search: &mut Search| {
            let settings = tpe::Settings {
                n_startup_jobs: 0,
                ..tpe::Settings::default()
            };
            search.suggest(&settings, &[5], 1).expect("suggests")
        };
        for tid in 0..4 {
            let row = [0.2 * tid as f64];
            shared.lock().observe(tid, row[0], &row).expect("fits");
        }
        let before = ask(&mut shared.lock());
        assert!(!shared.lock().samplers.is_empty());
        std::thread::scope(|scope| {
            let panics = scope.spawn(|| {
                let _held = shared.lock();
                panic!("as meant");
            });
            assert!(panics.join().is_err());
        });
        let mut search = shared.lock();
        assert!(search.samplers.is_empty());
        assert_eq!(ask(&mut search), before);
        assert!(!shared.0.is_poisoned());
    }
}
