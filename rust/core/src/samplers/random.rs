//! Random search: draws from the prior.

use crate::error::Result;
use crate::history::History;
use crate::numeric::rng::Stream;
use crate::samplers::options::Entry;
use crate::samplers::sampler::{self, Sampler};
use crate::space::{Space, draw};

/// Draws a point from the prior; NaN where a parameter is inactive.
#[must_use]
pub fn suggest(space: &Space, seed: u64, tid: i64) -> Vec<f64> {
    draw::point(space, &mut Stream::new(seed, tid))
}

/// Random search has no settings, and keeps nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings;

pub(crate) const ENTRY: Entry = Entry {
    name: "random",
    options: &[],
    make: |_| Box::new(Settings),
};

impl sampler::Settings for Settings {
    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn sampler(&self, _: &History) -> Box<dyn Sampler> {
        Box::new(*self)
    }
}

impl Sampler for Settings {
    fn suggest(&mut self, history: &History, tid: i64, seed: u64) -> Vec<f64> {
        suggest(history.space(), seed, tid)
    }
}
