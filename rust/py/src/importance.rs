//! `importance`: how much each parameter matters.

use numpy::PyReadonlyArray2;
use pyo3::prelude::*;
use sparktune_core::{Effect, Method};

use crate::convert::{InvalidArgument, enter};
use crate::space::Space;

/// `(parameter, partner, importance, low, high)`.
type Row = (usize, Option<usize>, f64, f64, f64);

fn row(effect: Effect) -> Row {
    let Effect {
        parameter,
        partner,
        importance,
        low,
        high,
    } = effect;
    (parameter, partner, importance, low, high)
}

/// Measures how much each parameter matters, then what pairs do together.
#[pyfunction]
#[pyo3(signature = (space, losses, rows, *, method, pairs=false, seed=0))]
#[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn importance(
    py: Python<'_>,
    space: &Space,
    losses: Vec<f64>,
    rows: PyReadonlyArray2<'_, f64>,
    method: &str,
    pairs: bool,
    seed: u64,
) -> PyResult<Vec<Row>> {
    let method = match (method, pairs) {
        ("fanova", pairs) => Method::Fanova { pairs },
        ("ped-anova", false) => Method::PedAnova,
        _ => {
            return Err(InvalidArgument::new_err(format!(
                "`method` must be fanova, or ped-anova without pairs; got {method:?}"
            )));
        }
    };
    // Copied while the GIL is held: Python code may write to the array at any other time.
    let rows: Vec<Vec<f64>> = rows.as_array().outer_iter().map(|r| r.to_vec()).collect();
    let effects = enter(py, || {
        sparktune_core::importance(&space.0, &losses, &rows, method, seed)
    })?;
    Ok(effects.into_iter().map(row).collect())
}
