//! Parameters that are active together, and their joint densities.
//!
//! In a conditional space a product kernel makes sense only over parameters that the same trials
//! have. Those with equal conditions form a group; groups are sampled one after the other, parents
//! first, each over the trials in which it was active.

use crate::joint::Joint;
use crate::model::Model;
use crate::space::Space;

/// One group and its two sides.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// Positions of its parameters in the space.
    pub(crate) parameters: Vec<usize>,
    above: Joint,
    /// Made when asked for, dropped when the good trials change.
    below: Option<Joint>,
}

/// The groups of a space, in the order of their first parameters.
pub(crate) fn groups(space: &Space) -> Vec<Group> {
    let mut members: Vec<Vec<usize>> = Vec::new();
    for (index, parameter) in space.parameters().iter().enumerate() {
        let same = |group: &&mut Vec<usize>| {
            space.parameters()[group[0]].conditions == parameter.conditions
        };
        match members.iter_mut().find(same) {
            Some(group) => group.push(index),
            None => members.push(vec![index]),
        }
    }
    members
        .into_iter()
        .map(|parameters| {
            let above = empty(space, &parameters);
            Group {
                parameters,
                above,
                below: None,
            }
        })
        .collect()
}

fn empty(space: &Space, parameters: &[usize]) -> Joint {
    Joint::new(
        parameters
            .iter()
            .map(|&p| &space.parameters()[p].distribution),
    )
}

impl Group {
    /// The group's values in a trial, if it was active there.
    fn values(&self, tid: i64, models: &[Model]) -> Option<Vec<f64>> {
        self.parameters
            .iter()
            .map(|&p| models[p].value(tid))
            .collect()
    }

    /// A trial joined the rest (or, with `models` that still know it, left it).
    pub(crate) fn change_above(&mut self, tid: i64, joins: bool, models: &[Model]) {
        if !joins {
            self.above.remove(tid);
        } else if let Some(values) = self.values(tid, models) {
            self.above.insert(tid, &values);
        }
    }

    /// The good trials have changed.
    pub(crate) fn below_changed(&mut self) {
        self.below = None;
    }

    /// Kernels of the good trials and of the rest.
    pub(crate) fn sides(
        &mut self,
        good: impl Iterator<Item = i64>,
        models: &[Model],
        space: &Space,
    ) -> (&Joint, &Joint) {
        if self.below.is_none() {
            let mut below = empty(space, &self.parameters);
            for tid in good {
                if let Some(values) = self.values(tid, models) {
                    below.insert(tid, &values);
                }
            }
            self.below = Some(below);
        }
        (self.below.as_ref().expect("made above"), &self.above)
    }
}
