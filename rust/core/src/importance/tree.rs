//! A regression tree over cells, whose leaves are boxes in a space of independent axes.
//!
//! A parameter is split only within boxes in which it is active everywhere. Where it would help in
//! a part of a box, the choice above it is split first. So the leaves tell all that there is to know
//! about the tree, and do not depend on dormant values.

use crate::importance::activity::{covers, way_in};
use crate::importance::axes::{Axis, Cells, INACTIVE, members};
use crate::importance::trials::Trials;

/// Deeper than this, trees do not grow.
const DEEPEST: usize = 64;

/// Fewer trials than this are not split: the second number in trees of [`MANY`] trials or more.
const LEAST: [usize; 2] = [4, 8];
const MANY: usize = 500;

/// Cells of an axis, and one for inactive trials.
const SLOTS: usize = 256;

/// A box in which the tree has one value.
pub(super) struct Leaf<'a> {
    /// Its value.
    pub(super) value: f64,
    /// Its probability.
    pub(super) mass: f64,
    /// Its sides, by axis.
    pub(super) sides: &'a [Cells],
    /// Probability of each side.
    pub(super) shares: &'a [f64],
    /// The axes whose sides are not whole.
    pub(super) cut: &'a [usize],
}

/// Number and sum of losses.
#[derive(Clone, Copy, Default)]
struct Tally {
    count: f64,
    sum: f64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
    }

    fn less(self, other: Self) -> Self {
        Self {
            count: self.count - other.count,
            sum: self.sum - other.sum,
        }
    }

    /// What a group takes from the sum of squares, by having its own mean.
    fn explained(self) -> f64 {
        self.sum * self.sum / self.count
    }
}

struct Split {
    gain: f64,
    axis: usize,
    /// The cells of one side.
    cells: Cells,
}

struct Grower<'a, F> {
    trials: &'a Trials,
    rows: Vec<u32>,
    sides: Vec<Cells>,
    shares: Vec<f64>,
    cut: Vec<usize>,
    slots: Vec<Tally>,
    losses: Vec<f64>,
    occupied: Vec<u8>,
    least: usize,
    leaf: F,
}

