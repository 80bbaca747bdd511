//! The kept sums against densities fitted from nothing, under sequences that try to break them.
//!
//! Contract: every density of the rest agrees with the direct sum to 1e-9 relative.

use std::sync::Arc;

use proptest::prelude::*;
use sparktune_core::tpe::inspect::{Side, log_density, posterior};
use sparktune_core::tpe::{Settings, Share};
use sparktune_core::{Distribution, Search, Space, Stream};

const TOLERANCE: f64 = 1e-9;

/// Every kind of prior, with coarse and fine grids of values.
const PRIORS: [(&str, &[f64]); 16] = [
    ("uniform", &[-2.0, 3.0]),
    ("loguniform", &[-9.0, 1.5]),
    ("normal", &[1.0, 2.5]),
    ("lognormal", &[0.5, 1.0]),
    ("quniform", &[0.0, 20.0, 0.5]),
    ("quniform", &[0.0, 1000.0, 1.0]),
    ("quniform", &[0.0, 1.0, 1e-6]),
    ("quniform", &[0.3, 7.7, 2.0]),
    ("qloguniform", &[-1.0, 5.0, 2.0]),
    ("qloguniform", &[0.0, 11.0, 1.0]),
    ("qnormal", &[0.0, 6.0, 1.0]),
    ("qnormal", &[0.0, 1.0, 1e-4]),
    ("qlognormal", &[1.0, 1.0, 0.5]),
    ("randint", &[0.0, 9.0]),
    ("randint", &[-5.0, 1e12]),
    ("categorical", &[0.1, 0.2, 0.7]),
];

fn space() -> Arc<Space> {
    Arc::new(Space::flat(&PRIORS).expect("valid"))
}

/// A value of the prior's support from a position in `[0, 1]` (which may be a bound).
fn value_at(distribution: &Distribution, u: f64) -> f64 {
    match distribution {
        Distribution::Numeric(prior) => {
            let (low, high) = prior.bounds.unwrap_or((
                prior.prior_mu - 3.5 * prior.prior_sigma,
                prior.prior_mu + 3.5 * prior.prior_sigma,
            ));
            prior.to_value(low + (high - low) * u)
        }
        Distribution::Discrete(prior) => {
            let size = prior.size() as f64;
            prior.low() as f64 + (u * size).floor().min(size - 1.0)
        }
    }
}

fn row(space: &Space, u: f64) -> Vec<f64> {
    space
        .parameters()
        .iter()
        .map(|p| value_at(&p.distribution, u))
        .collect()
}

/// Hyperopt's settings, and the default's, without a random start.
fn hyperopt() -> Settings {
    Settings {
        n_startup_jobs: 0,
        ..Settings::hyperopt()
    }
}

fn default() -> Settings {
    Settings {
        n_startup_jobs: 0,
        ..Settings::default()
    }
}

/// Compares both sides of every parameter at probes all over the support and at observations.
fn assert_exact(search: &mut Search, settings: &Settings, what: &str) {
    let (history, sampler) = search.sampler(settings).expect("in range");
    for (index, parameter) in history.space().parameters().iter().enumerate() {
        let mut probes: Vec<f64> = (0..=60)
            .map(|i| value_at(&parameter.distribution, f64::from(i) / 60.0))
            .collect();
        let seen = history.column(index);
        let stride = (seen.len() / 40).max(1);
        probes.extend(seen.iter().step_by(stride).filter(|v| !v.is_nan()));
        for side in [Side::Good, Side::Rest] {
            let direct = posterior(history, index, side, settings).expect("fits");
            let kept = log_density(history, sampler, index, side, &probes).expect("fits");
            for (&probe, &kept) in probes.iter().zip(&kept) {
                let exact = direct.log_density(probe);
                assert!(
                    (kept - exact).abs() <= TOLERANCE || (kept == exact),
                    "{what}: {} {:?} at {probe}: kept {kept}, direct {exact}, N={}",
                    PRIORS[index].0,
                    side,
                    history.len(),
                );
            }
        }
    }
}

fn filled(positions: &[f64], losses: impl Fn(usize) -> f64) -> Search {
    let space = space();
    let mut search = Search::new(space.clone());
    let settings = hyperopt();
    for (tid, &u) in positions.iter().enumerate() {
        // From the start, so that everything is kept and nothing is built late.
        if tid == 30 {
            search.suggest(&settings, &[0], 1).expect("suggests");
        }
        search
            .observe(id(tid), losses(tid), &row(&space, u))
            .expect("fits");
    }
    search
}

fn id(position: usize) -> i64 {
    i64::try_from(position).expect("small")
}

fn uniform_positions(n: usize, seed: u64) -> Vec<f64> {
    let mut stream = Stream::new(seed, 0);
    (0..n).map(|_| stream.unit()).collect()
}

