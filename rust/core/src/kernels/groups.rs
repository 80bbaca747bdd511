//! Parameters that are active together, and their joint densities.
//!
//! In a conditional space a product kernel makes sense only over parameters that the same trials
//! have. Those with equal conditions form a group; groups are sampled one after the other, parents
//! first, each over the trials in which it was active.

use crate::kernels::product::Joint;
use crate::kernels::weights::{threshold, weights};
use crate::numeric::ordered::Key;
use crate::samplers::tpe::settings::{BELIEVED, Settings, Weights, Widths};
use crate::space::Space;
use crate::univariate::model::Model;

/// One group and its two sides.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// Positions of its parameters in the space.
    pub(crate) parameters: Vec<usize>,
    above: Joint,
    /// Made when asked for, dropped when the good trials change; and what it was made by.
    below: Option<(Made, Joint)>,
}

/// What the kernels of the good trials depend on besides these.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Made {
    widths: Widths,
    weights: Weights,
    /// The loss that improvements are counted from, where they matter.
    threshold: f64,
}

/// The good trials, best first, and the best loss of the rest. Before them come those that are
/// believed to be good.
#[derive(Clone, Copy)]
pub(crate) struct Good<'a> {
    pub(crate) keys: &'a [Key],
    pub(crate) rest: Option<f64>,
}

impl Good<'_> {
    /// Losses; those of trials that are believed to be good are the best one.
    fn losses(&self) -> Vec<f64> {
        let losses = self.keys.iter().map(|key| key.value());
        let best = losses.clone().find(|&loss| loss != BELIEVED);
        losses.map(|loss| loss.max(best.unwrap_or(loss))).collect()
    }
}

/// What a group's densities are made of.
pub(crate) struct Sides<'a> {
    pub(crate) parameters: &'a [usize],
    pub(crate) below: &'a Joint,
    pub(crate) above: &'a Joint,
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
        good: Good<'_>,
        models: &[Model],
        space: &Space,
        settings: &Settings,
    ) -> Sides<'_> {
        let made = Made {
            widths: settings.widths(),
            weights: settings.weights,
            threshold: match settings.weights {
                Weights::Improvement => threshold(&good.losses(), good.rest),
                _ => 0.0,
            },
        };
        if self.below.as_ref().is_none_or(|(by, _)| *by != made) {
            let weights = weights(settings.weights, &good.losses(), good.rest);
            let rows = good
                .keys
                .iter()
                .enumerate()
                .filter_map(|(rank, key)| {
                    let weight = weights.as_ref().map(|weights| weights[rank]);
                    Some((key.tid, self.values(key.tid, models)?, weight))
                })
                .collect();
            let below = empty(space, &self.parameters).filled(rows, made.widths);
            self.below = Some((made, below));
        }
        Sides {
            parameters: &self.parameters,
            below: &self.below.as_ref().expect("made above").1,
            above: &self.above,
        }
    }
}
