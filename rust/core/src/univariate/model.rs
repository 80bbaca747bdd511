//! What the estimator knows of one parameter, kept in step with the history.

use std::f64::consts::PI;

use crate::numeric::normal::kernel_mass;
use crate::numeric::simd::ln_all;
use crate::numeric::sums::gaussian;
use crate::space::distribution::{Distribution, Numeric};
use crate::univariate::posterior::Posterior;
use crate::univariate::sums::bins::Bins;
use crate::univariate::sums::grid::REACH;
use crate::univariate::sums::ranks::Ranks;
use crate::univariate::sums::tables::{MIN_OBSERVATIONS, Tables, total_weight};

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
    good: Option<(f64, Posterior)>,
    /// `ln l` of grid values asked for before, each at a place that its bits decide; emptied when
    /// `good` changes.
    known_good: Vec<(f64, f64)>,
    /// The rest's density where there are too few for tables.
    rest: Option<(f64, Posterior)>,
}

/// With more observations than this after it, a trial is far back.
const FAR_BACK: usize = 2_048;

/// Two to this power is the number of grid values that are remembered.
const KNOWN_BITS: u32 = 8;

impl Model {
    pub(crate) fn new(prior: &Distribution) -> Self {
        let ranks = Ranks::default();
        Self {
            prior: prior.clone(),
            ranks,
            sums: None,
            good: None,
            known_good: Vec::new(),
            rest: None,
        }
    }

    /// Adds an observation.
    pub(crate) fn insert(&mut self, tid: i64, value: f64, is_good: bool) {
        self.ranks.insert(tid, value);
        if is_good {
            self.ranks.set_good(tid, true);
            self.good = None;
        } else {
            self.drop_sums_if_far_back(tid);
            self.joined_rest(tid, value);
        }
    }

