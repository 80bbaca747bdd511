//! How many instructions one suggestion takes, and adding one trial: counted by Callgrind, so that
//! a busy machine does not matter. `make bench-instructions`; `instructions.md` has the baseline.

#![expect(missing_docs, reason = "the macros make modules without them")]

use std::hint::black_box;
use std::sync::Arc;

use gungraun::prelude::*;
use sparktune_core::tpe::Settings;
use sparktune_core::{Search, Space, Stream, random};

/// Ten parameters: these, twice.
const MIXED: [(&str, &[f64]); 5] = [
    ("uniform", &[-5.0, 5.0]),
    ("loguniform", &[-7.0, 0.0]),
    ("quniform", &[0.0, 100.0, 1.0]),
    ("randint", &[0.0, 5.0]),
    ("uniform", &[0.0, 1.0]),
];

/// Suggestions that are counted together, each of another seed: whether the Gaussian process takes
/// part in one is drawn, less often the more trials there are.
const SEEDS: u64 = 16;

/// A search, the settings it was asked with, and the id of the next trial.
type Case = (Search, Settings, i64);

/// `n` finished trials of random search, and one suggestion made, so that what is kept from one to
/// the next is there.
fn asked(settings: Settings, n: i64) -> Case {
    let space = Arc::new(Space::flat(&[MIXED, MIXED].concat()).expect("valid"));
    let mut losses = Stream::new(1, 0);
    let mut search = Search::new(space.clone());
    for tid in 0..n {
        let row = random::suggest(&space, 3, tid);
        search.observe(tid, losses.normal(), &row).expect("fits");
    }
    search.suggest(&settings, &[n], 0).expect("suggests");
    (search, settings, n)
}

fn default(n: i64) -> Case {
    asked(Settings::default(), n)
}

/// The default where the Gaussian process never takes part.
fn kernels(n: i64) -> Case {
    let gp_share = 0.0;
    asked(
        Settings {
            gp_share,
            ..Settings::default()
        },
        n,
    )
}

/// The default where it always does, up to 100 trials.
fn process(n: i64) -> Case {
    let gp_share = 1.0;
    asked(
        Settings {
            gp_share,
            ..Settings::default()
        },
        n,
    )
}

fn univariate(n: i64) -> Case {
    let multivariate = false;
    asked(
        Settings {
            multivariate,
            ..Settings::default()
        },
        n,
    )
}

fn hyperopt(n: i64) -> Case {
    asked(Settings::hyperopt(), n)
}

// What is returned is dropped where nothing is counted.

#[library_benchmark]
#[benches::default(args = [100, 1_000], setup = default)]
#[benches::kernels(args = [100, 1_000], setup = kernels)]
#[benches::process(args = [100, 1_000], setup = process)]
#[benches::univariate(args = [100, 1_000], setup = univariate)]
#[benches::hyperopt(args = [100, 1_000], setup = hyperopt)]
fn suggest((mut search, settings, tid): Case) -> (Search, Vec<Vec<f64>>) {
    let rows = (1..=SEEDS)
        .flat_map(|seed| {
            search
                .suggest(&settings, black_box(&[tid]), seed)
                .expect("suggests")
        })
        .collect();
    (search, rows)
}

/// A trial to add.
fn finished((search, _, tid): Case) -> (Search, i64, Vec<f64>) {
    let row = random::suggest(search.history().space(), 3, tid);
    (search, tid, row)
}

fn after_default(n: i64) -> (Search, i64, Vec<f64>) {
    finished(default(n))
}

fn after_hyperopt(n: i64) -> (Search, i64, Vec<f64>) {
    finished(hyperopt(n))
}

#[library_benchmark]
#[benches::default(args = [100, 1_000], setup = after_default)]
#[benches::hyperopt(args = [100, 1_000], setup = after_hyperopt)]
fn insert((mut search, tid, row): (Search, i64, Vec<f64>)) -> (Search, Vec<f64>) {
    search.observe(tid, black_box(0.5), &row).expect("fits");
    (search, row)
}

library_benchmark_group!(name = trials, benchmarks = [suggest, insert]);
main!(library_benchmark_groups = trials);
