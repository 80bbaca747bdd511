//! The rest's weighted counts of one whole-number parameter, kept as they change.
//!
//! The same three sums as in [`tables`](crate::univariate::sums::tables), a number a category instead of a table.

use std::collections::BTreeMap;

use crate::numeric::forgetting::forgetting_line;
use crate::numeric::simd::ln_all;
use crate::space::distribution::Discrete;
use crate::univariate::sums::ranks::Ranks;

/// Ranges up to this size are kept as an array.
const MAX_DENSE: u64 = 4_096;

/// Sums of weight one and of rank over the aged observations, and of one over the fresh ones.
type Sums = [f64; 3];

const COUNT: usize = 0;
const RANKED: usize = 1;
const FRESH: usize = 2;

#[derive(Debug, Clone)]
enum Store {
    Dense(Vec<Sums>),
    Sparse(BTreeMap<u64, Sums>),
}

#[derive(Debug, Clone)]
pub(crate) struct Bins {
    prior: Discrete,
    store: Store,
    total: Sums,
    aged: usize,
    /// Counts by category of the aged observations older than a good trial, as in `Tables`;
    /// ascending by trial. Only for dense stores.
    snapshots: Vec<(i64, Vec<f64>)>,
}

impl Bins {
    /// Counts the rest of `ranks`.
    pub(crate) fn build(prior: &Discrete, ranks: &Ranks) -> Self {
        let store = if prior.size() <= MAX_DENSE {
            #[expect(clippy::cast_possible_truncation)]
            Store::Dense(vec![[0.0; 3]; prior.size() as usize])
        } else {
            Store::Sparse(BTreeMap::new())
        };
        let mut bins = Self {
            prior: prior.clone(),
            store,
            total: [0.0; 3],
            aged: ranks.n_aged(),
            snapshots: Vec::new(),
        };
        let mut older = i64::MIN;
        for (rank, (tid, value)) in ranks.rest_from(0).enumerate() {
            if rank < bins.aged {
                bins.take_snapshots(older, tid, ranks);
                older = tid;
                bins.add(value, COUNT, 1.0);
                bins.add(value, RANKED, rank as f64);
            } else {
                bins.add(value, FRESH, 1.0);
            }
        }
        bins
    }

    // All sums are whole numbers below 2^53, so adding and subtracting them is exact.
    fn add(&mut self, value: f64, which: usize, amount: f64) {
        let Some(c) = self.prior.category_of(value) else {
            return;
        };
        self.total[which] += amount;
        match &mut self.store {
            #[expect(clippy::cast_possible_truncation)]
            Store::Dense(sums) => sums[c as usize][which] += amount,
            Store::Sparse(sums) => {
                let entry = sums.entry(c).or_default();
                entry[which] += amount;
                if *entry == [0.0; 3] {
                    sums.remove(&c);
                }
            }
        }
    }

    /// Adds an observation that `ranks` already counts among the rest.
    pub(crate) fn insert(&mut self, tid: i64, value: f64, ranks: &Ranks) {
        let rank = ranks.rank(tid);
        if rank < self.aged {
            self.shift_younger(tid, rank, 1.0, ranks);
            self.add_aged(tid, value, 1.0);
            self.add(value, RANKED, rank as f64);
            self.aged += 1;
        } else {
            self.add(value, FRESH, 1.0);
        }
        self.settle(ranks);
    }

    /// Removes an observation that `ranks` no longer counts among the rest.
    pub(crate) fn remove(&mut self, tid: i64, value: f64, ranks: &Ranks) {
        let rank = ranks.rank(tid);
        if rank < self.aged {
            self.add_aged(tid, value, -1.0);
            self.add(value, RANKED, -(rank as f64));
            self.aged -= 1;
            self.shift_younger(tid, rank, -1.0, ranks);
        } else {
            self.add(value, FRESH, -1.0);
        }
        self.settle(ranks);
    }

    /// Counts an aged observation in, or out, the snapshots of younger good trials included.
    fn add_aged(&mut self, tid: i64, value: f64, amount: f64) {
        self.add(value, COUNT, amount);
        let later = self.snapshots.partition_point(|s| s.0 < tid);
        if let Some(c) = self.prior.category_of(value) {
            for (_, counts) in &mut self.snapshots[later..] {
                #[expect(clippy::cast_possible_truncation, reason = "dense stores are small")]
                let c = c as usize;
                counts[c] += amount;
            }
        }
    }

