//! What the good trials weigh: better ones more, by the logarithm of their rank.

/// Left to the last, so that it counts at all.
const LEAST: f64 = 0.1;

/// Weight of one of `count` good trials that `rank` of them are better than: the weights by which
/// CMA-ES recombines (Hansen, *The CMA evolution strategy: a tutorial*, 2016, equation 49), with
/// [`LEAST`] added.
pub(crate) fn by_rank(rank: usize, count: usize) -> f64 {
    libm::log((count as f64 + 0.5) / (rank as f64 + 1.0)) + LEAST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_weigh_by_their_logarithm_and_the_last_is_left_a_little() {
        let want = [3.5, 3.5 / 2.0, 3.5 / 3.0].map(|x: f64| x.ln() + 0.1);
        for (rank, want) in want.into_iter().enumerate() {
            assert!((by_rank(rank, 3) - want).abs() < 1e-15, "{rank}");
        }
        assert!((1..30).all(|count| by_rank(count - 1, count) > 0.1));
    }
}
