//! When a parameter takes part, in terms of independent choices.
//!
//! The choices above a parameter are drawn whether they take part or not; values that do not are
//! dormant. So all axes are independent, and the probability of a condition is exact.

use crate::importance::axes::{Axis, Cells};

/// `axis == cell` for each; all must hold.
pub(super) type All = Vec<(usize, u8)>;

/// Alternatives, one of which must hold; those above the choices in them are part of them.
pub(super) type Condition = Vec<All>;

/// The most alternatives of a condition.
const MOST: usize = 256;

pub(super) fn always() -> Condition {
    vec![vec![]]
}

pub(super) fn is_always(condition: &Condition) -> bool {
    condition.iter().any(Vec::is_empty)
}

/// Both conditions; nothing if that has too many alternatives.
pub(super) fn both(one: &Condition, other: &Condition) -> Option<Condition> {
    let mut joined: Condition = Vec::new();
    for (a, b) in one.iter().flat_map(|a| other.iter().map(move |b| (a, b))) {
        if let Some(all) = merged(a, b).filter(|all| !joined.contains(all)) {
            joined.push(all);
        }
    }
    (joined.len() <= MOST).then_some(joined)
}

fn merged(one: &All, other: &All) -> Option<All> {
    let mut all = one.clone();
    for part in other {
        match all.iter().find(|(axis, _)| *axis == part.0) {
            Some(known) if known.1 != part.1 => return None,
            Some(_) => {}
            None => all.push(*part),
        }
    }
    all.sort_unstable();
    Some(all)
}

/// What is left of a condition when an axis has a cell, `None` for one that it does not name.
fn given(condition: &Condition, axis: usize, cell: Option<u8>) -> Condition {
    let kept = condition.iter().filter(|all| {
        all.iter()
            .all(|part| part.0 != axis || Some(part.1) == cell)
    });
    kept.map(|all| all.iter().copied().filter(|p| p.0 != axis).collect())
        .collect()
}

/// The cells of an axis that a condition names.
fn named(condition: &Condition, axis: usize) -> Vec<u8> {
    let mut cells: Vec<u8> = condition
        .iter()
        .flatten()
        .filter(|part| part.0 == axis)
        .map(|part| part.1)
        .collect();
    cells.sort_unstable();
    cells.dedup();
    cells
}

/// The probability of a condition.
pub(super) fn probability(condition: &Condition, axes: &[Axis]) -> f64 {
    if is_always(condition) {
        return 1.0;
    }
    let Some(&(axis, _)) = condition.first().and_then(|all| all.first()) else {
        return 0.0;
    };
    let mut rest = 1.0;
    let mut total = 0.0;
    for cell in named(condition, axis) {
        let mass = axes[axis].masses[usize::from(cell)];
        rest -= mass;
        total += mass * probability(&given(condition, axis, Some(cell)), axes);
    }
    total + rest.max(0.0) * probability(&given(condition, axis, None), axes)
}

/// The probability of a condition where an axis has a given cell.
pub(super) fn probability_at(condition: &Condition, axes: &[Axis], axis: usize, cell: u8) -> f64 {
    probability(&given(condition, axis, Some(cell)), axes)
}

/// Whether a condition holds everywhere in a box.
pub(super) fn covers(condition: &Condition, sides: &[Cells]) -> bool {
    if is_always(condition) {
        return true;
    }
    let Some(&(axis, _)) = condition.first().and_then(|all| all.first()) else {
        return false;
    };
    let mut left = sides[axis];
    for cell in named(condition, axis) {
        if left & (1 << cell) != 0 && !covers(&given(condition, axis, Some(cell)), sides) {
            return false;
        }
        left &= !(1 << cell);
    }
    left == 0 || covers(&given(condition, axis, None), sides)
}

/// The axis and its cells that come first on the way into a condition, from a box which it does not
/// cover. Nothing if the box is outside.
pub(super) fn way_in(condition: &Condition, sides: &[Cells]) -> Option<(usize, Cells)> {
    let open = |part: &(usize, u8)| sides[part.0] != 1 << part.1;
    let reachable: Vec<&All> = condition
        .iter()
        .filter(|all| all.iter().all(|part| sides[part.0] & (1 << part.1) != 0))
        .collect();
    let &(axis, cell) = reachable.first()?.iter().find(|part| open(part))?;
    let together = reachable
        .iter()
        .filter_map(|all| all.iter().find(|part| part.0 == axis))
        .fold(0, |cells: Cells, part| cells | 1 << part.1);
    let cells = together & sides[axis];
    Some((
        axis,
        if cells == sides[axis] {
            1 << cell
        } else {
            cells
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Vec<Axis> {
        vec![Axis::switch(0.25), Axis::switch(0.5), Axis::switch(0.1)]
    }

    #[test]
    fn probabilities_are_those_of_independent_choices() {
        let axes = axes();
        for (condition, want) in [
            (always(), 1.0),
            (vec![], 0.0),
            (vec![vec![(0, 1)]], 0.25),
            (vec![vec![(0, 1)], vec![(0, 0)]], 1.0),
            (vec![vec![(0, 1), (1, 1)]], 0.125),
            (vec![vec![(0, 1)], vec![(1, 1)]], 0.625),
            (vec![vec![(0, 1), (1, 1)], vec![(2, 1)]], 0.2125),
        ] {
            let got = probability(&condition, &axes);
            assert!((got - want).abs() < 1e-15, "{condition:?}: {got}");
        }
        let either = vec![vec![(0, 1)], vec![(1, 1)]];
        assert_eq!(probability_at(&either, &axes, 1, 0), 0.25);
        assert_eq!(probability_at(&either, &axes, 1, 1), 1.0);
    }

    #[test]
    fn conditions_are_joined_without_contradictions() {
        let (one, other) = (vec![vec![(0, 1)], vec![(1, 0)]], vec![vec![(0, 0)]]);
        assert_eq!(both(&one, &other), Some(vec![vec![(0, 0), (1, 0)]]));
        assert_eq!(both(&one, &always()), Some(one));
    }

    #[test]
    fn boxes_are_led_into_conditions() {
        let nested = vec![vec![(0, 1), (1, 1)]];
        assert_eq!(way_in(&nested, &[0b11, 0b11]), Some((0, 0b10)));
        assert_eq!(way_in(&nested, &[0b10, 0b11]), Some((1, 0b10)));
        assert_eq!(way_in(&nested, &[0b01, 0b11]), None);
        assert!(covers(&nested, &[0b10, 0b10]) && !covers(&nested, &[0b10, 0b11]));
        let shared = vec![vec![(0, 0)], vec![(0, 2)]];
        assert_eq!(way_in(&shared, &[0b111]), Some((0, 0b101)));
        assert!(covers(&shared, &[0b101]));
    }
}
