//! `Space`: a flat search space.

use std::sync::Arc;

use pyo3::prelude::*;
use sparktune_core::{Distribution, Equals, Parameter};

use crate::convert::to_py_err;

/// `(label, distribution, arguments, conditions)` as Python hands it over.
type Description = (String, String, Vec<f64>, Vec<Vec<(usize, i64)>>);

/// A flat search space.
#[pyclass(frozen, module = "sparktune._core")]
pub(crate) struct Space(pub(crate) Arc<sparktune_core::Space>);

#[pymethods]
impl Space {
    #[new]
    fn new(params: Vec<Description>) -> PyResult<Self> {
        let parameters = params
            .into_iter()
            .map(|(label, name, args, conditions)| {
                let distribution = Distribution::new(&label, &name, &args)?;
                let conditions = conditions
                    .into_iter()
                    .map(|all| {
                        all.into_iter()
                            .map(|(parent, value)| Equals { parent, value })
                            .collect()
                    })
                    .collect();
                Ok(Parameter {
                    label,
                    distribution,
                    conditions,
                })
            })
            .collect::<sparktune_core::Result<Vec<_>>>()
            .map_err(to_py_err)?;
        sparktune_core::Space::new(parameters)
            .map(|s| Self(Arc::new(s)))
            .map_err(to_py_err)
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    #[getter]
    fn labels(&self) -> Vec<String> {
        self.0
            .parameters()
            .iter()
            .map(|p| p.label.clone())
            .collect()
    }
}
