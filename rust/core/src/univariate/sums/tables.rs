//! The rest's kernels of one numeric parameter, kept as tables that change a little with each
//! trial.
//!
//! An observation of rank `i` among `n` weighs `a + b * i` (`forgetting_line`), or one if it is
//! among the newest 25. So three tables give the weighted sum for any `n`: `count` (weight one) and
//! `ranked` (weight `i`) over the aged observations, and `fresh` over the newest. A new observation
//! changes the bandwidths of its two neighbours only.
//!
//! When a good trial returns to the rest, every younger observation moves up one rank. The sum of
//! the younger ones' kernels, which `ranked` must grow by, is `count` less a copy of it taken when
//! the good trial came of age: its *snapshot*.

use crate::numeric::forgetting::{LINEAR_FORGETTING, forgetting_line};
use crate::numeric::normal::EPS;
use crate::numeric::ordered::Key;
use crate::numeric::sums::add_scaled;
use crate::space::distribution::Numeric;
use crate::univariate::sums::grid::{Grid, Touched};
use crate::univariate::sums::locations::{Change, Locations};
use crate::univariate::sums::ranks::Ranks;

/// The number of observations from which the smallest bandwidth no longer depends on it.
pub(crate) const MIN_OBSERVATIONS: usize = 100;

/// Smallest bandwidth from then on, in widths of the prior.
const FLOOR: f64 = 0.01;

/// The least number of subtractions after which a table is built anew, so that rounding errors
/// cannot add up.
const MIN_SUBTRACTIONS: usize = 32_768;

/// The number of changes after which the fresh table is summed anew.
const MAX_TURNS: usize = 512;

#[derive(Debug, Clone)]
pub(crate) struct Tables {
    prior: Numeric,
    grid: Grid,
    locations: Locations,
    count: Vec<f64>,
    ranked: Vec<f64>,
    fresh: Vec<f64>,
    /// `count` over the observations older than a good trial; ascending by trial.
    snapshots: Vec<(i64, Vec<f64>)>,
    /// A zeroed table for differences.
    scratch: Vec<f64>,
    /// How many observations the aged tables hold.
    aged: usize,
    subtractions: usize,
    /// Observations that left or entered the fresh table since it was last summed anew.
    turns: usize,
}

impl Tables {
    /// Whether tables of this prior hold what the direct sum gives. That counts narrower kernels than
    /// [`EPS`] as that wide, as Hyperopt does, and tables do not.
    pub(crate) fn suit(prior: &Numeric) -> bool {
        prior.prior_sigma * FLOOR >= EPS
    }

    /// Builds the tables of the rest of `ranks`.
    pub(crate) fn build(prior: &Numeric, ranks: &Ranks) -> Self {
        let key = |(tid, value)| Key::new(prior.to_kernel_space(value), tid);
        let floor = prior.prior_sigma * FLOOR;
        let locations = Locations::new(
            ranks.rest_from(0).map(key).collect(),
            prior.prior_mu,
            floor,
            prior.prior_sigma,
        );
        let (lowest, highest) = locations.ends();
        let grid = Grid::new(prior, floor, lowest, highest);
        let empty = vec![0.0; grid.len()];
        let mut tables = Self {
            prior: *prior,
            count: empty.clone(),
            ranked: empty.clone(),
            fresh: empty.clone(),
            scratch: empty,
            snapshots: Vec::new(),
            aged: 0,
            subtractions: 0,
            turns: 0,
            grid,
            locations,
        };
        // Bandwidths come in the order of the locations; ages in that of the trials.
        let mut kernels: Vec<(Key, f64)> = tables.locations.sigmas().collect();
        kernels.sort_unstable_by_key(|(key, _)| key.tid);
        let mut older = i64::MIN;
        for (rank, (key, sigma)) in kernels.into_iter().enumerate() {
            let is_aged = rank < ranks.n_aged();
            if is_aged {
                tables.take_snapshots(older, key.tid, ranks);
                older = key.tid;
                tables.aged += 1;
            }
            tables.add_own(key, sigma, 1.0, is_aged.then_some(rank));
        }
        tables
    }

    /// Whether the tables should be built anew: too much was subtracted from them.
    pub(crate) fn is_worn(&self) -> bool {
        self.subtractions > MIN_SUBTRACTIONS.max(4 * self.locations.len())
    }

    /// Whether a kernel at this value lies within the grid.
    pub(crate) fn covers(&self, value: f64) -> bool {
        self.grid.covers(self.prior.to_kernel_space(value))
    }

    /// Adds an observation that `ranks` already counts among the rest.
    pub(crate) fn insert(&mut self, tid: i64, value: f64, ranks: &Ranks) {
        let rank = ranks.rank(tid);
        self.shift_younger(tid, rank, 1.0, ranks);
        let key = Key::new(self.prior.to_kernel_space(value), tid);
        // Younger than the aged ones: fresh for now. Else it joins them, which thereby grow.
        let is_aged = rank < self.aged;
        self.aged += usize::from(is_aged);
        let change = self.locations.insert(key);
        self.change_neighbours(&change, ranks);
        self.add_own(key, change.sigma, 1.0, is_aged.then_some(rank));
        self.settle(ranks);
    }

