//! One density per parameter, as Hyperopt has it: an adaptive Parzen mixture for numbers, weighted
//! counts for categories. [`mixture`] and [`categories`] fit a density to given values;
//! [`model`] keeps the densities of one parameter in step with the trials, by [`sums`] whose cost
//! does not grow with their number. In go values by trial id, out come draws and log densities.
//! May import `history`, `space` and `numeric`.

pub(crate) mod categories;
pub(crate) mod mixture;
pub(crate) mod model;
pub(crate) mod posterior;
pub(crate) mod sums;