#[test]
fn random_searches() {
    for n in [99, 100, 125, 126, 127, 150, 500, 3_000] {
        let us = uniform_positions(n, 1);
        let mut search = filled(&us, |i| (us[i] - 0.3).abs());
        assert_exact(&mut search, &hyperopt(), "random");
        let settings = Settings {
            prior_weight: 1e-4,
            ..hyperopt()
        };
        assert_exact(&mut search, &settings, "light prior");
        let settings = Settings {
            gamma: 2.0,
            ..hyperopt()
        };
        assert_exact(&mut search, &settings, "large gamma");
        let settings = Settings {
            share: Share::Finished,
            gamma: 0.2,
            max_good: 60,
            ..hyperopt()
        };
        assert_exact(
            &mut search,
            &settings,
            "a share of the finished, and more good trials",
        );
    }
}

#[test]
fn searches_that_get_better_and_better() {
    // Each trial is the best so far: each enters the good side and pushes an old one out.
    let us = uniform_positions(2_000, 2);
    let mut search = filled(&us, |i| -(i as f64));
    assert_exact(&mut search, &hyperopt(), "improving");
}

#[test]
fn searches_that_get_worse() {
    let us = uniform_positions(2_000, 3);
    let mut search = filled(&us, |i| i as f64);
    assert_exact(&mut search, &hyperopt(), "worsening");
}

#[test]
fn clusters_duplicates_bounds_and_tiny_gaps() {
    let mut stream = Stream::new(4, 4);
    let n = 3_000;
    let shapes: [(&str, Vec<f64>); 6] = [
        ("one point", vec![0.25; n]),
        (
            "two points",
            (0..n).map(|i| if i % 2 == 0 { 0.1 } else { 0.9 }).collect(),
        ),
        (
            "bounds",
            (0..n).map(|i| f64::from(u8::from(i % 3 == 0))).collect(),
        ),
        (
            "cluster",
            (0..n).map(|_| 0.5 + 1e-5 * stream.unit()).collect(),
        ),
        (
            "tiny gaps",
            (0..n).map(|i| 0.5 + 1e-12 * i as f64).collect(),
        ),
        ("one-sided", (0..n).map(|_| 0.03 * stream.unit()).collect()),
    ];
    for (what, us) in shapes {
        let mut search = filled(&us, |i| ((i * 7_919) % n) as f64);
        assert_exact(&mut search, &hyperopt(), what);
    }
}

#[test]
fn long_histories() {
    let us = uniform_positions(100_000, 5);
    // Concentrated, as a search is.
    let us: Vec<f64> = us
        .iter()
        .map(|u| 0.6 + 0.4 * (u - 0.5).powi(3) * 4.0)
        .collect();
    let mut search = filled(&us, |i| (us[i] - 0.61).abs());
    assert_exact(&mut search, &hyperopt(), "long");
}

#[test]
fn drifting_far_outside_an_unbounded_prior() {
    let space = space();
    let mut search = Search::new(space.clone());
    for tid in 0..600 {
        let mut values = row(&space, 0.5);
        values[2] = 1.0 + tid as f64 * 0.7; // normal(1, 2.5): up to 168 sigma away
        search.observe(tid, -(tid as f64), &values).expect("fits");
        if tid % 100 == 50 {
            search.suggest(&hyperopt(), &[tid], 3).expect("suggests");
            assert_exact(&mut search, &hyperopt(), "drift");
        }
    }
}

#[test]
fn a_batch_equals_calls_between_which_the_earlier_ids_run() {
    for settings in [hyperopt(), default()] {
        let us = uniform_positions(300, 9);
        let mut search = filled(&us, |i| us[i].cos());
        let tids: Vec<i64> = (300..340).collect();
        let batch = search.suggest(&settings, &tids, 8).expect("suggests");
        for (&tid, expected) in tids.iter().zip(&batch) {
            let one = search.suggest(&settings, &[tid], 8).expect("suggests");
            assert_eq!(&one[0], expected, "trial {tid}, {settings:?}");
            search.observe(tid, f64::INFINITY, &one[0]).expect("fits");
        }
    }
}

/// One step of a search, as Python drives it.
#[derive(Debug, Clone)]
enum Step {
    Suggest {
        ids: u8,
        multivariate: bool,
        gamma: f64,
    },
    /// Bit `p` of `inactive` says that parameter `p` takes no part.
    New {
        u: f64,
        inactive: u16,
    },
    Finish {
        which: u16,
        loss: f64,
    },
    Fail(u16),
    Cancel(u16),
    Change {
        which: u16,
        u: f64,
    },
    OutOfOrder {
        tid: i64,
        u: f64,
        loss: f64,
    },
    /// The same point and loss many times over.
    Repeat {
        count: u8,
        u: f64,
        loss: f64,
    },
}

fn positions() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..=1.0,
        2 => prop::sample::select(vec![0.0, 0.25, 0.5, 0.5 + 1e-12, 1.0]),
        2 => 0.49..0.51,
    ]
}

