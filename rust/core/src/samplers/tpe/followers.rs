//! What is derived from the split, kept in step with it; each part from when it is first asked for.

use crate::history::seen::Seen;
use crate::history::{Change, History};
use crate::kernels::groups::{Group, groups};
use crate::samplers::tpe::settings::Rule;
use crate::samplers::tpe::split::{Move, Split};
use crate::univariate::model::Model;

/// The split of a history, and what follows it.
#[derive(Debug, Clone)]
pub(crate) struct Followers {
    split: Split,
    /// One model per parameter.
    models: Option<Vec<Model>>,
    /// Product kernels over the parameters that are active together.
    groups: Option<Vec<Group>>,
    /// Points that were tried.
    seen: Option<Seen>,
}

impl Followers {
    /// Splits the trials of a history.
    pub(crate) fn new(history: &History, rule: Rule) -> Self {
        let mut split = Split::new(rule);
        for (&tid, &loss) in history.tids().iter().zip(history.losses()) {
            split.add(tid, loss);
            while split.rebalance().is_some() {}
        }
        Self {
            split,
            models: None,
            groups: None,
            seen: None,
        }
    }

    /// The models.
    pub(crate) fn models(&mut self, history: &History) -> &mut [Model] {
        self.models.get_or_insert_with(|| {
            let parameters = history.space().parameters().iter();
            let mut models: Vec<Model> = parameters.map(|p| Model::new(&p.distribution)).collect();
            for (at, &tid) in history.tids().iter().enumerate() {
                add_to(&mut models, tid, &history.row(at), self.split.is_good(tid));
            }
            models
        })
    }

    /// The split, the groups and the points that were tried.
    pub(crate) fn groups(&mut self, history: &History) -> (&Split, &mut [Group], &Seen) {
        let Self { split, .. } = self;
        let groups = self.groups.get_or_insert_with(|| {
            let mut groups = groups(history.space());
            for (at, &tid) in history.tids().iter().enumerate() {
                if !split.is_good(tid) {
                    let row = history.row(at);
                    for group in &mut groups {
                        group.insert(tid, &row);
                    }
                }
            }
            groups
        });
        let seen = self.seen.get_or_insert_with(|| {
            let mut seen = Seen::default();
            for at in 0..history.len() {
                seen.insert(history.space(), &history.row(at));
            }
            seen
        });
        (split, groups, seen)
    }

    /// Follows a change; `history` is as it is after it.
    pub(crate) fn note(&mut self, history: &History, change: &Change<'_>) {
        match change {
            Change::Added { tid, loss, row } => self.add(history, *tid, *loss, row),
            Change::Removed { tid, loss, row } => self.remove(history, *tid, *loss, row),
            Change::Told { tid, before, after } if before != after => {
                self.change(history, *tid, *before, *after);
            }
            Change::Told { .. } => {}
        }
        while let Some(moved) = self.split.rebalance() {
            self.follow(history, moved);
        }
    }

    fn add(&mut self, history: &History, tid: i64, loss: f64, row: &[f64]) {
        let is_good = self.split.add(tid, loss);
        if let Some(models) = &mut self.models {
            add_to(models, tid, row, is_good);
        }
        for group in self.groups.iter_mut().flatten() {
            if is_good {
                group.good_changed();
            } else {
                group.insert(tid, row);
            }
        }
        if let Some(seen) = &mut self.seen {
            seen.insert(history.space(), row);
        }
    }

    fn remove(&mut self, history: &History, tid: i64, loss: f64, row: &[f64]) {
        let was_good = self.split.remove(tid, loss);
        for model in self.models.iter_mut().flatten() {
            model.remove(tid, was_good);
        }
        for group in self.groups.iter_mut().flatten() {
            if was_good {
                group.good_changed();
            } else {
                group.remove(tid);
            }
        }
        if let Some(seen) = &mut self.seen {
            seen.remove(history.space(), row);
        }
    }

    fn change(&mut self, history: &History, tid: i64, before: f64, after: f64) {
        let (was_good, is_good) = self.split.change(tid, before, after);
        if was_good != is_good {
            self.follow(history, Move { tid, is_good });
        } else if is_good {
            // Its rank may have changed.
            for group in self.groups.iter_mut().flatten() {
                group.good_changed();
            }
        }
    }

    /// A trial has changed sides.
    fn follow(&mut self, history: &History, Move { tid, is_good }: Move) {
        for model in self.models.iter_mut().flatten() {
            model.set_good(tid, is_good);
        }
        let Some(groups) = &mut self.groups else {
            return;
        };
        let row = if is_good { None } else { history.row_of(tid) };
        for group in groups {
            group.good_changed();
            match &row {
                Some(row) => group.insert(tid, row),
                None => group.remove(tid),
            }
        }
    }
}

fn add_to(models: &mut [Model], tid: i64, row: &[f64], is_good: bool) {
    for (model, &value) in models.iter_mut().zip(row) {
        if !value.is_nan() {
            model.insert(tid, value, is_good);
        }
    }
}
