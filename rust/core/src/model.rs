//! What the estimator knows of one parameter, kept in step with the history.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use crate::bins::Bins;
use crate::distribution::{Distribution, Numeric};
use crate::grid::REACH;
use crate::math::kernel_mass;
use crate::ordered::Key;
use crate::posterior::Posterior;
use crate::ranks::Ranks;
use crate::tables::{MIN_OBSERVATIONS, Tables, total_weight};
use crate::vector::{gaussian, ln_all};

/// Largest error that cutting kernels off may cause, relative to the density. It also bounds the
/// error of interpolation, to 7e-10: see `docs/performance.md`.
const MAX_TRUNCATION: f64 = 1e-12;

/// Sums over the rest that change a little with each trial.
#[derive(Debug, Clone)]
enum Sums {
    Tables(Box<Tables>),
    Bins(Bins),
}

/// One parameter's observations and what was derived from them so far.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    prior: Distribution,
    ranks: Ranks,
    /// Built when first needed, then kept.
    sums: Option<Sums>,
    /// The good trials' density, and the prior weight it was fitted with.
    below: Option<(f64, Posterior)>,
    /// `ln l` of grid values asked for before; emptied when `below` changes.
    known_below: BTreeMap<Key, f64>,
    /// The rest's density where there are too few for tables.
    above: Option<(f64, Posterior)>,
}

/// With more observations than this after it, a trial is far back.
const FAR_BACK: usize = 2_048;

/// Most grid values that are remembered.
const MAX_KNOWN: usize = 4_096;

impl Model {
    pub(crate) fn new(prior: &Distribution) -> Self {
        let ranks = Ranks::default();
        Self {
            prior: prior.clone(),
            ranks,
            sums: None,
            below: None,
            known_below: BTreeMap::new(),
            above: None,
        }
    }

    /// The value observed in a trial, if the parameter was active there.
    pub(crate) fn value(&self, tid: i64) -> Option<f64> {
        self.ranks.value(tid)
    }

    /// Adds an observation.
    pub(crate) fn insert(&mut self, tid: i64, value: f64, is_below: bool) {
        self.ranks.insert(tid, value);
        if is_below {
            self.ranks.set_below(tid, true);
            self.below = None;
        } else {
            self.drop_sums_if_far_back(tid);
            self.joined_rest(tid, value);
        }
    }

    /// Forgets an observation.
    pub(crate) fn remove(&mut self, tid: i64, is_below: bool) {
        let Some(value) = self.ranks.value(tid) else {
            return;
        };
        self.ranks.remove(tid);
        if is_below {
            self.ranks.set_below(tid, false);
            self.below = None;
            match &mut self.sums {
                Some(Sums::Tables(tables)) => tables.drop_snapshot(tid),
                Some(Sums::Bins(bins)) => bins.drop_snapshot(tid),
                None => {}
            }
        } else {
            self.drop_sums_if_far_back(tid);
            self.left_rest(tid, value);
        }
    }

    /// A trial that appears or vanishes far back moves the rank of all younger ones. One is as
    /// dear as building the sums anew; of several only the first, if they are built when needed.
    fn drop_sums_if_far_back(&mut self, tid: i64) {
        let younger = self.ranks.n_above().saturating_sub(self.ranks.rank(tid));
        if younger > FAR_BACK {
            self.sums = None;
        }
    }

    /// Moves an observation to the other side.
    pub(crate) fn set_below(&mut self, tid: i64, is_below: bool) {
        let Some(value) = self.ranks.value(tid) else {
            return;
        };
        self.ranks.set_below(tid, is_below);
        self.below = None;
        if is_below {
            self.left_rest(tid, value);
        } else {
            self.joined_rest(tid, value);
        }
    }

    fn joined_rest(&mut self, tid: i64, value: f64) {
        self.above = None;
        match &mut self.sums {
            Some(Sums::Tables(tables)) => {
                if tables.covers(value) && !tables.is_worn() {
                    tables.insert(tid, value, &self.ranks);
                } else {
                    self.sums = None;
                }
            }
            Some(Sums::Bins(bins)) => bins.insert(tid, value, &self.ranks),
            None => {}
        }
    }

    fn left_rest(&mut self, tid: i64, value: f64) {
        self.above = None;
        match &mut self.sums {
            Some(Sums::Tables(tables)) => {
                if self.ranks.n_above() < MIN_OBSERVATIONS || tables.is_worn() {
                    self.sums = None;
                } else {
                    tables.remove(tid, value, &self.ranks);
                }
            }
            Some(Sums::Bins(bins)) => bins.remove(tid, value, &self.ranks),
            None => {}
        }
    }

    /// Derives what suggestions read, where it is not known yet.
    pub(crate) fn prepare(&mut self, prior_weight: f64) {
        if self.below.as_ref().is_none_or(|(w, _)| *w != prior_weight) {
            let fitted = Posterior::fit(&self.prior, &self.ranks.below(), prior_weight);
            self.below = Some((prior_weight, fitted));
            self.known_below.clear();
        }
        match &self.prior {
            Distribution::Discrete(prior) => {
                if self.sums.is_none() {
                    self.sums = Some(Sums::Bins(Bins::build(prior, &self.ranks)));
                }
            }
            Distribution::Numeric(prior) if self.ranks.n_above() >= MIN_OBSERVATIONS => {
                if self.sums.is_none() {
                    let tables = Tables::build(prior, &self.ranks);
                    self.sums = Some(Sums::Tables(Box::new(tables)));
                }
            }
            Distribution::Numeric(_) => {
                if self.above.as_ref().is_none_or(|(w, _)| *w != prior_weight) {
                    self.above = Some((prior_weight, self.fit_above(prior_weight)));
                }
            }
        }
    }