    /// Forgets an observation.
    pub(crate) fn remove(&mut self, tid: i64, is_good: bool) {
        let Some(value) = self.ranks.value(tid) else {
            return;
        };
        self.ranks.remove(tid);
        if is_good {
            self.ranks.set_good(tid, false);
            self.good = None;
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

    /// A trial that appears or vanishes far back moves the rank of all younger ones. A single such
    /// change costs as much as a rebuild, so the sums are dropped and rebuilt when needed; further
    /// changes are then free.
    fn drop_sums_if_far_back(&mut self, tid: i64) {
        let younger = self.ranks.n_rest().saturating_sub(self.ranks.rank(tid));
        if younger > FAR_BACK {
            self.sums = None;
        }
    }

    /// Moves an observation to the other side.
    pub(crate) fn set_good(&mut self, tid: i64, is_good: bool) {
        let Some(value) = self.ranks.value(tid) else {
            return;
        };
        self.ranks.set_good(tid, is_good);
        self.good = None;
        if is_good {
            self.left_rest(tid, value);
        } else {
            self.joined_rest(tid, value);
        }
    }

    fn joined_rest(&mut self, tid: i64, value: f64) {
        self.rest = None;
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
        self.rest = None;
        match &mut self.sums {
            Some(Sums::Tables(tables)) => {
                if self.ranks.n_rest() < MIN_OBSERVATIONS || tables.is_worn() {
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
        if self.good.as_ref().is_none_or(|(w, _)| *w != prior_weight) {
            let fitted = Posterior::fit(&self.prior, &self.ranks.good(), prior_weight);
            self.good = Some((prior_weight, fitted));
            self.known_good.clear();
        }
        match &self.prior {
            Distribution::Discrete(prior) => {
                if self.sums.is_none() {
                    self.sums = Some(Sums::Bins(Bins::build(prior, &self.ranks)));
                }
            }
            Distribution::Numeric(prior)
                if self.ranks.n_rest() >= MIN_OBSERVATIONS && Tables::suit(prior) =>
            {
                if self.sums.is_none() {
                    let tables = Tables::build(prior, &self.ranks);
                    self.sums = Some(Sums::Tables(Box::new(tables)));
                }
            }
            Distribution::Numeric(_) => {
                if self.rest.as_ref().is_none_or(|(w, _)| *w != prior_weight) {
                    self.rest = Some((prior_weight, self.fit_rest(prior_weight)));
                }
            }
        }
    }

    fn fit_rest(&self, prior_weight: f64) -> Posterior {
        Posterior::fit(&self.prior, &self.ranks.rest(), prior_weight)
    }

    /// The good trials' density. [`Self::prepare`] must have been called.
    pub(crate) fn good(&self) -> &Posterior {
        &self.good.as_ref().expect("prepared").1
    }

    /// Log densities of values under the good trials and under the rest. [`Self::prepare`] must
    /// have been called.
    pub(crate) fn log_densities(
        &mut self,
        values: &[f64],
        prior_weight: f64,
    ) -> (Vec<f64>, Vec<f64>) {
        if !self.repeats() {
            let good = self.good().log_densities(values);
            return (good, self.log_rest(values, prior_weight));
        }
        // Each value once.
        let mut distinct: Vec<f64> = Vec::with_capacity(values.len());
        let which: Vec<usize> = values
            .iter()
            .map(|value| {
                let known = distinct.iter().position(|d| d == value);
                known.unwrap_or_else(|| {
                    distinct.push(*value);
                    distinct.len() - 1
                })
            })
            .collect();
        let good = self.log_good_once(&distinct);
        let rest = self.log_rest(&distinct, prior_weight);
        (
            which.iter().map(|&at| good[at]).collect(),
            which.iter().map(|&at| rest[at]).collect(),
        )
    }

    /// Log densities under the good trials of values that may be asked for again.
    fn log_good_once(&mut self, values: &[f64]) -> Vec<f64> {
        let good = &self.good.as_ref().expect("prepared").1;
        if let Posterior::Categories(_) = good {
            return good.log_densities(values);
        }
        if self.known_good.is_empty() {
            self.known_good = vec![(f64::NAN, 0.0); 1 << KNOWN_BITS];
        }
        let known = &mut self.known_good;
        values
            .iter()
            .map(|&v| {
                // A multiplicative hash: its upper bits depend on all of the value's.
                let hash = v.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let place = &mut known[(hash >> (64 - KNOWN_BITS)) as usize];
                if place.0 != v {
                    *place = (v, good.log_density(v));
                }
                place.1
            })
            .collect()
    }

    /// Whether values repeat, so that remembering their densities pays.
    fn repeats(&self) -> bool {
        !matches!(self.prior, Distribution::Numeric(Numeric { q: None, .. }))
    }

    /// Log density of values under the rest. [`Self::prepare`] must have been called.
    pub(crate) fn log_rest(&self, values: &[f64], prior_weight: f64) -> Vec<f64> {
        match (&self.sums, &self.prior) {
            (Some(Sums::Bins(bins)), _) => {
                bins.log_probabilities(values, self.ranks.n_rest(), prior_weight)
            }
            (Some(Sums::Tables(tables)), Distribution::Numeric(prior)) => {
                self.log_rest_from(tables, prior, values, prior_weight)
            }
            _ => match &self.rest {
                Some((w, fitted)) if *w == prior_weight => fitted.log_densities(values),
                _ => self.fit_rest(prior_weight).log_densities(values),
            },
        }
    }

    fn log_rest_from(
        &self,
        tables: &Tables,
        prior: &Numeric,
        values: &[f64],
        prior_weight: f64,
    ) -> Vec<f64> {
        let n = self.ranks.n_rest();
        let observed = total_weight(n);
        let total = observed + prior_weight;
        let (mu, sigma) = (prior.prior_mu, prior.prior_sigma);
        let log_norm = match prior.bounds {
            // As in `log_densities`, off the grid a logarithmic prior is not normalised.
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
                .get_or_insert_with(|| self.fit_rest(prior_weight))
                .log_density(value)
        };
        if prior.q.is_some() {
            return values
                .iter()
                .map(|&value| {
                    let (lower, upper) = prior.cell(value);
                    let own = prior_weight * kernel_mass(lower, upper, mu, sigma);
                    let mass = tables.mass(value, n).map(|sum| sum.max(0.0) + own);
                    match mass {
                        Some(mass) if cut * (upper - lower) <= MAX_TRUNCATION * mass => {
                            libm::log(mass) - log_norm
                        }
                        _ => fall_back(value),
                    }
                })
                .collect();
        }
        let xs = prior.all_to_kernel_space(values);
        let mut densities = gaussian(&xs, mu, sigma, prior_weight / sigma);
        let mut not_reached = Vec::new();
        for (at, (density, sum)) in densities
            .iter_mut()
            .zip(tables.densities(&xs, n))
            .enumerate()
        {
            let is_reached = !sum.is_nan();
            *density += sum.max(0.0); // zero if it is NaN
            if !is_reached || cut > MAX_TRUNCATION * *density {
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
