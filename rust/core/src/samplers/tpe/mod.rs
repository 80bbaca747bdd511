//! The tree-structured Parzen estimator.
//!
//! Bergstra et al. (2011), section 4: split the trials by loss into the good ones and the rest, fit
//! the densities `l(x)` to the first and `g(x)` to the second, draw candidates from `l` and take the
//! one with the largest `l(x) / g(x)`, which maximises the expected improvement (their equation 3).
//!
//! [`split`] keeps the two sides, [`followers`] what is derived from them, [`marginal`] and [`joint`]
//! suggest by one density per parameter or by product kernels, [`refine`] is a local search,
//! [`inspect`] shows what suggestions are based on.

pub(crate) mod followers;
pub mod inspect;
mod joint;
mod marginal;
mod refine;
mod settings;
mod split;

use std::any::Any;

pub use crate::samplers::tpe::settings::{Settings, Share, Startup};

use crate::error::Result;
use crate::history::{Change, History};
use crate::samplers::halton::Halton;
use crate::samplers::random;
use crate::samplers::sampler::{self, Sampler};
use crate::samplers::tpe::followers::Followers;
pub(crate) use crate::samplers::tpe::settings::{ENTRY, HYPEROPT_ENTRY};

/// The estimator, and what it keeps of a history.
#[derive(Debug)]
pub(crate) struct Tpe {
    settings: Settings,
    halton: Halton,
    /// Made for the first suggestion after the startup.
    followers: Option<Followers>,
    /// Whether this call still belongs to the startup.
    is_starting: bool,
}

impl Tpe {
    fn followers(&mut self, history: &History) -> &mut Followers {
        let rule = self.settings.rule();
        self.followers
            .get_or_insert_with(|| Followers::new(history, rule))
    }
}

impl sampler::Settings for Settings {
    fn check(&self) -> Result<()> {
        self.in_range()
    }

    fn sampler(&self, history: &History) -> Box<dyn Sampler> {
        Box::new(Tpe {
            settings: *self,
            halton: Halton::new(history.space()),
            followers: None,
            is_starting: false,
        })
    }

    /// Only the split depends on settings; all else is made for those that it is asked with.
    fn adopt(&self, kept: &mut dyn Sampler) -> bool {
        match (kept as &mut dyn Any).downcast_mut::<Tpe>() {
            Some(tpe) if tpe.settings.rule() == self.rule() => {
                tpe.settings = *self;
                true
            }
            _ => false,
        }
    }
}

impl Sampler for Tpe {
    fn note(&mut self, history: &History, change: &Change<'_>) {
        if let Some(followers) = &mut self.followers {
            followers.note(history, change);
        }
    }

    fn begin(&mut self, history: &History) {
        let known = if self.settings.starts_by_all {
            history.len()
        } else {
            history.finished()
        };
        self.is_starting = known < self.settings.n_startup_jobs;
    }

    fn suggest(&mut self, history: &History, tid: i64, seed: u64) -> Vec<f64> {
        let settings = &self.settings;
        if self.is_starting {
            return match settings.startup {
                Startup::Random => random::suggest(history.space(), seed, tid),
                Startup::Halton => self.halton.suggest(history, tid, seed),
            };
        }
        let settings = *settings;
        let followers = self.followers(history);
        if settings.multivariate {
            joint::suggest(followers, history, seed, tid, &settings)
        } else {
            marginal::suggest(followers, history, seed, tid, &settings).0
        }
    }
}
