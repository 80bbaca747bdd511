//! A Gaussian process over the points of a search. [`evidence`] chooses the trials that it is fitted
//! to, [`coordinates`] turns their rows into places, [`regression`] predicts ([`matern`] covariance,
//! likeliest of a few length [`scales`], [`cholesky`] factor), [`improvement`] is what it expects, [`feasibility`] how likely
//! a point is not to fail.
//! In goes a history, out comes a score per point. May import `history`, `space` and `numeric`.

pub(crate) mod cholesky;
pub(crate) mod coordinates;
pub(crate) mod evidence;
pub(crate) mod feasibility;
pub(crate) mod improvement;
pub(crate) mod matern;
pub(crate) mod regression;
pub(crate) mod scales;
