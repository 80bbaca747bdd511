//! How much each parameter matters for the loss. [`axes`] cuts the priors into cells of known mass,
//! [`activity`] says when a conditional parameter takes part, [`trials`] has the trials in cells.
//! [`fanova`] splits the variance of regression trees ([`tree`], [`marginals`]); [`ped`] compares the
//! best trials with all.
//! In go a space, losses and rows, out comes an [`Effect`] per parameter and pair. May import `space`
//! and `numeric`.
//!
//! Of a conditional parameter, all here is about its values where it is active: the importance is
//! the share of the variance that knowing its value removes from trials in which it is active, times
//! the probability that it is. Whether it is active is the importance of the choice above it.

mod activity;
mod axes;
mod fanova;
mod marginals;
mod ped;
mod summary;
mod tree;
mod trials;

use crate::error::{Error, Result};
use crate::importance::trials::Trials;
use crate::space::Space;

/// How importance is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Shares of the variance of the loss over the whole space, from a forest of regression trees
    /// (Hutter, Hoos and Leyton-Brown 2014), for pairs of parameters too.
    Fanova {
        /// Whether to compute the interactions of pairs.
        pairs: bool,
    },
    /// How far the best tenth of the trials differs from all of them (Watanabe, Bansal and Hutter
    /// 2023). The importances sum to one.
    PedAnova,
}

/// The importance of a parameter, or of what two of them do together beyond what each does alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// Position of the parameter in the space.
    pub parameter: usize,
    /// Position of the other parameter of a pair.
    pub partner: Option<usize>,
    /// The share, from 0.
    pub importance: f64,
    /// The 10th percentile over random halves of the trials.
    pub low: f64,
    /// The 90th percentile over random halves of the trials.
    pub high: f64,
}

/// Measures importance: of each parameter in the order of the space, then of the pairs.
///
/// A row has one value per parameter, NaN where it is inactive. Values outside the prior count as
/// the nearest inside. Where activity is not as the conditions of the space say, a choice that
/// explains it is looked for in the rows.
///
/// # Errors
///
/// [`Error::RowLength`] where a row does not fit the space, and [`Error::Setting`] where there are
/// fewer than two rows, losses are not finite or are all equal.
pub fn importance(
    space: &Space,
    losses: &[f64],
    rows: &[Vec<f64>],
    method: Method,
    seed: u64,
) -> Result<Vec<Effect>> {
    check(space, losses, rows)?;
    let trials = Trials::new(space, losses, rows);
    Ok(match method {
        Method::Fanova { pairs } => fanova::effects(&trials, pairs, seed),
        Method::PedAnova => ped::effects(&trials, seed),
    })
}

fn check(space: &Space, losses: &[f64], rows: &[Vec<f64>]) -> Result<()> {
    if let Some(row) = rows.iter().find(|row| row.len() != space.len()) {
        return Err(Error::RowLength {
            expected: space.len(),
            got: row.len(),
        });
    }
    let fail = |reason: String| {
        Err(Error::Setting {
            name: "losses".to_owned(),
            reason,
        })
    };
    if losses.len() != rows.len() || losses.len() < 2 {
        return fail(format!(
            "must have one loss per row, and two at least; got {} losses and {} rows",
            losses.len(),
            rows.len()
        ));
    }
    if let Some(loss) = losses.iter().find(|loss| !loss.is_finite()) {
        return fail(format!("must be finite; got {loss}"));
    }
    if losses.iter().all(|loss| *loss == losses[0]) {
        return fail(format!("must differ; all are {}", losses[0]));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
