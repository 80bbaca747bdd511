//! Search spaces, trial history and Parzen estimators of sparktune.
//!
//! The crate knows no Python. A suggestion is a pure function of the space, the history's
//! content, a seed, a trial id and the settings:
//!
//! ```
//! use std::sync::Arc;
//! use sparktune_core::{Distribution, Parameter, Search, Space, tpe};
//!
//! let lr = Parameter {
//!     label: "lr".into(),
//!     distribution: Distribution::new("lr", "loguniform", &[-7.0, 0.0])?,
//!     conditions: vec![vec![]],
//! };
//! let mut search = Search::new(Arc::new(Space::new(vec![lr])?));
//! for tid in 0..30 {
//!     let value = (-0.2 * tid as f64).exp();
//!     search.observe(tid, (value - 0.05).abs(), &[value])?;
//! }
//! let rows = search.suggest(&tpe::Settings::default(), &[30], 42)?;
//! assert!(rows[0][0] > 0.0);
//! # Ok::<(), sparktune_core::Error>(())
//! ```

mod error;
mod gaussian;
mod history;
mod importance;
mod kernels;
mod numeric;
mod samplers;
mod search;
mod space;
mod univariate;

pub use error::{Error, Result};
pub use history::{Change, Changes, History};
pub use importance::{Effect, Method, importance};
pub use numeric::rng::Stream;
pub use samplers::sampler::{Sampler, Settings};
pub use samplers::{SAMPLERS, anneal, halton, options, random, settings, tpe};
pub use search::Search;
pub use search::shared::Shared;
pub use space::distribution::{Discrete, Distribution, Numeric};
pub use space::{Equals, Parameter, Space};
pub use univariate::categories::Categories;
pub use univariate::mixture::ParzenMixture;
pub use univariate::posterior::Posterior;