    fn fit_above(&self, prior_weight: f64) -> Posterior {
        Posterior::fit(&self.prior, &self.ranks.above(), prior_weight)
    }

    /// The good trials' density. [`Self::prepare`] must have been called.
    pub(crate) fn below(&self) -> &Posterior {
        &self.below.as_ref().expect("prepared").1
    }

    /// Log density of values under the good trials. [`Self::prepare`] must have been called.
    pub(crate) fn log_below(&mut self, values: &[f64]) -> Vec<f64> {
        let below = &self.below.as_ref().expect("prepared").1;
        if !self.repeats() {
            return below.log_densities(values);
        }
        if self.known_below.len() > MAX_KNOWN {
            self.known_below.clear();
        }
        let known = &mut self.known_below;
        each_once(values, |v| {
            *known
                .entry(Key::new(v, 0))
                .or_insert_with(|| below.log_density(v))
        })
    }

    /// Whether values repeat, so that remembering their densities pays.
    fn repeats(&self) -> bool {
        !matches!(self.prior, Distribution::Numeric(Numeric { q: None, .. }))
    }

    /// Log density of values under the rest. [`Self::prepare`] must have been called.
    pub(crate) fn log_above(&self, values: &[f64], prior_weight: f64) -> Vec<f64> {
        match (&self.sums, &self.prior) {
            (Some(Sums::Bins(bins)), _) => {
                let n = self.ranks.n_above();
                each_once(values, |v| libm::log(bins.probability(v, n, prior_weight)))
            }
            (Some(Sums::Tables(tables)), Distribution::Numeric(prior)) => {
                self.log_above_from(tables, prior, values, prior_weight)
            }
            _ => match &self.above {
                Some((w, fitted)) if *w == prior_weight => self.log_densities(fitted, values),
                _ => self.log_densities(&self.fit_above(prior_weight), values),
            },
        }
    }

    fn log_densities(&self, fitted: &Posterior, values: &[f64]) -> Vec<f64> {
        if self.repeats() {
            each_once(values, |v| fitted.log_density(v))
        } else {
            fitted.log_densities(values)
        }
    }

    fn log_above_from(
        &self,
        tables: &Tables,
        prior: &Numeric,
        values: &[f64],
        prior_weight: f64,
    ) -> Vec<f64> {
        let n = self.ranks.n_above();
        let observed = total_weight(n);
        let total = observed + prior_weight;
        let (mu, sigma) = (prior.prior_mu, prior.prior_sigma);
        let log_norm = match prior.bounds {
            // As in `Mixture::log_density`, off the grid a logarithmic prior is not normalised.
            Some((low, high)) if !prior.log || prior.q.is_some() => {
                let accepted =
                    tables.accepted(n) + prior_weight * kernel_mass(low, high, mu, sigma);
                libm::log(accepted)
            }
            _ => libm::log(total),
        };
        // What kernels beyond their reach would add, at most.
        let cut = observed * libm::exp(-0.5 * REACH * REACH) / tables.floor();
        let mut direct: Option<Posterior> = None;
        let mut fall_back = |value| {
            direct
                .get_or_insert_with(|| self.fit_above(prior_weight))
                .log_density(value)
        };
        if prior.q.is_some() {
            return each_once(values, |value| {
                let (lower, upper) = prior.cell(value);
                let own = prior_weight * kernel_mass(lower, upper, mu, sigma);
                let mass = tables.sum(value, n).map(|sum| sum.max(0.0) + own);
                match mass {
                    Some(mass) if cut * (upper - lower) <= MAX_TRUNCATION * mass => {
                        libm::log(mass) - log_norm
                    }
                    _ => fall_back(value),
                }
            });
        }
        let xs = prior.all_to_kernel_space(values);
        let mut densities = gaussian(&xs, mu, sigma, prior_weight / sigma);
        let mut not_reached = Vec::new();
        for (at, density) in densities.iter_mut().enumerate() {
            match tables.sum_at(xs[at], n) {
                Some(sum) => *density += sum.max(0.0),
                None => not_reached.push(at),
            }
            if cut > MAX_TRUNCATION * *density {
                not_reached.push(at);
            }
        }
        ln_all(&mut densities);
        let constant = log_norm + 0.5 * libm::log(2.0 * PI);
        for (density, x) in densities.iter_mut().zip(&xs) {
            *density -= constant + if prior.log { *x } else { 0.0 };
        }
        for at in not_reached {
            densities[at] = fall_back(values[at]);
        }
        densities
    }
}

/// The log densities of values; one that occurs again is looked up.
fn each_once(values: &[f64], mut log_density: impl FnMut(f64) -> f64) -> Vec<f64> {
    let mut known: Vec<(f64, f64)> = Vec::with_capacity(values.len());
    for &value in values {
        let seen = known.iter().find(|k| k.0 == value).map(|k| k.1);
        known.push((value, seen.unwrap_or_else(|| log_density(value))));
    }
    known.into_iter().map(|k| k.1).collect()
}