fn losses() -> impl Strategy<Value = f64> {
    prop_oneof![
        5 => -10.0..10.0,
        1 => prop::sample::select(vec![0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (any::<u8>(), any::<bool>(), prop::sample::select(vec![0.25, 0.25, 0.25, 2.0, 1e-9]))
            .prop_map(|(ids, multivariate, gamma)| Step::Suggest { ids, multivariate, gamma }),
        6 => (positions(), prop_oneof![3 => Just(0), 1 => any::<u16>()])
            .prop_map(|(u, inactive)| Step::New { u, inactive }),
        6 => (any::<u16>(), losses()).prop_map(|(which, loss)| Step::Finish { which, loss }),
        1 => any::<u16>().prop_map(Step::Fail),
        1 => any::<u16>().prop_map(Step::Cancel),
        1 => (any::<u16>(), positions()).prop_map(|(which, u)| Step::Change { which, u }),
        1 => (prop_oneof![3 => -300_i64..300, 1 => -i64::MAX..0], positions(), losses())
            .prop_map(|(tid, u, loss)| Step::OutOfOrder { tid, u, loss }),
        1 => (1u8..60, positions(), losses())
            .prop_map(|(count, u, loss)| Step::Repeat { count, u, loss }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("PROPTEST_CASES").ok().and_then(|c| c.parse().ok()).unwrap_or(24)
    ))]

    #[test]
    fn any_sequence_equals_a_rebuild(
        warm in 0usize..400,
        steps in prop::collection::vec(step(), 1..160),
    ) {
        let space = space();
        let settings = hyperopt();
        let us = uniform_positions(warm, 11);
        let mut search = filled(&us, |i| us[i].sin());
        let mut next = id(warm);
        let pick = |search: &Search, which: u16| {
            let history = search.history();
            let tids = history.tids();
            // Mostly the newest, as in life.
            let back = usize::from(which) % (tids.len().min(40) + 1);
            let at = if which.is_multiple_of(5) { usize::from(which) % tids.len() } else { tids.len() - 1 - back.min(tids.len() - 1) };
            (tids[at], history.losses()[at], (0..16).map(|p| history.column(p)[at]).collect::<Vec<_>>())
        };
        for step in &steps {
            match *step {
                Step::Suggest { ids, multivariate, gamma } => {
                    let tids: Vec<i64> = (0..=i64::from(ids % 5)).map(|i| next + i).collect();
                    let before = search.history().tids().to_vec();
                    let kind = if multivariate { default() } else { settings };
                    let settings = Settings { gamma, ..kind };
                    let rows = search.suggest(&settings, &tids, 5).expect("suggests");
                    prop_assert!(rows.iter().flatten().all(|v| v.is_finite()));
                    prop_assert_eq!(search.history().tids(), before);
                }
                Step::New { u, inactive } => {
                    let mut values = row(&space, u);
                    for (p, value) in values.iter_mut().enumerate() {
                        if inactive >> p & 1 == 1 {
                            *value = f64::NAN;
                        }
                    }
                    search.observe(next, f64::INFINITY, &values).expect("fits");
                    next += 1;
                }
                Step::Repeat { count, u, loss } => {
                    for _ in 0..count {
                        search.observe(next, loss, &row(&space, u)).expect("fits");
                        next += 1;
                    }
                }
                _ if search.history().is_empty() => {}
                Step::Finish { which, loss } => {
                    let (tid, _, values) = pick(&search, which);
                    search.observe(tid, loss, &values).expect("fits");
                }
                Step::Fail(which) => {
                    let (tid, _, values) = pick(&search, which);
                    search.observe(tid, f64::NAN, &values).expect("fits");
                }
                Step::Cancel(which) => {
                    let (tid, _, _) = pick(&search, which);
                    prop_assert!(search.remove(tid));
                }
                Step::Change { which, u } => {
                    let (tid, loss, _) = pick(&search, which);
                    search.observe(tid, loss, &row(&space, u)).expect("fits");
                }
                Step::OutOfOrder { tid, u, loss } => {
                    search.observe(tid, loss, &row(&space, u)).expect("fits");
                    next = next.max(tid + 1);
                }
            }
        }
        assert_exact(&mut search, &settings, "sequence");

        // Product kernels, and the points that were tried, as after a restart.
        let settings = default();
        let mut fresh = Search::new(space.clone());
        let history = search.history();
        for (at, &tid) in history.tids().iter().enumerate() {
            let values: Vec<f64> = (0..space.len()).map(|p| history.column(p)[at]).collect();
            let loss = history.losses()[at];
            let failed = loss == f64::INFINITY && !history.is_running(tid);
            fresh.observe(tid, if failed { f64::NAN } else { loss }, &values).expect("fits");
        }
        prop_assert_eq!(history.finished(), fresh.history().finished());
        for seed in 0..3 {
            let kept = search.suggest(&settings, &[next], seed).expect("suggests");
            let rebuilt = fresh.suggest(&settings, &[next], seed).expect("suggests");
            for (kept, rebuilt) in kept[0].iter().zip(&rebuilt[0]) {
                prop_assert!((kept - rebuilt).abs() <= 1e-9 * rebuilt.abs().max(1.0));
            }
        }
    }
}
