//! The Python binding of `sparktune_core`: copies in, leaves the GIL, runs, converts the error.

mod convert;
mod history;
mod importance;
#[cfg(feature = "inspect")]
mod inspect;
mod sampler;
mod space;

/// The extension module `sparktune._core`.
#[pyo3::pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use crate::history::History;
    #[pymodule_export]
    use crate::importance::importance;
    #[cfg(feature = "inspect")]
    #[pymodule_export]
    use crate::inspect::{explain, log_density, parzen};
    #[pymodule_export]
    use crate::sampler::{Sampler, samplers, suggest_random};
    #[pymodule_export]
    use crate::space::Space;

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "Python's name for it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
