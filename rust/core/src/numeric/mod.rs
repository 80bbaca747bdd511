//! Numbers: vector code, sums over kernels, normal distributions and their tails, random streams,
//! sorting keys. Nothing here knows of parameters or trials. Imports nothing else of the crate.

pub(crate) mod forgetting;
pub(crate) mod normal;
pub(crate) mod ordered;
pub(crate) mod rng;
pub(crate) mod simd;
pub(crate) mod sums;
pub(crate) mod tails;
#[cfg(test)]
pub(crate) mod twins;
