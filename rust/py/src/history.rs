//! `History`: observed trials, shared between threads behind a lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

use numpy::PyReadonlyArray2;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::convert::{enter, to_py_err};
use crate::space::Space;

/// Columns of observed trials.
#[pyclass(frozen, module = "sparktune._core")]
pub(crate) struct History(Mutex<sparktune_core::History>);

impl History {
    /// The columns. A panic elsewhere does not lock the user out.
    pub(crate) fn lock(&self) -> MutexGuard<'_, sparktune_core::History> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl History {
    #[new]
    fn new(space: &Space) -> Self {
        Self(Mutex::new(sparktune_core::History::new(space.0.clone())))
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        py.detach(|| self.lock().len())
    }

    fn __contains__(&self, py: Python<'_>, tid: i64) -> bool {
        py.detach(|| self.lock().contains(tid))
    }

    /// Whether this is what is known of a trial's values.
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn holds(&self, py: Python<'_>, tid: i64, row: Vec<f64>) -> bool {
        py.detach(|| self.lock().holds(tid, &row))
    }

    /// How many trials have a finite loss.
    #[getter]
    fn finished(&self, py: Python<'_>) -> usize {
        py.detach(|| self.lock().finished())
    }

    /// Adds a trial, or replaces what is known of it.
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn observe(&self, py: Python<'_>, tid: i64, loss: f64, row: Vec<f64>) -> PyResult<()> {
        enter(py, || self.lock().observe(tid, loss, &row))
    }

    /// Adds many trials.
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn extend(
        &self,
        py: Python<'_>,
        tids: Vec<i64>,
        losses: Vec<f64>,
        rows: PyReadonlyArray2<'_, f64>,
    ) -> PyResult<()> {
        let view = rows.as_array();
        if tids.len() != losses.len() || tids.len() != view.nrows() {
            return Err(PyValueError::new_err(format!(
                "`tids`, `losses` and `rows` must have equal length; got {}, {}, {}",
                tids.len(),
                losses.len(),
                view.nrows()
            )));
        }
        // Copied while the GIL is held: Python code may write to the array at any other time.
        let rows: Vec<Vec<f64>> = view.outer_iter().map(|row| row.to_vec()).collect();
        py.detach(|| {
            let mut history = self.lock();
            tids.iter()
                .zip(&losses)
                .zip(&rows)
                .try_for_each(|((&t, &l), r)| history.observe(t, l, r))
        })
        .map_err(to_py_err)
    }

    /// Forgets a trial; returns whether it was known.
    fn remove(&self, py: Python<'_>, tid: i64) -> bool {
        py.detach(|| self.lock().remove(tid))
    }
}