    /// Removes an observation that `ranks` no longer counts among the rest (but whose trial it
    /// may still know).
    pub(crate) fn remove(&mut self, tid: i64, value: f64, ranks: &Ranks) {
        let rank = ranks.rank(tid);
        let key = Key::new(self.prior.to_kernel_space(value), tid);
        let is_aged = rank < self.aged;
        let sigma = self.locations.sigma(key);
        self.add_own(key, sigma, -1.0, is_aged.then_some(rank));
        if is_aged {
            self.aged -= 1;
        }
        // With the bandwidths as they were; only then may they change.
        self.shift_younger(tid, rank, -1.0, ranks);
        let change = self.locations.remove(key);
        self.change_neighbours(&change, ranks);
        self.settle(ranks);
    }

    /// A good trial is forgotten altogether.
    pub(crate) fn drop_snapshot(&mut self, tid: i64) {
        if let Ok(at) = self.snapshots.binary_search_by_key(&tid, |s| s.0) {
            self.snapshots.remove(at);
        }
    }

    /// `sum_i weight_i * (mass of kernel_i in the cell of a grid value)` over the rest; `None` where
    /// the tables do not reach. Only for priors on a grid.
    pub(crate) fn mass(&self, value: f64, n: usize) -> Option<f64> {
        let (a, b) = forgetting_line(n);
        let tables = [&self.count[..], &self.ranked, &self.fresh];
        self.grid.mass(value, tables, [a, b, 1.0])
    }

    /// `sum_i weight_i * kernel_i(x)` over the rest at places in kernel space, without the factor
    /// `1 / sqrt(2 pi)`; NaN where the tables do not reach. For priors off a grid.
    pub(crate) fn densities(&self, xs: &[f64], n: usize) -> Vec<f64> {
        let (a, b) = forgetting_line(n);
        let tables = [&self.count[..], &self.ranked, &self.fresh];
        let mut out = vec![0.0; xs.len()];
        self.grid.densities(xs, tables, [a, b, 1.0], &mut out);
        out
    }

    /// `sum_i weight_i * (mass of kernel_i within the bounds)`.
    pub(crate) fn accepted(&self, n: usize) -> f64 {
        let (a, b) = forgetting_line(n);
        a * self.count[0] + b * self.ranked[0] + self.fresh[0]
    }

    /// Smallest bandwidth.
    pub(crate) fn floor(&self) -> f64 {
        self.grid.floor
    }

    /// Updates the bandwidths of a location's neighbours.
    fn change_neighbours(&mut self, change: &Change, ranks: &Ranks) {
        for (key, old, new) in change.neighbours.into_iter().flatten() {
            self.change_bandwidth(key, old, new, ranks);
        }
    }

    fn change_bandwidth(&mut self, key: Key, old: f64, new: f64, ranks: &Ranks) {
        let mu = key.value();
        let touched = self.grid.add_kernel(&mut self.scratch, mu, new, 1.0);
        let touched = touched.union(&self.grid.add_kernel(&mut self.scratch, mu, old, -1.0));
        let rank = ranks.rank(key.tid);
        self.apply(key.tid, &touched, 1.0, (rank < self.aged).then_some(rank));
        self.subtractions += 1;
    }

    /// Adds (or with `sign` -1 takes away) an observation's kernel.
    fn add_own(&mut self, key: Key, sigma: f64, sign: f64, aged_rank: Option<usize>) {
        let touched = self
            .grid
            .add_kernel(&mut self.scratch, key.value(), sigma, 1.0);
        self.apply(key.tid, &touched, sign, aged_rank);
        if sign < 0.0 {
            self.subtractions += 1;
            self.turns += 1;
        }
    }

    /// Adds the scratch table, times `scale`, to the tables of an observation, and zeroes it.
    fn apply(&mut self, tid: i64, touched: &Touched, scale: f64, aged_rank: Option<usize>) {
        for range in touched.ranges() {
            let delta = &self.scratch[range.clone()];
            match aged_rank {
                Some(rank) => {
                    add_scaled(&mut self.count[range.clone()], scale, delta);
                    add_scaled(&mut self.ranked[range.clone()], scale * rank as f64, delta);
                    let later = self.snapshots.partition_point(|s| s.0 < tid);
                    for (_, snapshot) in &mut self.snapshots[later..] {
                        add_scaled(&mut snapshot[range.clone()], scale, delta);
                    }
                }
                None => add_scaled(&mut self.fresh[range.clone()], scale, delta),
            }
            self.scratch[range].fill(0.0);
        }
    }

