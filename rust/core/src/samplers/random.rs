//! Random search: draws from the prior.

use crate::numeric::rng::Stream;
use crate::space::{Space, draw};

/// Draws a point from the prior; NaN where a parameter is inactive.
#[must_use]
pub fn suggest(space: &Space, seed: u64, tid: i64) -> Vec<f64> {
    draw::point(space, &mut Stream::new(seed, tid))
}