/// Grows a tree on some trials and hands over its leaves.
pub(super) fn grow(trials: &Trials, rows: Vec<u32>, leaf: impl FnMut(&Leaf<'_>)) {
    let mut grower = Grower {
        trials,
        sides: trials.axes.iter().map(Axis::all).collect(),
        shares: vec![1.0; trials.axes.len()],
        cut: Vec::new(),
        slots: vec![Tally::default(); SLOTS],
        losses: Vec::new(),
        occupied: Vec::new(),
        least: LEAST[usize::from(rows.len() >= MANY)],
        rows,
        leaf,
    };
    let all = 0..grower.rows.len();
    grower.node(all, 0, 0.0);
}

impl<F: FnMut(&Leaf<'_>)> Grower<'_, F> {
    /// Grows the part of the tree below the current box, of some of the rows.
    fn node(&mut self, rows: std::ops::Range<usize>, depth: usize, above: f64) {
        self.losses.clear();
        let losses = &self.trials.losses;
        (self.losses).extend(
            self.rows[rows.clone()]
                .iter()
                .map(|row| losses[*row as usize]),
        );
        let count = rows.len() as f64;
        let value = match rows.len() {
            0 => above,
            _ => self.losses.iter().sum::<f64>() / count,
        };
        let split = if rows.len() < self.least || depth >= DEEPEST {
            None
        } else {
            self.best_split(&rows)
        };
        let Some(Split { axis, cells, .. }) = split else {
            return self.end(value);
        };
        let middle = rows.start + self.partition(&rows, axis, cells);
        let whole = (self.sides[axis], self.shares[axis]);
        let newly = !self.cut.contains(&axis);
        if newly {
            self.cut.push(axis);
        }
        for (side, rows) in [
            (cells, rows.start..middle),
            (whole.0 & !cells, middle..rows.end),
        ] {
            self.sides[axis] = side;
            self.shares[axis] = self.trials.axes[axis].mass(side);
            self.node(rows, depth + 1, value);
        }
        (self.sides[axis], self.shares[axis]) = whole;
        if newly {
            self.cut.pop();
        }
    }

    fn end(&mut self, value: f64) {
        let mass = self.cut.iter().map(|axis| self.shares[*axis]).product();
        if mass > 0.0 {
            (self.leaf)(&Leaf {
                value,
                mass,
                sides: &self.sides,
                shares: &self.shares,
                cut: &self.cut,
            });
        }
    }

    /// Brings the rows within `cells` to the front, and returns how many they are.
    fn partition(&mut self, rows: &std::ops::Range<usize>, axis: usize, cells: Cells) -> usize {
        let column = &self.trials.cells[axis];
        let rows = &mut self.rows[rows.clone()];
        let mut front = 0;
        for at in 0..rows.len() {
            let cell = column[rows[at] as usize];
            if cell != INACTIVE && cells & (1 << cell) != 0 {
                rows.swap(front, at);
                front += 1;
            }
        }
        front
    }

    fn best_split(&mut self, rows: &std::ops::Range<usize>) -> Option<Split> {
        let spread: f64 = self.losses.iter().map(|loss| loss * loss).sum();
        // Gains within rounding are none.
        let mut best: Option<Split> = None;
        let mut most = 1e-12 * spread;
        for axis in 0..self.trials.axes.len() {
            if self.sides[axis].count_ones() < 2 {
                continue;
            }
            if let Some(split) = self.split_of(axis, rows, most) {
                most = split.gain;
                best = Some(split);
            }
        }
        best.and_then(|split| self.allowed(split))
    }

    /// A split itself, or that of a choice above it, which must come first.
    fn allowed(&self, split: Split) -> Option<Split> {
        let condition = &self.trials.conditions[split.axis];
        if covers(condition, &self.sides) {
            return Some(split);
        }
        let (axis, cells) = way_in(condition, &self.sides)?;
        Some(Split {
            axis,
            cells,
            ..split
        })
    }

    /// The best split of an axis among the rows in which it is active, if it gains more than `most`.
    fn split_of(&mut self, axis: usize, rows: &std::ops::Range<usize>, most: f64) -> Option<Split> {
        let whole = self.tally(axis, rows);
        let ordered = self.trials.axes[axis].ordered;
        let slots = &self.slots;
        let slot = |cell: u8| slots[usize::from(cell)];
        if !ordered {
            let mean = |cell: u8| slot(cell).sum / slot(cell).count;
            self.occupied.sort_by(|a, b| mean(*a).total_cmp(&mean(*b)));
        }
        let before = if whole.count > 0.0 {
            whole.explained()
        } else {
            0.0
        };
        let (mut left, mut found, mut gain) = (Tally::default(), None, most);
        for (at, cell) in self.occupied.iter().enumerate().skip(1) {
            left.add(slot(self.occupied[at - 1]));
            let got = left.explained() + whole.less(left).explained() - before;
            if got > gain {
                gain = got;
                found = Some((at, *cell));
            }
        }
        let (at, cell) = found?;
        let cells = if ordered {
            // In the middle of the gap between two cells.
            let last = self.occupied[at - 1];
            let middle = last + 1 + (cell - last - 1) / 2;
            self.sides[axis] & ((1 << middle) - 1)
        } else {
            self.with_absent(axis, at)
        };
        Some(Split { gain, axis, cells })
    }

    /// The first categories; those without trials are on the side of more trials.
    fn with_absent(&self, axis: usize, count: usize) -> Cells {
        let set = |cells: &[u8]| cells.iter().fold(0, |set: Cells, cell| set | 1 << *cell);
        let trials = |cells: &[u8]| -> f64 {
            cells
                .iter()
                .map(|c| self.slots[usize::from(*c)].count)
                .sum()
        };
        let (first, last) = self.occupied.split_at(count);
        if trials(first) > trials(last) {
            self.sides[axis] & !set(last)
        } else {
            set(first)
        }
    }

    /// Fills `slots` and `occupied`, and returns the sum over active rows.
    fn tally(&mut self, axis: usize, rows: &std::ops::Range<usize>) -> Tally {
        for cell in &self.occupied {
            self.slots[usize::from(*cell)] = Tally::default();
        }
        self.occupied.clear();
        self.slots[usize::from(INACTIVE)] = Tally::default();
        let column = &self.trials.cells[axis];
        let mut seen: Cells = 0;
        let few = rows.len() < 64;
        for (row, loss) in self.rows[rows.clone()].iter().zip(&self.losses) {
            let cell = column[*row as usize];
            let slot = &mut self.slots[usize::from(cell)];
            slot.count += 1.0;
            slot.sum += loss;
            if few && cell != INACTIVE {
                seen |= 1 << cell;
            }
        }
        if !few {
            seen = self.sides[axis];
        }
        let mut whole = Tally::default();
        for cell in members(seen) {
            let slot = self.slots[cell];
            if slot.count > 0.0 {
                whole.add(slot);
                #[expect(clippy::cast_possible_truncation, reason = "below 128")]
                self.occupied.push(cell as u8);
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests;
