//! What the good trials weigh.

use crate::samplers::tpe::settings::Weights;

/// Weights of the good trials by their losses, which come best first, and the best loss of the
/// rest; nothing where weights go by age.
pub(crate) fn weights(kind: Weights, losses: &[f64], rest: Option<f64>) -> Option<Vec<f64>> {
    let count = losses.len();
    match kind {
        Weights::Age => None,
        Weights::Rank => Some((0..count).map(|rank| by_rank(rank, count)).collect()),
        Weights::Uniform => Some(vec![1.0; count]),
        Weights::Improvement => Some(improvements(losses, threshold(losses, rest))),
    }
}

/// The loss that improvements are counted from: the best of the rest, or the worst good one.
pub(crate) fn threshold(losses: &[f64], rest: Option<f64>) -> f64 {
    rest.filter(|loss| loss.is_finite())
        .or(losses.last().copied())
        .unwrap_or(0.0)
}

/// Of `count` good trials, one that `rank` of them are better than; the last keeps a little.
fn by_rank(rank: usize, count: usize) -> f64 {
    libm::log((count as f64 + 0.5) / (rank as f64 + 1.0)) + 0.1
}

/// How much better than the threshold each is; all the same where that tells nothing.
fn improvements(losses: &[f64], threshold: f64) -> Vec<f64> {
    let gains: Vec<f64> = losses.iter().map(|loss| threshold - loss).collect();
    let total: f64 = gains.iter().sum();
    if total > 0.0 && total.is_finite() {
        gains
    } else {
        vec![1.0; losses.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: f64 = f64::INFINITY;

    #[test]
    fn improvements_are_counted_from_the_best_of_the_rest() {
        let got = |losses: &[f64], rest| weights(Weights::Improvement, losses, rest);
        assert_eq!(got(&[1.0, 3.0], Some(4.0)), Some(vec![3.0, 1.0]));
        // Where the rest has no loss, from the worst good one.
        assert_eq!(got(&[1.0, 2.0, 4.0], None), Some(vec![3.0, 2.0, 0.0]));
        assert_eq!(got(&[1.0, 2.0, 4.0], Some(INF)), Some(vec![3.0, 2.0, 0.0]));
    }

    #[test]
    fn improvements_that_tell_nothing_are_all_the_same() {
        for (losses, rest) in [
            (vec![2.0, 2.0], Some(2.0)),
            (vec![2.0], None),
            (vec![2.0, INF], Some(INF)),
            (vec![-1e308, -1e308], Some(1e308)),
        ] {
            let got = weights(Weights::Improvement, &losses, rest);
            assert_eq!(got, Some(vec![1.0; losses.len()]), "{losses:?}");
        }
    }

    #[test]
    fn ranks_weigh_by_their_logarithm_and_the_last_is_left_a_little() {
        let got = weights(Weights::Rank, &[0.0, 5.0, 6.0], None).expect("weights by rank");
        let want = [3.5, 3.5 / 2.0, 3.5 / 3.0].map(|x: f64| x.ln() + 0.1);
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 1e-15, "{got} {want}");
        }
        assert_eq!(
            weights(Weights::Uniform, &[0.0, 5.0], None),
            Some(vec![1.0; 2])
        );
        assert_eq!(weights(Weights::Age, &[0.0, 5.0], None), None);
    }
}