    /// Moves the aged observations younger than `tid` up (or down) one rank. `rank` is that of
    /// `tid` itself; the tables do not hold its own kernel.
    fn shift_younger(&mut self, tid: i64, rank: usize, sign: f64, ranks: &Ranks) {
        if let Ok(at) = self.snapshots.binary_search_by_key(&tid, |s| s.0) {
            let (_, older) = self.snapshots.remove(at);
            add_scaled(&mut self.ranked, sign, &self.count);
            add_scaled(&mut self.ranked, -sign, &older);
            self.subtractions += 1;
            return;
        }
        if rank >= self.aged {
            return;
        }
        let younger: Vec<Key> = ranks
            .rest_from(rank)
            .filter(|&(t, _)| t != tid)
            .take(self.aged - rank)
            .map(|(t, v)| Key::new(self.prior.to_kernel_space(v), t))
            .collect();
        // Summed apart from `ranked`, for the trial's snapshot.
        let mut sum = vec![0.0; self.grid.len()];
        for key in younger {
            let sigma = self.locations.sigma(key);
            self.grid.add_kernel(&mut sum, key.value(), sigma, 1.0);
        }
        add_scaled(&mut self.ranked, sign, &sum);
        self.subtractions += usize::from(sign < 0.0);
        if ranks.is_good(tid) {
            // It may well come back: a batch makes room among the good ones for as long as it
            // lasts. Then the snapshot spares the walk over all younger observations.
            for (older, count) in sum.iter_mut().zip(&self.count) {
                *older = count - *older;
            }
            let at = self.snapshots.partition_point(|s| s.0 < tid);
            self.snapshots.insert(at, (tid, sum));
        }
    }

    /// Lets observations come of age, or become fresh again, until the newest 25 are fresh.
    fn settle(&mut self, ranks: &Ranks) {
        while self.aged < ranks.n_aged() {
            let tid = ranks.at_rank(self.aged);
            self.take_snapshots(self.youngest_aged(ranks), tid, ranks);
            self.turn(tid, self.aged, true, ranks);
            self.aged += 1;
        }
        while self.aged > ranks.n_aged() {
            self.aged -= 1;
            let tid = ranks.at_rank(self.aged);
            self.turn(tid, self.aged, false, ranks);
        }
        // A snapshot is of use only while something aged is younger.
        let youngest = self.youngest_aged(ranks);
        let keep = self.snapshots.partition_point(|s| s.0 < youngest);
        self.snapshots.truncate(keep);
        if self.turns > MAX_TURNS {
            self.refresh_fresh(ranks);
        }
    }

    fn youngest_aged(&self, ranks: &Ranks) -> i64 {
        if self.aged == 0 {
            i64::MIN
        } else {
            ranks.at_rank(self.aged - 1)
        }
    }

    /// Sums the fresh table anew: every observation passes through it, and rounding would stay.
    fn refresh_fresh(&mut self, ranks: &Ranks) {
        self.turns = 0;
        self.fresh.fill(0.0);
        for (tid, value) in ranks.rest_from(self.aged) {
            let key = Key::new(self.prior.to_kernel_space(value), tid);
            let sigma = self.locations.sigma(key);
            self.grid
                .add_kernel(&mut self.fresh, key.value(), sigma, 1.0);
        }
    }

    /// Moves one observation from the fresh table to the aged ones, or back.
    fn turn(&mut self, tid: i64, rank: usize, to_aged: bool, ranks: &Ranks) {
        let value = ranks.value_at_rank(rank);
        let key = Key::new(self.prior.to_kernel_space(value), tid);
        let sigma = self.locations.sigma(key);
        let touched = self
            .grid
            .add_kernel(&mut self.scratch, key.value(), sigma, 1.0);
        let sign = if to_aged { 1.0 } else { -1.0 };
        for range in touched.ranges() {
            let delta = &self.scratch[range.clone()];
            add_scaled(&mut self.count[range.clone()], sign, delta);
            add_scaled(&mut self.ranked[range.clone()], sign * rank as f64, delta);
            add_scaled(&mut self.fresh[range.clone()], -sign, delta);
            self.scratch[range].fill(0.0);
        }
        self.turns += 1;
        self.subtractions += usize::from(!to_aged);
    }

    /// Copies `count` for the good trials between the youngest aged observation, `older`, and
    /// `tid`, which is about to come of age.
    fn take_snapshots(&mut self, older: i64, tid: i64, ranks: &Ranks) {
        for &good in ranks.good_between(older, tid) {
            self.snapshots.push((good, self.count.clone()));
        }
    }
}

/// Total weight of `n` observations.
pub(crate) fn total_weight(n: usize) -> f64 {
    let aged = n.saturating_sub(LINEAR_FORGETTING);
    let (a, b) = forgetting_line(n);
    let ramp = aged as f64 * a + b * 0.5 * aged as f64 * (aged as f64 - 1.0);
    ramp.max(0.0) + n.min(LINEAR_FORGETTING) as f64
}
