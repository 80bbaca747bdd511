//! Trials in cells, and when each parameter is active in them.

use crate::importance::activity::{All, Condition, always, both, probability};
use crate::importance::axes::{Axis, INACTIVE};
use crate::space::Space;

/// A choice explains activity if there are this many trials per option.
const TRIALS_PER_OPTION: usize = 3;

/// What is known of a search.
#[derive(Debug)]
pub(super) struct Trials {
    /// Losses less their mean.
    pub(super) losses: Vec<f64>,
    /// The parameters, and after them switches for what no choice explains.
    pub(super) axes: Vec<Axis>,
    /// The cell of each trial, by axis.
    pub(super) cells: Vec<Vec<u8>>,
    /// When each axis is active.
    pub(super) conditions: Vec<Condition>,
    /// How likely each axis is active.
    pub(super) active: Vec<f64>,
    /// How many of the axes are parameters.
    pub(super) parameters: usize,
}

impl Trials {
    pub(super) fn new(space: &Space, losses: &[f64], rows: &[Vec<f64>]) -> Self {
        let parameters = space.parameters();
        let axes: Vec<Axis> = parameters
            .iter()
            .map(|p| Axis::new(&p.distribution))
            .collect();
        let cells: Vec<Vec<u8>> = axes
            .iter()
            .enumerate()
            .map(|(at, axis)| rows.iter().map(|row| axis.cell(row[at])).collect())
            .collect();
        let mut trials = Self {
            losses: centred(losses),
            axes,
            cells,
            conditions: Vec::new(),
            active: Vec::new(),
            parameters: parameters.len(),
        };
        trials.find_conditions(space);
        trials.active = (0..trials.axes.len())
            .map(
                |axis| match probability(&trials.conditions[axis], &trials.axes) {
                    p if p > 0.0 => p,
                    // The prior rules it out, but it has happened.
                    _ => trials.share_active(axis).max(f64::MIN_POSITIVE),
                },
            )
            .collect();
        trials
    }

    pub(super) fn len(&self) -> usize {
        self.losses.len()
    }

    fn share_active(&self, axis: usize) -> f64 {
        let active = self.cells[axis].iter().filter(|c| **c != INACTIVE);
        active.count() as f64 / self.len() as f64
    }

    /// Fills `conditions`: parents first, each with what is above it.
    fn find_conditions(&mut self, space: &Space) {
        let mut parts: Vec<Option<Condition>> = (0..self.parameters)
            .map(|axis| {
                let told = self.told(space, axis);
                told.filter(|condition| self.agrees(axis, condition))
                    .or_else(|| self.explained(axis))
            })
            .collect();
        for (axis, part) in parts.iter_mut().enumerate().filter(|(_, p)| p.is_none()) {
            let on = (self.cells[axis].iter()).map(|c| u8::from(*c != INACTIVE));
            *part = Some(vec![vec![(self.axes.len(), 1)]]);
            self.cells.push(on.collect());
            self.axes.push(Axis::switch(self.share_active(axis)));
        }
        let parts: Vec<Condition> = parts.into_iter().flatten().collect();
        let mut whole = vec![None; self.axes.len()];
        for axis in 0..self.axes.len() {
            close(axis, &parts, &mut whole);
        }
        self.conditions = whole
            .into_iter()
            .map(|c| c.unwrap_or_else(always))
            .collect();
    }

    /// The condition that the space tells, if it can be written in cells.
    fn told(&self, space: &Space, axis: usize) -> Option<Condition> {
        let alternatives = &space.parameters()[axis].conditions;
        let cell = |part: &crate::space::Equals| {
            Some((part.parent, self.axes[part.parent].category(part.value)?))
        };
        alternatives
            .iter()
            .map(|all| all.iter().map(cell).collect::<Option<All>>())
            .collect()
    }

    /// Whether an axis is active where a condition says so.
    fn agrees(&self, axis: usize, condition: &Condition) -> bool {
        (0..self.len()).all(|trial| {
            let holds = condition
                .iter()
                .any(|all| all.iter().all(|p| self.cells[p.0][trial] == p.1));
            holds == (self.cells[axis][trial] != INACTIVE)
        })
    }

    /// Options of the one choice that decide whether an axis is active; of several choices, the one
    /// with the fewest options.
    fn explained(&self, axis: usize) -> Option<Condition> {
        if !self.cells[axis].contains(&INACTIVE) {
            return Some(always());
        }
        (0..self.parameters)
            .filter(|choice| *choice != axis && !self.axes[*choice].ordered)
            .filter_map(|choice| self.decided_by(axis, choice))
            .min_by_key(|(options, _)| *options)
            .map(|(_, condition)| condition)
    }

    /// The number of options of a choice, and those with which an axis is active, if it decides that.
    fn decided_by(&self, axis: usize, choice: usize) -> Option<(usize, Condition)> {
        let mut seen = [[false; 2]; 256];
        for (option, cell) in self.cells[choice].iter().zip(&self.cells[axis]) {
            seen[usize::from(*option)][usize::from(*cell != INACTIVE)] = true;
        }
        let options = seen[..usize::from(INACTIVE)].iter();
        let (known, off) = options.fold((0, 0), |(known, off), option| {
            (
                known + usize::from(option[0] || option[1]),
                off + usize::from(option[0]),
            )
        });
        let pure = seen.iter().all(|option| !(option[0] && option[1]));
        let strict = pure && off > 0 && !seen[usize::from(INACTIVE)][1];
        (strict && self.len() >= TRIALS_PER_OPTION * known).then(|| {
            let on = (0..INACTIVE).filter(|option| seen[usize::from(*option)][1]);
            (known, on.map(|option| vec![(choice, option)]).collect())
        })
    }
}

/// Adds to the condition of an axis those of the choices that it names.
fn close(axis: usize, parts: &[Condition], whole: &mut [Option<Condition>]) -> Condition {
    if let Some(done) = &whole[axis] {
        return done.clone();
    }
    whole[axis] = Some(always()); // ends circles, which there are none of
    let mut closed: Condition = Vec::new();
    for all in parts.get(axis).unwrap_or(&always()) {
        let mut way = vec![all.clone()];
        for &(choice, _) in all {
            let above = close(choice, parts, whole);
            way = both(&way, &above).unwrap_or(way);
        }
        closed.extend(
            way.into_iter()
                .filter(|all| !closed.contains(all))
                .collect::<Vec<_>>(),
        );
    }
    whole[axis] = Some(closed.clone());
    closed
}

fn centred(losses: &[f64]) -> Vec<f64> {
    // Scaled first, so that no sum of squares overflows.
    let scale = losses
        .iter()
        .fold(0.0_f64, |most, loss| most.max(loss.abs()));
    let scaled: Vec<f64> = losses.iter().map(|loss| loss / scale).collect();
    let mean = scaled.iter().sum::<f64>() / scaled.len() as f64;
    let spread = scaled
        .iter()
        .fold(0.0_f64, |most, x| most.max((x - mean).abs()));
    scaled.iter().map(|x| (x - mean) / spread).collect()
}
