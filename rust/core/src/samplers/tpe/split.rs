//! The split of the trials into the good ones and the rest, kept as trials come and go.

use std::collections::BTreeSet;

use crate::kernels::groups::{Good, Group, groups};
use crate::numeric::ordered::Key;
use crate::samplers::tpe::settings::{BELIEVED, Rule};
use crate::space::Space;
use crate::univariate::model::Model;

/// Both sides, ordered by loss, and one model a parameter.
#[derive(Debug, Clone)]
pub(crate) struct Split {
    /// The setting it was made for.
    pub(crate) rule: Rule,
    /// How many trials have a finite loss.
    finished: usize,
    /// How many are believed to be good.
    believed: usize,
    below: Vec<Key>,
    above: BTreeSet<Key>,
    models: Vec<Model>,
    /// Made when the multivariate estimator is first asked for.
    groups: Option<Vec<Group>>,
}

impl Split {
    pub(crate) fn new(space: &Space, rule: Rule) -> Self {
        let models = space
            .parameters()
            .iter()
            .map(|p| Model::new(&p.distribution))
            .collect();
        Self {
            rule,
            finished: 0,
            believed: 0,
            below: Vec::new(),
            above: BTreeSet::new(),
            models,
            groups: None,
        }
    }

    /// Ids of the trials with a finite loss, lowest loss first.
    pub(crate) fn by_loss(&self) -> impl Iterator<Item = i64> {
        let ordered = self.below.iter().chain(&self.above);
        ordered
            .filter(|key| key.value().is_finite())
            .map(|key| key.tid)
    }

    pub(crate) fn models_mut(&mut self) -> &mut [Model] {
        &mut self.models
    }

    /// The models, and the groups with the trials they stand for: made if they are not there.
    pub(crate) fn groups(&mut self, space: &Space) -> (&mut [Group], &[Model], Good<'_>) {
        let groups = self.groups.get_or_insert_with(|| {
            let mut tids: Vec<i64> = self.above.iter().map(|key| key.tid).collect();
            tids.sort_unstable();
            let mut groups = groups(space);
            for group in &mut groups {
                for &tid in &tids {
                    group.change_above(tid, true, &self.models);
                }
            }
            groups
        });
        let good = Good {
            keys: &self.below,
            rest: self.above.first().map(|key| key.value()),
        };
        (groups, &self.models, good)
    }

    /// Tells the groups that a trial joined or left a side.
    fn tell_groups(&mut self, tid: i64, is_below: bool, joins: bool) {
        for group in self.groups.iter_mut().flatten() {
            if is_below {
                group.below_changed();
            } else {
                group.change_above(tid, joins, &self.models);
            }
        }
    }

    /// How many should be below when so many trials more are there.
    fn target(&self, more: usize) -> usize {
        self.rule
            .n_below(self.len() + more, self.finished, self.believed)
    }

    fn len(&self) -> usize {
        self.below.len() + self.above.len()
    }

    fn count_in(&mut self, loss: f64) {
        self.finished += usize::from(loss.is_finite());
        self.believed += usize::from(loss == BELIEVED);
    }

    fn count_out(&mut self, loss: f64) {
        self.finished -= usize::from(loss.is_finite());
        self.believed -= usize::from(loss == BELIEVED);
    }

    /// Adds a trial; `row` has NaN where a parameter was inactive.
    ///
    /// Losses are what [`Rule::rank`] says.
    pub(crate) fn insert(&mut self, tid: i64, loss: f64, row: &[f64]) {
        self.count_in(loss);
        let is_below = self.put(Key::new(loss, tid));
        for (model, &value) in self.models.iter_mut().zip(row) {
            if !value.is_nan() {
                model.insert(tid, value, is_below);
            }
        }
        self.tell_groups(tid, is_below, true);
        self.balance();
    }

    /// Forgets a trial.
    pub(crate) fn remove(&mut self, tid: i64, loss: f64) {
        self.count_out(loss);
        let is_below = self.take(Key::new(loss, tid));
        for model in &mut self.models {
            model.remove(tid, is_below);
        }
        self.tell_groups(tid, is_below, false);
        self.balance();
    }

    /// A trial's loss has changed.
    pub(crate) fn change_loss(&mut self, tid: i64, old: f64, new: f64) {
        self.count_out(old);
        self.count_in(new);
        let was_below = self.take(Key::new(old, tid));
        // Its own place is free now: compare as if it came in anew, but move it only once.
        let is_below = self.put(Key::new(new, tid));
        if is_below != was_below {
            self.move_trial(tid, is_below);
        } else if is_below {
            // Its rank may have changed.
            for group in self.groups.iter_mut().flatten() {
                group.below_changed();
            }
        }
        self.balance();
    }

    /// Puts a key in; returns whether it is among the good ones.
    fn put(&mut self, key: Key) -> bool {
        let is_below = if self.below.len() < self.target(1) {
            self.above.first().is_none_or(|best| key < *best)
        } else {
            self.below.last().is_some_and(|worst| key < *worst)
        };
        if is_below {
            let at = self.below.partition_point(|k| *k < key);
            self.below.insert(at, key);
        } else {
            self.above.insert(key);
        }
        is_below
    }

    /// Takes a key out; returns whether it was among the good ones.
    fn take(&mut self, key: Key) -> bool {
        if let Ok(at) = self.below.binary_search(&key) {
            self.below.remove(at);
            return true;
        }
        self.above.remove(&key);
        false
    }

    fn move_trial(&mut self, tid: i64, is_below: bool) {
        for model in &mut self.models {
            model.set_below(tid, is_below);
        }
        self.tell_groups(tid, !is_below, false);
        self.tell_groups(tid, is_below, true);
    }

    fn balance(&mut self) {
        let target = self.target(0);
        while self.below.len() > target
            && let Some(worst) = self.below.pop()
        {
            self.above.insert(worst);
            self.move_trial(worst.tid, false);
        }
        while self.below.len() < target
            && let Some(best) = self.above.pop_first()
        {
            self.below.push(best);
            self.move_trial(best.tid, true);
        }
    }
}
