//! Parameters that are active together, and their kernels on both sides.
//!
//! In a conditional space a product kernel makes sense only over parameters that the same trials
//! have. Those with equal conditions form a group; groups are sampled one after the other, parents
//! first, each over the trials in which it was active.

use crate::history::History;
use crate::kernels::product::ProductKernels;
use crate::kernels::weights::by_rank;
use crate::numeric::ordered::Key;
use crate::space::Space;

/// One group and its two sides.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// Positions of its parameters in the space.
    parameters: Vec<usize>,
    rest: ProductKernels,
    /// Made when asked for, dropped when the good trials change.
    good: Option<ProductKernels>,
}

/// What a group's densities are made of.
pub(crate) struct Sides<'a> {
    pub(crate) parameters: &'a [usize],
    pub(crate) good: &'a ProductKernels,
    pub(crate) rest: &'a ProductKernels,
}

/// The groups of a space, in the order of their first parameters, without trials.
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
        .map(|parameters| Group {
            rest: empty(space, &parameters),
            good: None,
            parameters,
        })
        .collect()
}

fn empty(space: &Space, parameters: &[usize]) -> ProductKernels {
    let priors = parameters.iter();
    ProductKernels::new(priors.map(|&p| &space.parameters()[p].distribution))
}

/// The values of these parameters in a row, if they were active there.
fn values(parameters: &[usize], row: &[f64]) -> Option<Vec<f64>> {
    let value = |&parameter: &usize| Some(row[parameter]).filter(|value| !value.is_nan());
    parameters.iter().map(value).collect()
}

impl Group {
    /// A trial joined the rest.
    pub(crate) fn insert(&mut self, tid: i64, row: &[f64]) {
        if let Some(values) = values(&self.parameters, row) {
            self.rest.insert(tid, &values);
        }
    }

    /// A trial left the rest.
    pub(crate) fn remove(&mut self, tid: i64) {
        self.rest.remove(tid);
    }

    /// The good trials, or their order, have changed.
    pub(crate) fn good_changed(&mut self) {
        self.good = None;
    }

    /// Kernels of the good trials, which come best first, and of the rest.
    pub(crate) fn sides(&mut self, good: &[Key], history: &History) -> Sides<'_> {
        let parameters = &self.parameters;
        let good = self.good.get_or_insert_with(|| {
            let observations = good.iter().enumerate().filter_map(|(rank, key)| {
                let values = values(parameters, &history.row_of(key.tid)?)?;
                Some((key.tid, values, by_rank(rank, good.len())))
            });
            empty(history.space(), parameters).weighted(observations.collect())
        });
        Sides {
            parameters,
            good,
            rest: &self.rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::distribution::Distribution;
    use crate::space::{Equals, Parameter};
    use std::sync::Arc;

    #[test]
    fn parameters_with_equal_conditions_are_one_group() {
        let parameter = |label: &str, parent: Option<i64>| Parameter {
            label: label.to_owned(),
            distribution: Distribution::new(label, "randint", &[0.0, 3.0]).expect("valid"),
            conditions: vec![
                parent
                    .map(|value| Equals { parent: 0, value })
                    .into_iter()
                    .collect(),
            ],
        };
        let space = Space::new(vec![
            parameter("a", None),
            parameter("b", Some(0)),
            parameter("c", None),
            parameter("d", Some(1)),
            parameter("e", Some(0)),
        ]);
        let space = Arc::new(space.expect("valid"));
        let mut groups = groups(&space);
        let found: Vec<_> = groups.iter().map(|g| g.parameters.clone()).collect();
        assert_eq!(found, [vec![0, 2], vec![1, 4], vec![3]]);

        let mut history = History::new(space);
        let nan = f64::NAN;
        for (tid, row) in [[0.0, 1.0, 2.0, nan, 1.0], [1.0, nan, 2.0, 0.0, nan]]
            .iter()
            .enumerate()
        {
            let tid = i64::try_from(tid).expect("small");
            history.observe(tid, 1.0, row).expect("fits");
        }
        for group in &mut groups {
            group.insert(1, &history.row(1));
        }
        let sizes: Vec<_> = groups
            .iter_mut()
            .map(|group| {
                let sides = group.sides(&[Key::new(1.0, 0)], &history);
                (sides.good.len(), sides.rest.len())
            })
            .collect();
        assert_eq!(sizes, [(1, 1), (1, 0), (0, 1)]);
        groups[0].remove(1);
        assert_eq!(groups[0].sides(&[], &history).rest.len(), 0);
        assert_eq!(groups[0].sides(&[], &history).good.len(), 1, "kept");
        groups[0].good_changed();
        assert_eq!(groups[0].sides(&[], &history).good.len(), 0);
    }
}
