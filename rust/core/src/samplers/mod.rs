//! What suggests points: random search, a Halton sequence, annealing, and the tree-structured Parzen
//! estimator. In go a history, trial ids and a seed, out come rows. A new sampler is a file here,
//! with its table of [`options`], declared and listed in [`SAMPLERS`] below. May import everything but `search`.

pub mod anneal;
pub mod halton;
pub mod options;
pub mod random;
pub(crate) mod sampler;
pub mod tpe;

use crate::error::{Error, Result};
use crate::samplers::options::{Entry, Given, Value};
use crate::samplers::sampler::Settings;

/// The samplers that can be asked for by name.
pub const SAMPLERS: &[Entry] = &[
    random::ENTRY,
    halton::ENTRY,
    anneal::ENTRY,
    tpe::ENTRY,
    tpe::HYPEROPT_ENTRY,
];

/// Settings of the sampler of that name; those that are not given have their defaults.
///
/// # Errors
///
/// [`Error::Setting`] where there is no such sampler or setting, or where one is out of range.
pub fn settings(sampler: &str, given: &[(String, Value)]) -> Result<Box<dyn Settings>> {
    let entry = SAMPLERS.iter().find(|entry| entry.name == sampler);
    let entry = entry.ok_or_else(|| Error::Setting {
        name: "sampler".to_owned(),
        reason: format!(
            "must be one of {:?}; got {sampler:?}",
            SAMPLERS.iter().map(|entry| entry.name).collect::<Vec<_>>()
        ),
    })?;
    Ok((entry.make)(&Given::new(entry.options, given)?))
}
