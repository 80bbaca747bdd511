//! What the estimator's suggestions are based on, for tests and comparisons. Searches do not use it.

use std::any::Any;

use crate::error::{Error, Result};
use crate::history::History;
use crate::samplers::sampler::Sampler;
use crate::samplers::tpe::Tpe;
use crate::samplers::tpe::marginal;
pub use crate::samplers::tpe::marginal::Choice;
use crate::samplers::tpe::settings::Settings;
use crate::univariate::posterior::Posterior;

/// Which side of the split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The good trials.
    Good,
    /// The rest, running and failed trials among them.
    Rest,
}

/// The density of one parameter on one side, fitted from nothing: what the sums that suggestions
/// read must equal.
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
    settings.in_range()?;
    let Some(prior) = history.space().parameters().get(parameter) else {
        return Err(unknown(parameter));
    };
    let losses = history.losses();
    let mut order: Vec<usize> = (0..losses.len()).collect();
    order.sort_by(|&a, &b| losses[a].total_cmp(&losses[b]));
    let mut is_good = vec![false; losses.len()];
    let n_good = settings.rule().n_good(losses.len(), history.finished());
    for &at in &order[..n_good] {
        is_good[at] = true;
    }
    let column = history.column(parameter);
    let values: Vec<f64> = (0..losses.len())
        .filter(|&at| !column[at].is_nan() && is_good[at] == (side == Side::Good))
        .map(|at| column[at])
        .collect();
    Ok(Posterior::fit(
        &prior.distribution,
        &values,
        settings.prior_weight,
    ))
}

fn unknown(parameter: usize) -> Error {
    Error::UnknownParameter(format!("number {parameter}"))
}

/// The estimator behind a sampler, or an error where it is another one.
fn estimator(sampler: &mut dyn Sampler) -> Result<&mut Tpe> {
    let any: &mut dyn Any = sampler;
    any.downcast_mut().ok_or_else(|| Error::Setting {
        name: "sampler".to_owned(),
        reason: "must be a Parzen estimator".to_owned(),
    })
}

/// Log density of values of one parameter on one side, as suggestions see it.
///
/// # Errors
///
/// [`Error::UnknownParameter`] where there is no parameter of that number, [`Error::Setting`]
/// where the sampler is not a Parzen estimator.
pub fn log_density(
    history: &History,
    sampler: &mut dyn Sampler,
    parameter: usize,
    side: Side,
    values: &[f64],
) -> Result<Vec<f64>> {
    let tpe = estimator(sampler)?;
    let prior_weight = tpe.settings.prior_weight;
    let models = tpe.followers(history).models(history);
    let model = models
        .get_mut(parameter)
        .ok_or_else(|| unknown(parameter))?;
    model.prepare(prior_weight);
    Ok(match side {
        Side::Good => values
            .iter()
            .map(|&v| model.good().log_density(v))
            .collect(),
        Side::Rest => model.log_rest(values, prior_weight),
    })
}

/// Suggests a point for trial `tid` by one density per parameter, with how each value was chosen.
///
/// # Errors
///
/// [`Error::Setting`] where the sampler is not a Parzen estimator.
pub fn explain(
    history: &History,
    sampler: &mut dyn Sampler,
    seed: u64,
    tid: i64,
) -> Result<(Vec<f64>, Vec<Choice>)> {
    let tpe = estimator(sampler)?;
    let settings = tpe.settings;
    let followers = tpe.followers(history);
    Ok(marginal::suggest(followers, history, seed, tid, &settings))
}
