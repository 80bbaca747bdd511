//! Product kernels: one density over all parameters that are active together, which sees what
//! values are good *together*. [`groups`] finds those parameters, [`product`] holds their kernels in
//! columns ([`axes`], [`bandwidths`], [`weights`]), [`density`] draws points and evaluates them. In go rows by trial id and which of them are
//! good, out come draws and log densities. May import `history`, `space` and `numeric`.

pub(crate) mod axes;
pub(crate) mod bandwidths;
pub(crate) mod density;
pub(crate) mod groups;
pub(crate) mod product;
pub(crate) mod thinning;
pub(crate) mod weights;