    fn shift_younger(&mut self, tid: i64, rank: usize, sign: f64, ranks: &Ranks) {
        if let (Ok(at), Store::Dense(sums)) = (
            self.snapshots.binary_search_by_key(&tid, |s| s.0),
            &mut self.store,
        ) {
            let (_, older) = self.snapshots.remove(at);
            for (sums, older) in sums.iter_mut().zip(older) {
                let younger = sums[COUNT] - older;
                sums[RANKED] += sign * younger;
                self.total[RANKED] += sign * younger;
            }
            return;
        }
        let younger = ranks
            .rest_from(rank)
            .filter(|&(t, _)| t != tid)
            .take(self.aged - rank);
        let mut counts = self.counts();
        for (_, value) in younger {
            self.add(value, RANKED, sign);
            #[expect(clippy::cast_possible_truncation, reason = "dense stores are small")]
            if let (Some(counts), Some(c)) = (&mut counts, self.prior.category_of(value)) {
                counts[c as usize] -= 1.0;
            }
        }
        if let Some(counts) = counts
            && ranks.is_good(tid)
        {
            let at = self.snapshots.partition_point(|s| s.0 < tid);
            self.snapshots.insert(at, (tid, counts));
        }
    }

    /// Counts by category of the aged observations, where the store is dense.
    fn counts(&self) -> Option<Vec<f64>> {
        match &self.store {
            Store::Dense(sums) => Some(sums.iter().map(|s| s[COUNT]).collect()),
            Store::Sparse(_) => None,
        }
    }

    /// As in `Tables`: for the good trials between the youngest aged observation and the next.
    fn take_snapshots(&mut self, older: i64, tid: i64, ranks: &Ranks) {
        for &good in ranks.good_between(older, tid) {
            if let Some(counts) = self.counts() {
                self.snapshots.push((good, counts));
            }
        }
    }

    /// A good trial is forgotten altogether.
    pub(crate) fn drop_snapshot(&mut self, tid: i64) {
        self.snapshots.retain(|s| s.0 != tid);
    }

    fn youngest_aged(&self, ranks: &Ranks) -> i64 {
        if self.aged == 0 {
            i64::MIN
        } else {
            ranks.at_rank(self.aged - 1)
        }
    }

    fn settle(&mut self, ranks: &Ranks) {
        while self.aged != ranks.n_aged() {
            let to_aged = self.aged < ranks.n_aged();
            let rank = if to_aged { self.aged } else { self.aged - 1 };
            let sign = if to_aged { 1.0 } else { -1.0 };
            let tid = ranks.at_rank(rank);
            if to_aged {
                self.take_snapshots(self.youngest_aged(ranks), tid, ranks);
            }
            let value = ranks.value_at_rank(rank);
            self.add_aged(tid, value, sign);
            self.add(value, RANKED, sign * rank as f64);
            self.add(value, FRESH, -sign);
            self.aged = if to_aged { rank + 1 } else { rank };
        }
        // A snapshot is of use only while something aged is younger.
        let youngest = self.youngest_aged(ranks);
        let keep = self.snapshots.partition_point(|s| s.0 < youngest);
        self.snapshots.truncate(keep);
    }

    /// `ln` of the probabilities of values, with `n` observations among the rest; of zero outside
    /// the range.
    pub(crate) fn log_probabilities(
        &self,
        values: &[f64],
        n: usize,
        prior_weight: f64,
    ) -> Vec<f64> {
        let (a, b) = forgetting_line(n);
        let weigh = |s: Sums| a * s[COUNT] + b * s[RANKED] + s[FRESH];
        let total = weigh(self.total) + self.prior.size() as f64 * prior_weight;
        let mut out: Vec<f64> = values
            .iter()
            .map(|&value| {
                let Some(c) = self.prior.category_of(value) else {
                    return 0.0;
                };
                // A weighted prior's categories fit in memory.
                #[expect(clippy::cast_possible_truncation)]
                let index = c as usize;
                let sums = match &self.store {
                    Store::Dense(sums) => sums[index],
                    Store::Sparse(sums) => sums.get(&c).copied().unwrap_or_default(),
                };
                (weigh(sums) + self.prior.pseudo_count(index, prior_weight)) / total
            })
            .collect();
        ln_all(&mut out);
        out
    }
}
