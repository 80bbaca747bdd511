//! What one suggestion, a batch, and a finished trial cost, by length of the history and number of
//! parameters. `cargo bench`, or `cargo bench -- suggest/10`.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sparktune_core::tpe::Settings;
use sparktune_core::{Search, Space, Stream, random};

/// Priors of the mixed space, in turn.
const MIXED: [(&str, &[f64]); 5] = [
    ("uniform", &[-5.0, 5.0]),
    ("loguniform", &[-7.0, 0.0]),
    ("quniform", &[0.0, 100.0, 1.0]),
    ("randint", &[0.0, 5.0]),
    ("uniform", &[0.0, 1.0]),
];

const EACH: [(&str, &[f64]); 10] = [
    ("uniform", &[-5.0, 5.0]),
    ("quniform", &[0.0, 100.0, 1.0]),
    ("loguniform", &[-7.0, 0.0]),
    ("qloguniform", &[0.0, 6.0, 1.0]),
    ("normal", &[0.0, 1.0]),
    ("qnormal", &[0.0, 10.0, 1.0]),
    ("lognormal", &[0.0, 1.0]),
    ("qlognormal", &[0.0, 1.0, 0.5]),
    ("randint", &[0.0, 20.0]),
    ("categorical", &[0.2, 0.3, 0.5]),
];

fn space(priors: impl Iterator<Item = (&'static str, &'static [f64])>) -> Arc<Space> {
    let priors: Vec<_> = priors.collect();
    Arc::new(Space::flat(&priors).expect("valid"))
}

fn mixed(d: usize) -> Arc<Space> {
    space(MIXED.iter().copied().cycle().take(d))
}

/// Names of what is compared, and its settings; `process` is a Gaussian process each time.
fn kinds() -> [(&'static str, Settings); 3] {
    let joint = |gp_share| Settings {
        gp_share,
        ..Settings::default()
    };
    [
        ("univariate", Settings::hyperopt()),
        ("multivariate", joint(0.0)),
        ("process", joint(1.0)),
    ]
}

/// `n` finished trials of random search, ready to be asked.
fn history(space: &Arc<Space>, n: i64, settings: &Settings) -> Search {
    let mut history = Search::new(space.clone());
    let mut losses = Stream::new(1, 0);
    for tid in 0..n {
        history
            .observe(tid, losses.normal(), &random::suggest(space, 3, tid))
            .expect("fits");
    }
    history.suggest(settings, &[n], 0).expect("suggests");
    history
}

fn suggest(c: &mut Criterion) {
    for (kind, settings) in kinds() {
        for d in [2, 10, 50] {
            let mut group = c.benchmark_group(format!("suggest/{kind}/{d}"));
            for n in [100, 1_000, 10_000, 100_000, 1_000_000] {
                if d == 50 && n > 100_000 {
                    continue; // gigabytes of history say nothing that d = 10 does not
                }
                // Made when asked for, so that a filter leaves the work out as well.
                let mut made = None;
                let mut seed = 0;
                group.bench_function(BenchmarkId::from_parameter(n), |b| {
                    let history = made.get_or_insert_with(|| history(&mixed(d), n, &settings));
                    b.iter(|| {
                        seed += 1;
                        history.suggest(&settings, &[n], black_box(seed))
                    });
                });
            }
            group.finish();
        }
    }
}

fn each_distribution(c: &mut Criterion) {
    let mut group = c.benchmark_group("distribution");
    for prior in EACH {
        let mut history = history(&space(std::iter::once(prior)), 1_000, &Settings::hyperopt());
        let mut seed = 0;
        group.bench_function(prior.0, |b| {
            b.iter(|| {
                seed += 1;
                history.suggest(&Settings::hyperopt(), &[1_000], black_box(seed))
            });
        });
    }
    group.finish();
}

fn batch(c: &mut Criterion) {
    for (kind, settings) in kinds() {
        let mut group = c.benchmark_group(format!("batch/{kind}"));
        group.sample_size(20);
        for k in [1, 128, 1_024] {
            let tids: Vec<i64> = (1_000..1_000 + k).collect();
            let mut history = history(&mixed(10), 1_000, &settings);
            let mut seed = 0;
            group.throughput(Throughput::Elements(k.unsigned_abs()));
            group.bench_function(BenchmarkId::from_parameter(k), |b| {
                b.iter(|| {
                    seed += 1;
                    history.suggest(&settings, &tids, black_box(seed))
                });
            });
        }
        group.finish();
    }
}

fn insert(c: &mut Criterion) {
    let mut group = c.benchmark_group("insert");
    for n in [1_000, 10_000, 100_000, 1_000_000] {
        let mut made = None;
        let mut losses = Stream::new(2, 0);
        let mut tid = n;
        group.bench_function(BenchmarkId::from_parameter(n), |b| {
            let space = mixed(10);
            let history = made.get_or_insert_with(|| history(&space, n, &Settings::hyperopt()));
            b.iter(|| {
                tid += 1;
                let row = random::suggest(&space, 4, tid);
                history.observe(tid, losses.normal(), black_box(&row))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, suggest, each_distribution, batch, insert);
criterion_main!(benches);
