//! Which points were tried, in spaces where a point can come again.

use std::collections::BTreeMap;

use crate::space::Space;
use crate::space::distribution::{Distribution, Numeric};

/// Points whose active parameters all have separate values, and how many trials have each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(BTreeMap<Vec<u64>, usize>);

impl Seen {
    /// A trial with this point was added.
    pub(crate) fn insert(&mut self, space: &Space, row: &[f64]) {
        if let Some(key) = key(space, row) {
            *self.0.entry(key).or_default() += 1;
        }
    }

    /// A trial with this point was forgotten.
    pub(crate) fn remove(&mut self, space: &Space, row: &[f64]) {
        let Some(key) = key(space, row) else { return };
        if let Some(count) = self.0.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&key);
            }
        }
    }

    /// Whether a trial has this point.
    pub(crate) fn contains(&self, space: &Space, row: &[f64]) -> bool {
        !self.0.is_empty() && key(space, row).is_some_and(|key| self.0.contains_key(&key))
    }
}

/// The point as bits, unless it has a real number, which never comes twice.
fn key(space: &Space, row: &[f64]) -> Option<Vec<u64>> {
    space
        .parameters()
        .iter()
        .zip(row)
        .map(|(parameter, &value)| {
            let real = matches!(
                parameter.distribution,
                Distribution::Numeric(Numeric { q: None, .. })
            );
            if value.is_nan() {
                Some(f64::NAN.to_bits())
            } else if real {
                None
            } else {
                // -0.0 and 0.0 are one point.
                Some((value + 0.0).to_bits())
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(second: (&str, &[f64])) -> Space {
        Space::flat(&[("randint", &[0.0, 3.0]), second]).expect("valid")
    }

    #[test]
    fn a_point_is_seen_as_long_as_one_trial_has_it() {
        let space = space(("quniform", &[-1.0, 1.0, 0.5]));
        let mut seen = Seen::default();
        seen.insert(&space, &[1.0, -0.0]);
        seen.insert(&space, &[1.0, 0.0]);
        seen.insert(&space, &[1.0, f64::NAN]);
        seen.remove(&space, &[1.0, 0.0]);
        assert!(seen.contains(&space, &[1.0, 0.0]));
        assert!(!seen.contains(&space, &[2.0, 0.0]));
        seen.remove(&space, &[1.0, 0.0]);
        assert!(!seen.contains(&space, &[1.0, 0.0]));
        assert!(seen.contains(&space, &[1.0, f64::NAN]));
    }

    #[test]
    fn points_with_real_numbers_are_not_kept() {
        let space = space(("uniform", &[0.0, 1.0]));
        let mut seen = Seen::default();
        seen.insert(&space, &[1.0, 0.5]);
        assert!(!seen.contains(&space, &[1.0, 0.5]));
        seen.insert(&space, &[1.0, f64::NAN]);
        assert!(seen.contains(&space, &[1.0, f64::NAN]));
    }
}
