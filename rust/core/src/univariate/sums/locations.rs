//! Kernel locations of one numeric parameter, sorted, and the bandwidths that follow from them.

use crate::numeric::ordered::Key;
use crate::univariate::sums::sorted::{Around, SortedKeys};

/// Locations of the rest's kernels; the prior's is known but not among them.
#[derive(Debug, Clone)]
pub(crate) struct Locations {
    sorted: SortedKeys,
    prior_mu: f64,
    /// Smallest and largest bandwidth.
    floor: f64,
    ceiling: f64,
}

/// What a location's coming or going changes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    /// The bandwidth of the location itself.
    pub(crate) sigma: f64,
    /// Neighbours whose bandwidth changed: where, before, after.
    pub(crate) neighbours: [Option<(Key, f64, f64)>; 2],
}

impl Locations {
    pub(crate) fn new(keys: Vec<Key>, prior_mu: f64, floor: f64, ceiling: f64) -> Self {
        Self {
            sorted: keys.into_iter().collect(),
            prior_mu,
            floor,
            ceiling,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Smallest and largest location, or the prior's where there are none.
    pub(crate) fn ends(&self) -> (f64, f64) {
        let value = |key: Option<Key>| key.map_or(self.prior_mu, Key::value);
        (value(self.sorted.first()), value(self.sorted.last()))
    }

    /// The bandwidth at `x` between its neighbours: the larger distance, the prior's kernel among
    /// the neighbours (it comes before observations at the same place).
    fn bandwidth(&self, x: f64, left: Option<Key>, right: Option<Key>) -> f64 {
        let mut left = left.map_or(f64::NEG_INFINITY, Key::value);
        let mut right = right.map_or(f64::INFINITY, Key::value);
        if self.prior_mu <= x {
            left = left.max(self.prior_mu);
        } else {
            right = right.min(self.prior_mu);
        }
        // At an end, the only distance there is.
        let left = if left.is_finite() { x - left } else { 0.0 };
        let right = if right.is_finite() { right - x } else { 0.0 };
        left.max(right).clamp(self.floor, self.ceiling)
    }

    /// The bandwidth of a location.
    pub(crate) fn sigma(&self, key: Key) -> f64 {
        let (left, right) = self.sorted.around(key);
        self.bandwidth(key.value(), left[0], right[0])
    }

    /// Bandwidths of all locations, in their order.
    pub(crate) fn sigmas(&self) -> impl Iterator<Item = (Key, f64)> + '_ {
        let mut left = None;
        let mut keys = self.sorted.iter().peekable();
        std::iter::from_fn(move || {
            let key = keys.next()?;
            let sigma = self.bandwidth(key.value(), left, keys.peek().copied());
            left = Some(key);
            Some((key, sigma))
        })
    }

    /// A location appears.
    pub(crate) fn insert(&mut self, key: Key) -> Change {
        let around = self.sorted.insert(key);
        self.change(key, around, true)
    }

    /// A location disappears.
    pub(crate) fn remove(&mut self, key: Key) -> Change {
        let around = self.sorted.remove(key);
        self.change(key, around, false)
    }

    fn change(&self, key: Key, (left, right): Around, appears: bool) -> Change {
        let changed = |at: Option<Key>, without: [Option<Key>; 2], with: [Option<Key>; 2]| {
            let at = at?;
            let without = self.bandwidth(at.value(), without[0], without[1]);
            let with = self.bandwidth(at.value(), with[0], with[1]);
            let (old, new) = if appears {
                (without, with)
            } else {
                (with, without)
            };
            (old != new).then_some((at, old, new))
        };
        Change {
            sigma: self.bandwidth(key.value(), left[0], right[0]),
            neighbours: [
                changed(left[0], [left[1], right[0]], [left[1], Some(key)]),
                changed(right[0], [left[0], right[1]], [Some(key), right[1]]),
            ],
        }
    }
}
