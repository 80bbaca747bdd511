//! Posteriors of whole-number parameters: weighted counts plus the prior's pseudo-counts.

use crate::numeric::forgetting::forgetting_weight;
use crate::numeric::rng::{Stream, wheel};
use crate::space::distribution::Discrete;
use crate::space::draw;

/// A categorical posterior. Only observed categories are stored, so a `randint` over a huge range
/// costs what was seen of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Categories {
    prior: Discrete,
    prior_weight: f64,
    /// Observed categories (offset from the prior's `low`), ascending, with their weights.
    counts: Vec<(u64, f64)>,
    counted: f64,
    total: f64,
}

impl Categories {
    /// Fits the posterior to observations, oldest first. Values outside the range are ignored.
    #[must_use]
    pub fn fit(prior: &Discrete, values: &[f64], prior_weight: f64) -> Self {
        let n = values.len();
        let mut seen: Vec<(u64, f64)> = values
            .iter()
            .enumerate()
            .filter_map(|(rank, &v)| Some((prior.category_of(v)?, forgetting_weight(rank, n))))
            .collect();
        // Stable: weights of a category are added oldest first, whatever else was seen.
        seen.sort_by_key(|&(c, _)| c);
        let mut counts: Vec<(u64, f64)> = Vec::new();
        for (c, w) in seen {
            match counts.last_mut() {
                Some(last) if last.0 == c => last.1 += w,
                _ => counts.push((c, w)),
            }
        }
        Self::from_counts(prior, counts, prior_weight)
    }

    /// Builds the posterior from weighted counts, ascending by category.
    #[must_use]
    pub fn from_counts(prior: &Discrete, counts: Vec<(u64, f64)>, prior_weight: f64) -> Self {
        let counted: f64 = counts.iter().map(|c| c.1).sum();
        // Both kinds of prior add `size * prior_weight` in all.
        let total = counted + prior.size() as f64 * prior_weight;
        Self {
            prior: prior.clone(),
            prior_weight,
            counts,
            counted,
            total,
        }
    }

    /// Probability of a value; zero outside the range.
    #[must_use]
    pub fn probability(&self, value: f64) -> f64 {
        let Some(c) = self.prior.category_of(value) else {
            return 0.0;
        };
        let count = self
            .counts
            .binary_search_by_key(&c, |&(c, _)| c)
            .map_or(0.0, |i| self.counts[i].1);
        // `c` indexes the probabilities of a weighted prior, which fit in memory.
        #[expect(clippy::cast_possible_truncation)]
        let pseudo = self.prior.pseudo_count(c as usize, self.prior_weight);
        (count + pseudo) / self.total
    }

    /// Draws a value.
    pub fn sample(&self, stream: &mut Stream) -> f64 {
        let at = stream.unit() * self.total;
        let c = if at < self.counted {
            self.counts[wheel(self.counts.iter().map(|c| c.1), at)].0
        } else {
            draw::category(&self.prior, stream)
        };
        self.prior.value_of(c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_adds_the_prior_weight_to_each_category() {
        let posterior =
            Categories::fit(&Discrete::Range { low: 2, high: 5 }, &[2.0, 4.0, 4.0], 1.0);
        let p: Vec<f64> = (2..5)
            .map(|v| posterior.probability(f64::from(v)))
            .collect();
        assert_eq!(p, [2.0 / 6.0, 1.0 / 6.0, 3.0 / 6.0]);
        assert_eq!(posterior.probability(5.0), 0.0);
        assert_eq!(posterior.probability(2.5), 0.0);
    }

    #[test]
    fn a_weighted_prior_adds_pseudo_counts_by_probability() {
        let prior = Discrete::Weighted {
            p: vec![0.5, 0.25, 0.25],
        };
        let posterior = Categories::fit(&prior, &[1.0], 2.0);
        assert_eq!(posterior.probability(0.0), 3.0 / 7.0);
        assert_eq!(posterior.probability(1.0), 2.5 / 7.0);
    }

    #[test]
    fn a_huge_range_costs_only_what_was_seen() {
        let prior = Discrete::Range {
            low: 0,
            high: 1 << 50,
        };
        let posterior = Categories::fit(&prior, &[3.0, 1e15], 1.0);
        let mut stream = Stream::new(1, 2);
        let draws: Vec<f64> = (0..100).map(|_| posterior.sample(&mut stream)).collect();
        assert!(
            draws
                .iter()
                .all(|&v| v >= 0.0 && v < (1_u64 << 50) as f64 && v.fract() == 0.0)
        );
    }

    #[test]
    fn draws_follow_the_probabilities() {
        let prior = Discrete::Weighted {
            p: vec![0.1, 0.0, 0.9],
        };
        let posterior = Categories::fit(&prior, &[0.0, 0.0, 2.0], 1.0);
        let mut stream = Stream::new(1, 2);
        let mut seen = [0.0; 3];
        let n = 40_000;
        for _ in 0..n {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let index = posterior.sample(&mut stream) as usize;
            seen[index] += 1.0 / f64::from(n);
        }
        for (i, share) in seen.iter().enumerate() {
            #[expect(clippy::cast_precision_loss)]
            let p = posterior.probability(i as f64);
            assert!((share - p).abs() < 0.01, "{i}: {share} {p}");
        }
    }
}
