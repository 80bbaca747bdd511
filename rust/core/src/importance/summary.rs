//! Effects out of replicates.

use crate::importance::Effect;

/// Tails that an interval leaves out.
const TAIL: f64 = 0.1;

/// An effect: its estimate, and percentiles over the replicates.
pub(super) fn effect(
    parameter: usize,
    partner: Option<usize>,
    estimate: f64,
    mut replicates: Vec<f64>,
) -> Effect {
    replicates.sort_by(f64::total_cmp);
    let importance = estimate.max(0.0);
    Effect {
        parameter,
        partner,
        importance,
        low: quantile(&replicates, TAIL).max(0.0).min(importance),
        high: quantile(&replicates, 1.0 - TAIL).max(importance),
    }
}

/// A quantile of sorted numbers, between two neighbours where it falls between.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let place = share * last as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let at = (place.floor() as usize).min(last);
    let next = sorted[(at + 1).min(last)];
    sorted[at] + (place - at as f64) * (next - sorted[at])
}
