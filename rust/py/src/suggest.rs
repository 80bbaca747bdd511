//! Suggestions, and the densities behind them.

use numpy::{PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use sparktune_core::tpe::{self, Floor, Settings, Side};
use sparktune_core::{Posterior, anneal, halton, random};

use crate::convert::{enter, rows_to_array, to_array, to_py_err};
use crate::history::History;
use crate::space::Space;

/// `(label, candidates, log_below, log_above, chosen)` of one parameter.
type Explained<'py> = (
    String,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
    usize,
);

/// Weights, locations and bandwidths of a mixture.
type Kernels<'py> = (
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray1<f64>>,
);

fn side(below: bool) -> Side {
    if below { Side::Below } else { Side::Above }
}

/// The rows that a suggester finds for a history, which it has to itself meanwhile.
fn suggested<'py>(
    py: Python<'py>,
    history: &History,
    tids: &[i64],
    suggest: impl FnOnce(&mut sparktune_core::History) -> sparktune_core::Result<Vec<Vec<f64>>> + Send,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let (rows, width) = enter(py, || {
        let mut history = history.lock();
        let rows = history.ask(tids, suggest)?;
        Ok((rows, history.history.space().len()))
    })?;
    rows_to_array(py, rows, width)
}

/// Draws points from the prior, one a trial id.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn suggest_random<'py>(
    py: Python<'py>,
    space: &Space,
    tids: Vec<i64>,
    seed: u64,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let rows = py.detach(|| {
        tids.iter()
            .map(|&t| random::suggest(&space.0, seed, t))
            .collect()
    });
    rows_to_array(py, rows, space.0.len())
}

/// Points of a scrambled Halton sequence, one a trial id.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn suggest_halton<'py>(
    py: Python<'py>,
    history: &History,
    tids: Vec<i64>,
    seed: u64,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    suggested(py, history, &tids, |history| {
        halton::suggest(history, &tids, seed)
    })
}

/// Suggests points near good ones, one a trial id.
#[pyfunction]
#[pyo3(signature = (history, tids, seed, *, avg_best_idx=2.0, shrink_coef=0.1))]
#[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn suggest_anneal<'py>(
    py: Python<'py>,
    history: &History,
    tids: Vec<i64>,
    seed: u64,
    avg_best_idx: f64,
    shrink_coef: f64,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let settings = anneal::Settings {
        avg_best_idx,
        shrink_coef,
    };
    suggested(py, history, &tids, |history| {
        anneal::suggest(history, &tids, seed, &settings)
    })
}

/// Settings of a suggestion, as a dict with every one of them.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Given {
    prior_weight: f64,
    n_candidates: usize,
    prior_candidates: usize,
    gamma: f64,
    split: String,
    max_below: usize,
    pending: String,
    multivariate: bool,
    weights: String,
    bandwidth: String,
    min_bandwidth: f64,
    clip_exponent: f64,
    endpoints: bool,
    gp_share: f64,
    local_search: String,
    avoid_duplicates: bool,
}

impl TryFrom<Given> for Settings {
    type Error = sparktune_core::Error;

    fn try_from(given: Given) -> Result<Self, Self::Error> {
        Ok(Self {
            prior_weight: given.prior_weight,
            n_candidates: given.n_candidates,
            prior_candidates: given.prior_candidates,
            gamma: given.gamma,
            share: given.split.parse()?,
            max_below: given.max_below,
            pending: given.pending.parse()?,
            multivariate: given.multivariate,
            weights: given.weights.parse()?,
            bandwidth: given.bandwidth.parse()?,
            floor: Floor {
                part: given.min_bandwidth,
                exponent: given.clip_exponent,
            },
            endpoints: given.endpoints,
            gp_share: given.gp_share,
            local_search: given.local_search.parse()?,
            avoid_duplicates: given.avoid_duplicates,
        })
    }
}

/// Settings of the tree-structured Parzen estimator, read and checked once.
#[pyclass(frozen, module = "sparktune._core")]
pub(crate) struct TpeSettings(Settings);

#[pymethods]
impl TpeSettings {
    #[new]
    fn new(given: Given) -> PyResult<Self> {
        let settings = Settings::try_from(given).map_err(to_py_err)?;
        settings.check().map_err(to_py_err)?;
        Ok(Self(settings))
    }
}

/// Suggests points by the tree-structured Parzen estimator, one a trial id.
#[pyfunction]
#[pyo3(signature = (history, tids, seed, settings=None))]
#[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn suggest_tpe<'py>(
    py: Python<'py>,
    history: &History,
    tids: Vec<i64>,
    seed: u64,
    settings: Option<&TpeSettings>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let settings = settings.map_or_else(Settings::default, |settings| settings.0);
    suggested(py, history, &tids, |history| {
        tpe::suggest(history, &tids, seed, &settings)
    })
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
) -> PyResult<(Bound<'py, PyArray1<f64>>, Vec<Explained<'py>>)> {
    let settings = Settings {
        prior_weight,
        n_candidates,
        gamma,
        ..Settings::hyperopt()
    };
    let (row, choices, space) = enter(py, || {
        let history = &mut history.lock().history;
        let (row, choices) = tpe::explain(history, seed, tid, &settings)?;
        Ok((row, choices, history.space().clone()))
    })?;
    let explained = choices
        .into_iter()
        .map(|c| {
            (
                space.parameters()[c.parameter].label.clone(),
                to_array(py, &c.candidates),
                to_array(py, &c.log_below),
                to_array(py, &c.log_above),
                c.chosen,
            )
        })
        .collect();
    Ok((to_array(py, &row), explained))
}

fn fit(
    py: Python<'_>,
    history: &History,
    label: &str,
    below: bool,
    settings: Settings,
) -> PyResult<Posterior> {
    enter(py, || {
        let history = &history.lock().history;
        let parameter = history.space().index_of(label)?;
        tpe::posterior(history, parameter, side(below), &settings)
    })
}

/// Weights, locations and bandwidths of a numeric parameter's mixture, sorted by location.
#[pyfunction]
#[pyo3(signature = (history, label, *, below, prior_weight=1.0, gamma=0.25))]
pub(crate) fn parzen<'py>(
    py: Python<'py>,
    history: &History,
    label: &str,
    below: bool,
    prior_weight: f64,
    gamma: f64,
) -> PyResult<Kernels<'py>> {
    let settings = Settings {
        prior_weight,
        gamma,
        ..Settings::hyperopt()
    };
    match fit(py, history, label, below, settings)? {
        Posterior::Mixture(m) => Ok((
            to_array(py, &m.weights),
            to_array(py, &m.mus),
            to_array(py, &m.sigmas),
        )),
        Posterior::Categories(_) => Err(PyTypeError::new_err(format!(
            "parameter {label:?} has no kernels: its values are categories"
        ))),
    }
}

/// Log density (or log probability) of values under the posterior of one side.
#[pyfunction]
#[pyo3(signature = (history, label, values, *, below, prior_weight=1.0, gamma=0.25))]
#[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn log_density<'py>(
    py: Python<'py>,
    history: &History,
    label: &str,
    values: PyReadonlyArray1<'py, f64>,
    below: bool,
    prior_weight: f64,
    gamma: f64,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let settings = Settings {
        prior_weight,
        gamma,
        ..Settings::hyperopt()
    };
    let values: Vec<f64> = values.as_array().to_vec();
    let densities = enter(py, || {
        let history = &mut history.lock().history;
        let parameter = history.space().index_of(label)?;
        tpe::log_density(history, parameter, side(below), &values, &settings)
    })?;
    Ok(to_array(py, &densities))
}
