//! What suggests points: random search, a Halton sequence, annealing, and the tree-structured Parzen
//! estimator. In go a history, trial ids and a seed, out come rows. May import everything else.

pub mod anneal;
pub mod halton;
pub mod random;
pub mod tpe;
