//! Hyperopt's linear forgetting: what an observation weighs by its age.

/// Number of newest observations that keep weight one.
pub(crate) const LINEAR_FORGETTING: usize = 25;

/// Weight of observation `rank` (0 is the oldest) of `n`: one for the newest
/// [`LINEAR_FORGETTING`], before them a line from `1/n` to one.
#[must_use]
pub(crate) fn forgetting_weight(rank: usize, n: usize) -> f64 {
    let (a, b) = forgetting_line(n);
    if rank + LINEAR_FORGETTING >= n {
        1.0
    } else {
        a + b * rank as f64
    }
}

/// The line `a + b * rank` of [`forgetting_weight`] for `n` observations.
#[must_use]
pub(crate) fn forgetting_line(n: usize) -> (f64, f64) {
    if n <= LINEAR_FORGETTING {
        return (1.0, 0.0);
    }
    let first = 1.0 / n as f64;
    let steps = n - LINEAR_FORGETTING - 1;
    let slope = if steps == 0 {
        0.0
    } else {
        (1.0 - first) / steps as f64
    };
    (first, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgetting_starts_after_twenty_five() {
        assert!((0..25).all(|rank| forgetting_weight(rank, 25) == 1.0));
        assert_eq!(forgetting_weight(0, 26), 1.0 / 26.0);
        assert_eq!(forgetting_weight(1, 26), 1.0);
        assert_eq!(forgetting_weight(0, 100), 0.01);
        assert!((forgetting_weight(74, 100) - 1.0).abs() < 1e-15);
    }
}
