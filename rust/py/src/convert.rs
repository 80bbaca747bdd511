//! The one door between Python and the core, and what passes through it.

use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::import_exception;
use pyo3::prelude::*;
use sparktune_core::Error;

/// Runs `work` without the GIL and converts its error.
pub(crate) fn enter<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> sparktune_core::Result<T> + Send,
) -> PyResult<T> {
    py.detach(work).map_err(to_py_err)
}

import_exception!(sparktune.exceptions, BadSearchSpace);
import_exception!(sparktune.exceptions, InvalidArgument);
import_exception!(sparktune.exceptions, UnknownParameter);

/// The Python exception of an error of the core.
#[expect(clippy::needless_pass_by_value, reason = "the shape map_err wants")]
pub(crate) fn to_py_err(error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Parameter { .. } | Error::Condition { .. } => BadSearchSpace::new_err(message),
        Error::RowLength { .. } | Error::Value { .. } | Error::Setting { .. } => {
            InvalidArgument::new_err(message)
        }
        Error::UnknownParameter(_) => UnknownParameter::new_err(message),
    }
}

/// Rows of equal length as an array `(len(rows), width)`.
pub(crate) fn rows_to_array(
    py: Python<'_>,
    rows: Vec<Vec<f64>>,
    width: usize,
) -> PyResult<Bound<'_, PyArray2<f64>>> {
    let count = rows.len();
    let flat: Vec<f64> = rows.into_iter().flatten().collect();
    PyArray1::from_vec(py, flat).reshape([count, width])
}
