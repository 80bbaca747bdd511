//! The tree-structured Parzen estimator.
//!
//! Bergstra et al. (2011), section 4: split the trials by loss into the best few and the rest, fit
//! `l(x)` to the first and `g(x)` to the second, draw candidates from `l` and take the one with
//! the largest `l(x) / g(x)`, which maximises the expected improvement (their equation 3).

mod joint;
mod refine;
pub(crate) mod settings;
pub(crate) mod split;

use self::settings::BELIEVED;
pub use self::settings::{Bandwidth, Floor, LocalSearch, Pending, Settings, Share, Weights};
use crate::error::{Error, Result};
use crate::history::History;
use crate::numeric::ordered::argmax;
use crate::numeric::rng::Stream;
use crate::space::draw;
use crate::univariate::posterior::Posterior;

/// Which side of the split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The good trials.
    Below,
    /// The rest, running and failed trials among them.
    Above,
}

/// For each trial of the history, whether it is among the good ones. Equal losses: the older wins.
#[must_use]
pub fn split(history: &History, settings: &Settings) -> Vec<bool> {
    let rule = settings.rule();
    let ranks: Vec<f64> = history
        .tids()
        .iter()
        .zip(history.losses())
        .map(|(&tid, &loss)| rule.rank(loss, history.is_running(tid)))
        .collect();
    let mut order = counted(history, settings);
    let believed = ranks.iter().filter(|&&rank| rank == BELIEVED).count();
    let n_below = rule.n_below(order.len(), history.finished(), believed);
    order.sort_by(|&a, &b| ranks[a].total_cmp(&ranks[b]));
    let mut good = vec![false; ranks.len()];
    for &index in &order[..n_below] {
        good[index] = true;
    }
    good
}

/// Positions of the trials that are on either side.
fn counted(history: &History, settings: &Settings) -> Vec<usize> {
    let rule = settings.rule();
    (0..history.len())
        .filter(|&at| rule.counts(history.is_running(history.tids()[at])))
        .collect()
}

/// The density of one parameter on one side, fitted from nothing.
///
/// Suggestions do not use it: they read sums that are kept as the history grows. It is what those
/// sums must equal.
///
/// # Errors
///
/// [`Error::UnknownParameter`] where there is no parameter of that number, [`Error::Setting`]
/// where a setting is out of range.
pub fn posterior(
    history: &History,
    parameter: usize,
    side: Side,
    settings: &Settings,
) -> Result<Posterior> {
    settings.check()?;
    if parameter >= history.space().len() {
        return Err(Error::UnknownParameter(format!("number {parameter}")));
    }
    Ok(fit(
        history,
        &split(history, settings),
        parameter,
        side,
        settings,
    ))
}

fn fit(
    history: &History,
    good: &[bool],
    parameter: usize,
    side: Side,
    settings: &Settings,
) -> Posterior {
    let column = history.column(parameter);
    let values: Vec<f64> = counted(history, settings)
        .into_iter()
        .filter(|&at| !column[at].is_nan() && good[at] == (side == Side::Below))
        .map(|at| column[at])
        .collect();
    let prior = &history.space().parameters()[parameter].distribution;
    Posterior::fit(prior, &values, settings.prior_weight)
}

/// How the value of one parameter was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Position of the parameter in the space.
    pub parameter: usize,
    /// Values drawn from `l`.
    pub candidates: Vec<f64>,
    /// `ln l` of each candidate.
    pub log_below: Vec<f64>,
    /// `ln g` of each candidate.
    pub log_above: Vec<f64>,
    /// Position of the winner among the candidates.
    pub chosen: usize,
}

/// Log density of values of one parameter on one side, as suggestions see it.
///
/// # Errors
///
/// [`Error::UnknownParameter`] where there is no parameter of that number, [`Error::Setting`]
/// where a setting is out of range.
pub fn log_density(
    history: &mut History,
    parameter: usize,
    side: Side,
    values: &[f64],
    settings: &Settings,
) -> Result<Vec<f64>> {
    settings.check()?;
    let split = history.split(settings.rule());
    let Some(model) = split.models_mut().get_mut(parameter) else {
        return Err(Error::UnknownParameter(format!("number {parameter}")));
    };
    model.prepare(settings.prior_weight);
    Ok(match side {
        Side::Below => values
            .iter()
            .map(|&v| model.below().log_density(v))
            .collect(),
        Side::Above => model.log_above(values, settings.prior_weight),
    })
}

/// Suggests a point for trial `tid`, with how each value was chosen.
///
/// # Errors
///
/// [`Error::Setting`] where a setting is out of range.
pub fn explain(
    history: &mut History,
    seed: u64,
    tid: i64,
    settings: &Settings,
) -> Result<(Vec<f64>, Vec<Choice>)> {
    settings.check()?;
    let space = history.space().clone();
    let split = history.split(settings.rule());
    let mut stream = Stream::new(seed, tid);
    let mut row = vec![f64::NAN; space.len()];
    let mut choices = Vec::new();
    for (index, parameter) in space.parameters().iter().enumerate() {
        if !parameter.is_active(&row) {
            continue;
        }
        let model = &mut split.models_mut()[index];
        model.prepare(settings.prior_weight);
        let below = model.below();
        let mut candidates: Vec<f64> = (0..settings.n_candidates)
            .map(|_| below.sample(&mut stream))
            .collect();
        candidates.extend(
            (0..settings.prior_candidates)
                .map(|_| draw::value(&parameter.distribution, &mut stream)),
        );
        let (log_below, log_above) = model.log_densities(&candidates, settings.prior_weight);
        let ratios: Vec<f64> = log_below
            .iter()
            .zip(&log_above)
            .map(|(b, a)| b - a)
            .collect();
        let chosen = argmax(&ratios);
        row[index] = candidates[chosen];
        choices.push(Choice {
            parameter: index,
            candidates,
            log_below,
            log_above,
            chosen,
        });
    }
    Ok((row, choices))
}

/// Suggests one point a trial id. Each id sees the ids before it as running trials, so the result
/// is that of one call an id.
///
/// # Errors
///
/// [`Error::Setting`] where a setting is out of range.
pub fn suggest(
    history: &mut History,
    tids: &[i64],
    seed: u64,
    settings: &Settings,
) -> Result<Vec<Vec<f64>>> {
    history.one_by_one(tids, |history, tid| {
        if settings.multivariate {
            joint::suggest(history, seed, tid, settings)
        } else {
            Ok(explain(history, seed, tid, settings)?.0)
        }
    })
}
