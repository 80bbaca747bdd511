//! `History`: observed trials, shared between threads behind a lock.

use std::sync::MutexGuard;

use numpy::{PyArray2, PyReadonlyArray2};
use pyo3::prelude::*;
use sparktune_core::{Search, Shared};

use crate::convert::{InvalidArgument, enter, rows_to_array};
use crate::sampler::Sampler;
use crate::space::Space;

/// Observed trials, and the samplers that follow them.
#[pyclass(frozen, module = "sparktune._core")]
pub(crate) struct History(Shared);

impl History {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Search> {
        self.0.lock()
    }
}

#[pymethods]
impl History {
    #[new]
    fn new(space: &Space) -> Self {
        Self(Shared::new(space.0.clone()))
    }

    fn __len__(&self, py: Python<'_>) -> usize {
        py.detach(|| self.lock().history().len())
    }

    fn __contains__(&self, py: Python<'_>, tid: i64) -> bool {
        py.detach(|| self.lock().history().contains(tid))
    }

    /// Whether this is what is known of a trial's values.
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn holds(&self, py: Python<'_>, tid: i64, row: Vec<f64>) -> bool {
        py.detach(|| self.lock().history().holds(tid, &row))
    }

    /// How many trials have a finite loss.
    #[getter]
    fn finished(&self, py: Python<'_>) -> usize {
        py.detach(|| self.lock().history().finished())
    }

    /// Adds a trial, or replaces what is known of it.
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn observe(&self, py: Python<'_>, tid: i64, loss: f64, row: Vec<f64>) -> PyResult<()> {
        enter(py, || self.lock().observe(tid, loss, &row))
    }

    /// Adds the row suggested for a trial; returns whether there was one.
    #[pyo3(signature = (tid, loss=f64::INFINITY))]
    fn accept(&self, py: Python<'_>, tid: i64, loss: f64) -> bool {
        py.detach(|| self.lock().accept(tid, loss))
    }

    /// Changes the loss of a trial; returns whether it is known.
    fn tell(&self, py: Python<'_>, tid: i64, loss: f64) -> bool {
        py.detach(|| self.lock().tell(tid, loss))
    }

    /// Adds many trials, or none of them where one does not fit.
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
            return Err(InvalidArgument::new_err(format!(
                "`tids`, `losses` and `rows` must have equal length; got {}, {}, {}",
                tids.len(),
                losses.len(),
                view.nrows()
            )));
        }
        // Copied while the GIL is held: Python code may write to the array at any other time.
        let rows: Vec<Vec<f64>> = view.outer_iter().map(|row| row.to_vec()).collect();
        enter(py, || self.lock().extend(&tids, &losses, &rows))
    }

    /// Suggests points, one per trial id, and keeps their rows for [`Self::accept`].
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn suggest<'py>(
        &self,
        py: Python<'py>,
        sampler: &Sampler,
        tids: Vec<i64>,
        seed: u64,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let (rows, width) = enter(py, || {
            let mut search = self.lock();
            let rows = search.suggest(&*sampler.0, &tids, seed)?;
            Ok((rows, search.history().space().len()))
        })?;
        rows_to_array(py, rows, width)
    }

    /// Forgets a trial; returns whether it was known.
    fn remove(&self, py: Python<'_>, tid: i64) -> bool {
        py.detach(|| self.lock().remove(tid))
    }
}
