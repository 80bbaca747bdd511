//! Every sampler and density at the extremes of what a space may hold: nothing panics, nothing runs
//! without end, and suggestions are finite and keep to their priors.

use std::sync::Arc;

use proptest::prelude::*;
use sparktune_core::tpe::Settings as Tpe;
use sparktune_core::tpe::inspect::{Side, explain, log_density};
use sparktune_core::{Distribution, Search, Settings, Space, anneal, halton, random};

/// Numbers of every size, more of those at which arithmetic overflows, underflows or loses digits.
fn numbers() -> impl Strategy<Value = f64> {
    prop_oneof![
        2 => -10.0..10.0,
        2 => prop::sample::select(vec![
            0.0, 1.0, -1.0, 1e-12, 1e17, 1e-160, 1e160, -1e200, 1e300, -1e300, 1e308, -1e308,
            5e-324, 1e-310, 700.0, -745.0, 9_007_199_254_740_993.0, f64::MAX,
        ]),
        1 => (-320.0..308.0_f64, any::<bool>())
            .prop_map(|(power, less)| 10.0_f64.powf(power) * if less { -1.0 } else { 1.0 }),
    ]
}

/// A prior that is allowed; its numbers may be as they come, or close to each other.
fn priors() -> impl Strategy<Value = (String, Vec<f64>)> {
    let names = [
        "uniform",
        "loguniform",
        "normal",
        "lognormal",
        "quniform",
        "qloguniform",
        "qnormal",
        "qlognormal",
    ];
    (
        prop::sample::select(names.to_vec()),
        numbers(),
        numbers(),
        numbers(),
        0..4_u8,
    )
        .prop_map(|(name, a, b, q, shape)| {
            let b = match shape {
                0 => a.next_up().next_up(),
                1 => a + a.abs() * 1e-9 + 1e-9,
                _ => b,
            };
            let b = if name.contains("normal") {
                b.abs()
            } else {
                b.max(a)
            };
            let mut args = vec![a.min(b), b];
            if name.contains("normal") {
                args[0] = a;
            }
            if name.starts_with('q') {
                args.push(q.abs());
            }
            (name.to_owned(), args)
        })
}

/// A value that a user may have tried, not only one that the prior gives.
fn values() -> impl Strategy<Value = f64> {
    prop_oneof![3 => 0.0..1.0, 1 => numbers()]
}

fn samplers() -> [Box<dyn Settings>; 5] {
    let at_once = |settings| Tpe {
        n_startup_jobs: 0,
        ..settings
    };
    [
        Box::new(random::Settings),
        Box::new(halton::Settings),
        Box::new(anneal::Settings::default()),
        Box::new(at_once(Tpe {
            gp_share: 1.0,
            ..Tpe::default()
        })),
        Box::new(at_once(Tpe::hyperopt())),
    ]
}

