//! The Python binding of `sparktune_core`: copies in, leaves the GIL, runs, converts the error.

mod convert;
mod history;
mod space;
mod suggest;

/// The extension module `sparktune._core`.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use crate::history::History;
    #[pymodule_export]
    use crate::space::Space;
    #[pymodule_export]
    use crate::suggest::{
        TpeSettings, explain, log_density, parzen, suggest_anneal, suggest_halton, suggest_random,
        suggest_tpe,
    };

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's name for it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
