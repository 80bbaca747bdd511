//! What Hyperopt's estimator is based on, to be compared with Hyperopt. Not in wheels.

use numpy::{PyArray1, PyReadonlyArray1, ToPyArray};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use sparktune_core::Posterior;
use sparktune_core::tpe::Settings;
use sparktune_core::tpe::inspect::{self, Side};

use crate::convert::enter;
use crate::history::History;

type Column<'py> = Bound<'py, PyArray1<f64>>;

/// `(label, candidates, log_good, log_rest, chosen)` of one parameter.
type Explained<'py> = (String, Column<'py>, Column<'py>, Column<'py>, usize);

fn side(good: bool) -> Side {
    if good { Side::Good } else { Side::Rest }
}

fn hyperopt(prior_weight: f64, gamma: f64) -> Settings {
    Settings {
        prior_weight,
        gamma,
        ..Settings::hyperopt()
    }
}

/// Suggests a point for one trial and tells how each value was chosen.
#[pyfunction]
#[pyo3(signature = (history, tid, seed, *, prior_weight=1.0, n_candidates=24, gamma=0.25))]
pub(crate) fn explain<'py>(
    py: Python<'py>,
    history: &History,
    tid: i64,
    seed: u64,
    prior_weight: f64,
    n_candidates: usize,
    gamma: f64,
) -> PyResult<(Column<'py>, Vec<Explained<'py>>)> {
    let settings = Settings {
        n_candidates,
        ..hyperopt(prior_weight, gamma)
    };
    let (row, choices, space) = enter(py, || {
        let mut search = history.lock();
        let (history, sampler) = search.sampler(&settings)?;
        let (row, choices) = inspect::explain(history, sampler, seed, tid)?;
        Ok((row, choices, history.space().clone()))
    })?;
    let explained = choices.into_iter().map(|choice| {
        (
            space.parameters()[choice.parameter].label.clone(),
            choice.candidates.to_pyarray(py),
            choice.log_good.to_pyarray(py),
            choice.log_rest.to_pyarray(py),
            choice.chosen,
        )
    });
    Ok((row.to_pyarray(py), explained.collect()))
}

/// Weights, locations and bandwidths of a numeric parameter's mixture, sorted by location.
#[pyfunction]
#[pyo3(signature = (history, label, *, good, prior_weight=1.0, gamma=0.25))]
pub(crate) fn parzen<'py>(
    py: Python<'py>,
    history: &History,
    label: &str,
    good: bool,
    prior_weight: f64,
    gamma: f64,
) -> PyResult<(Column<'py>, Column<'py>, Column<'py>)> {
    let posterior = enter(py, || {
        let search = history.lock();
        let parameter = search.history().space().index_of(label)?;
        let settings = hyperopt(prior_weight, gamma);
        inspect::posterior(search.history(), parameter, side(good), &settings)
    })?;
    match posterior {
        Posterior::Mixture(m) => Ok((
            m.weights.to_pyarray(py),
            m.mus.to_pyarray(py),
            m.sigmas.to_pyarray(py),
        )),
        Posterior::Categories(_) => Err(PyTypeError::new_err(format!(
            "parameter {label:?} has no kernels: its values are categories"
        ))),
    }
}

/// Log density (or log probability) of values under the posterior of one side.
#[pyfunction]
#[pyo3(signature = (history, label, values, *, good, prior_weight=1.0, gamma=0.25))]
#[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn log_density<'py>(
    py: Python<'py>,
    history: &History,
    label: &str,
    values: PyReadonlyArray1<'py, f64>,
    good: bool,
    prior_weight: f64,
    gamma: f64,
) -> PyResult<Column<'py>> {
    let values: Vec<f64> = values.as_array().to_vec();
    let densities = enter(py, || {
        let mut search = history.lock();
        let parameter = search.history().space().index_of(label)?;
        let (history, sampler) = search.sampler(&hyperopt(prior_weight, gamma))?;
        inspect::log_density(history, sampler, parameter, side(good), &values)
    })?;
    Ok(densities.to_pyarray(py))
}