fn is_allowed(prior: &Distribution, given: f64) -> bool {
    let Distribution::Numeric(prior) = prior else {
        return false;
    };
    let Some((low, high)) = prior.bounds.filter(|_| prior.q.is_none()) else {
        return given.is_finite();
    };
    let value = |x: f64| {
        if prior.log {
            libm::exp(x).clamp(5e-324, f64::MAX)
        } else {
            x
        }
    };
    let ulps = (high.to_bits().cast_signed()).abs_diff(low.to_bits().cast_signed());
    let (low, high) = (value(low), value(high));
    let inside = low < given && given < high;
    // Where floats are too coarse for a value inside, the bound is all there is.
    let ulps = ulps.min((high.to_bits().cast_signed()).abs_diff(low.to_bits().cast_signed()));
    inside || (ulps < 64 && low <= given && given <= high)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        std::env::var("PROPTEST_CASES").ok().and_then(|c| c.parse().ok()).unwrap_or(150)
    ))]

    #[test]
    fn suggestions_are_finite_and_densities_are_numbers(
        first in priors(),
        second in priors(),
        tried in prop::collection::vec((values(), values(), numbers()), 0..140),
        repeats in 1..4_i64,
    ) {
        let given: Vec<(&str, &[f64])> = [&first, &second].iter().map(|(n, a)| (&n[..], &a[..])).collect();
        let Ok(space) = Space::flat(&given) else {
            return Ok(());
        };
        let space = Arc::new(space);
        let mut search = Search::new(space.clone());
        let priors: Vec<Distribution> = space.parameters().iter().map(|p| p.distribution.clone()).collect();
        let place = |index: usize, u: f64| match &priors[index] {
            Distribution::Numeric(prior) if (0.0..1.0).contains(&u) => match prior.bounds {
                Some((low, high)) => prior.to_value(low + (high - low) * u),
                None => prior.to_value(prior.prior_mu + prior.prior_sigma * (8.0 * u - 4.0)),
            },
            _ => u,
        };
        for (tid, (x, y, loss)) in (0..).zip(tried.iter().cycle().take(tried.len() * 2)) {
            search.observe(tid, *loss, &[place(0, *x), place(1, *y)]).expect("finite");
        }
        for settings in samplers() {
            for tid in 0..repeats {
                let rows = search.suggest(&*settings, &[1_000 + tid, 2_000 + tid], 7).expect("suggests");
                for row in rows {
                    for (prior, value) in priors.iter().zip(&row) {
                        prop_assert!(is_allowed(prior, *value), "{settings:?}: {value:e} of {prior:?}");
                    }
                    search.observe(1_000 + tid, row[0], &row).expect("finite");
                }
            }
        }
        let settings = Tpe { n_startup_jobs: 0, ..Tpe::hyperopt() };
        let (history, sampler) = search.sampler(&settings).expect("in range");
        let (row, choices) = explain(history, sampler, 3, 9_000).expect("explains");
        prop_assert!(row.iter().all(|value| value.is_finite()));
        prop_assert_eq!(choices.len(), 2);
        let probes: Vec<f64> = tried.iter().map(|t| t.2).chain([f64::MAX, -f64::MAX, 0.0]).collect();
        for (index, prior) in priors.iter().enumerate() {
            for side in [Side::Good, Side::Rest] {
                let densities = log_density(history, sampler, index, side, &probes).expect("fits");
                // Hyperopt's estimator does not tell narrower kernels from each other.
                let is_told = matches!(prior, Distribution::Numeric(p) if (1e-9..1e300).contains(&p.prior_sigma));
                prop_assert!(!is_told || densities.iter().all(|d| !d.is_nan()), "{prior:?}: {densities:?}");
            }
        }
    }
}

#[test]
fn grids_finer_than_the_range_can_tell_take_bounded_work() {
    // Each of these ran without end, or as long as it takes to count to 1e17.
    let priors: [(&str, &[f64]); 4] = [
        ("quniform", &[1e17, 1e17 + 100.0, 1.0]),
        ("qnormal", &[0.0, 1.0, 0.5]),
        ("qnormal", &[1e17, 50.0, 1.0]),
        ("qlognormal", &[0.0, 1e-9, 1e-12]),
    ];
    let space = Arc::new(Space::flat(&priors).expect("valid"));
    let mut search = Search::new(space.clone());
    for tid in 0..130 {
        let mut row = random::suggest(&space, 1, tid);
        if tid % 20 == 0 {
            row[1] = 1e17 * tid as f64;
        }
        search.observe(tid, row[1], &row).expect("fits");
    }
    let settings = Tpe {
        n_startup_jobs: 0,
        ..Tpe::hyperopt()
    };
    let row = search
        .suggest(&settings, &[200], 1)
        .expect("suggests")
        .remove(0);
    assert!(row.iter().all(|value| value.is_finite()));
}

#[test]
fn a_grid_whose_outermost_cells_overflow_takes_bounded_work() {
    let space = Arc::new(Space::flat(&[("quniform", &[-1e308, 7e307, 1e308])]).expect("valid"));
    let mut search = Search::new(space);
    for tid in 0..20 {
        // Kernels far outside: none of their draws lies inside.
        let row = [f64::MAX * if tid % 2 == 0 { 1.0 } else { -1.0 }];
        search.observe(tid, tid as f64, &row).expect("fits");
    }
    let settings = Tpe {
        n_startup_jobs: 0,
        ..Tpe::default()
    };
    for tid in 20..40 {
        let rows = search.suggest(&settings, &[tid], 1).expect("suggests");
        assert!([-1e308, 0.0, 1e308].contains(&rows[0][0]), "{rows:?}");
    }
}

#[test]
fn ranges_that_overflow_are_refused() {
    for (name, args) in [
        ("uniform", &[-1e308, 1e308][..]),
        ("quniform", &[-1e308, 1e308, 1.0]),
        ("normal", &[0.0, 1e308]),
        ("normal", &[1.7e308, 1e307]),
        ("lognormal", &[0.0, 1e308]),
    ] {
        assert!(Space::flat(&[(name, args)]).is_err(), "{name}");
    }
}
