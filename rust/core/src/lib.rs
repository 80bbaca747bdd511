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

pub mod anneal;
mod axes;
mod bins;
mod categories;
mod cholesky;
mod coordinates;
mod distribution;
mod error;
mod evidence;
mod grid;
mod groups;
pub mod halton;
mod history;
mod ids;
mod joint;
mod locations;
mod matern;
mod math;
mod model;
mod multivariate;
mod neighbours;
mod ordered;
mod parzen;
mod posterior;
mod product;
mod radii;
pub mod random;
mod ranks;
mod refine;
mod rng;
mod seen;
mod settings;
mod shared;
mod sorted;
mod space;
mod split;
mod surrogate;
mod tables;
mod tails;
mod thinning;
pub mod tpe;
mod vector;
mod weights;

pub use categories::Categories;
pub use distribution::{Discrete, Distribution, Numeric};
pub use error::{Error, Result};
pub use history::History;
pub use parzen::{LINEAR_FORGETTING, Mixture, forgetting_line, forgetting_weight};
pub use posterior::Posterior;
pub use rng::Stream;
pub use shared::{Shared, Suggested};
pub use space::{Equals, Parameter, Space};
