//! Suggestions by one density per parameter, as Hyperopt makes them.

use crate::history::History;
use crate::numeric::ordered::argmax;
use crate::numeric::rng::Stream;
use crate::samplers::tpe::followers::Followers;
use crate::samplers::tpe::settings::Settings;

/// How the value of one parameter was chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Position of the parameter in the space.
    pub parameter: usize,
    /// Values drawn from the good trials' density.
    pub candidates: Vec<f64>,
    /// The logarithm of that density at each candidate.
    pub log_good: Vec<f64>,
    /// The logarithm of the rest's density at each candidate.
    pub log_rest: Vec<f64>,
    /// Position of the winner among the candidates.
    pub chosen: usize,
}

/// Suggests a point for trial `tid`, with how each value was chosen.
pub(crate) fn suggest(
    followers: &mut Followers,
    history: &History,
    seed: u64,
    tid: i64,
    settings: &Settings,
) -> (Vec<f64>, Vec<Choice>) {
    let space = history.space();
    let models = followers.models(history);
    let mut stream = Stream::new(seed, tid);
    let mut row = vec![f64::NAN; space.len()];
    let mut choices = Vec::new();
    for (index, parameter) in space.parameters().iter().enumerate() {
        if !parameter.is_active(&row) {
            continue;
        }
        let model = &mut models[index];
        model.prepare(settings.prior_weight);
        let good = model.good();
        let candidates: Vec<f64> = (0..settings.n_candidates)
            .map(|_| good.sample(&mut stream))
            .collect();
        let (log_good, log_rest) = model.log_densities(&candidates, settings.prior_weight);
        let ratios: Vec<f64> = log_good
            .iter()
            .zip(&log_rest)
            .map(|(good, rest)| good - rest)
            .collect();
        let chosen = argmax(&ratios);
        row[index] = candidates[chosen];
        choices.push(Choice {
            parameter: index,
            candidates,
            log_good,
            log_rest,
            chosen,
        });
    }
    (row, choices)
}
