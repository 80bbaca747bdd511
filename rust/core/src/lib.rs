//! Search spaces, trial history and Parzen estimators of sparktune.
//!
//! The crate knows no Python. A suggestion is a pure function of the space, the history's
//! content, a seed, a trial id and the settings:
//!
//! ```
//! use std::sync::Arc;
//! use sparktune_core::{Distribution, History, Parameter, Space, tpe};
//!
//! let lr = Parameter {
//!     label: "lr".into(),
//!     distribution: Distribution::new("lr", "loguniform", &[-7.0, 0.0])?,
//!     conditions: vec![vec![]],
//! };
//! let mut history = History::new(Arc::new(Space::new(vec![lr])?));
//! for tid in 0..30 {
//!     let value = (-0.2 * tid as f64).exp();
//!     history.observe(tid, (value - 0.05).abs(), &[value])?;
//! }
//! let rows = tpe::suggest(&mut history, &[30], 42, &tpe::Settings::default())?;
//! assert!(rows[0][0] > 0.0);
//! # Ok::<(), sparktune_core::Error>(())
//! ```

mod error;
mod gp;
mod history;
mod kernels;
mod numeric;
mod samplers;
mod search;
mod space;
mod univariate;

pub use error::{Error, Result};
pub use history::History;
pub use numeric::forgetting::{LINEAR_FORGETTING, forgetting_line, forgetting_weight};
pub use numeric::rng::Stream;
pub use samplers::{anneal, halton, random, tpe};
pub use search::{Shared, Suggested};
pub use space::distribution::{Discrete, Distribution, Numeric};
pub use space::{Equals, Parameter, Space};
pub use univariate::categories::Categories;
pub use univariate::mixture::Mixture;
pub use univariate::posterior::Posterior;
