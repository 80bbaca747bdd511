//! `Sampler`: settings by name, and the table of what there is to set.

use std::collections::BTreeMap;

use numpy::PyArray2;
use pyo3::prelude::*;
use sparktune_core::options::{Kind, Setting, Value};
use sparktune_core::{SAMPLERS, Settings, random, settings};

use crate::convert::{rows_to_array, to_py_err};
use crate::space::Space;

/// A value as Python has it.
#[derive(FromPyObject, IntoPyObject)]
pub(crate) enum Given {
    Flag(bool),
    Number(f64),
    Name(String),
}

impl From<Given> for Value {
    fn from(given: Given) -> Self {
        match given {
            Given::Flag(flag) => Self::Flag(flag),
            Given::Number(number) => Self::Number(number),
            Given::Name(name) => Self::Name(name),
        }
    }
}

impl From<Value> for Given {
    fn from(value: Value) -> Self {
        match value {
            Value::Flag(flag) => Self::Flag(flag),
            Value::Number(number) => Self::Number(number),
            Value::Name(name) => Self::Name(name),
        }
    }
}

/// A sampler by name, with its settings, read and checked once.
#[pyclass(frozen, module = "sparktune._core")]
pub(crate) struct Sampler(pub(crate) Box<dyn Settings>);

#[pymethods]
impl Sampler {
    #[new]
    fn new(name: &str, given: BTreeMap<String, Given>) -> PyResult<Self> {
        let given: Vec<_> = given.into_iter().map(|(n, v)| (n, v.into())).collect();
        settings(name, &given).map(Self).map_err(to_py_err)
    }
}

/// `(name, kind, default, smallest, largest, names, sentence)` of a setting.
type Row = (
    &'static str,
    &'static str,
    Given,
    Option<f64>,
    Option<f64>,
    &'static [&'static str],
    &'static str,
);

fn row(setting: &Setting) -> Row {
    let (kind, low, high, names): (_, _, _, &[&str]) = match setting.kind {
        Kind::Positive(_) => ("positive", None, None, &[]),
        Kind::Number { low, high, .. } => ("number", Some(low), Some(high), &[]),
        Kind::Count { least, .. } => ("count", Some(least as f64), None, &[]),
        Kind::Flag(_) => ("flag", None, None, &[]),
        Kind::Name { names, .. } => ("name", None, None, names),
    };
    let default = setting.default().into();
    (setting.name, kind, default, low, high, names, setting.doc)
}

/// The settings of every sampler, by its name.
#[pyfunction]
pub(crate) fn samplers() -> BTreeMap<&'static str, Vec<Row>> {
    let rows = SAMPLERS.iter();
    rows.map(|entry| (entry.name, entry.options.iter().map(row).collect()))
        .collect()
}

/// Draws points from the prior, one per trial id.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
pub(crate) fn suggest_random<'py>(
    py: Python<'py>,
    space: &Space,
    tids: Vec<i64>,
    seed: u64,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let draw = |&tid: &i64| random::suggest(&space.0, seed, tid);
    let rows = py.detach(|| tids.iter().map(draw).collect());
    rows_to_array(py, rows, space.0.len())
}
