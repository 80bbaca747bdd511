//! The sum over the rest's kernels, kept up to date while trials come, go and change sides:
//! [`tables`] of the density on a [`grid`] for numbers, [`bins`] for categories. [`ranks`] knows the
//! age of each observation among the rest, [`locations`] the neighbours that set its bandwidth.

pub(crate) mod bins;
pub(crate) mod grid;
pub(crate) mod locations;
pub(crate) mod ranks;
pub(crate) mod sorted;
pub(crate) mod tables;
