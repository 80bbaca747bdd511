//! What every suggester answers, bit for bit: `tests/golden/suggestions.json`, which
//! `tests/golden/make.py` writes and explains.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use sparktune_core::options::Value as Setting;
use sparktune_core::{
    Distribution, Equals, Parameter, Search, Settings, Space, random, settings, tpe,
};

/// Trials of a history, how many of them (the last ones) are running, and how many points are asked
/// for in one call.
const SIZES: [(&str, usize, usize, i64); 7] = [
    ("5", 5, 0, 2),
    ("5, 2 running", 5, 2, 2),
    ("30", 30, 0, 4),
    ("30, 6 running", 30, 6, 5),
    ("300", 300, 0, 5),
    ("300, 6 running", 300, 6, 6),
    ("5000", 5_000, 3, 3),
];
const SEARCH_LENGTH: i64 = 50;

fn golden() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/suggestions.json");
    let text = std::fs::read_to_string(path).expect("the file is there");
    serde_json::from_str(&text).expect("the file is JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn whole<T: TryFrom<i64>>(value: &Value) -> T {
    let whole = value.as_i64().and_then(|whole| T::try_from(whole).ok());
    whole.expect("a whole number that fits")
}

/// The bits of a value; NaN is an inactive one.
fn hexed(value: f64) -> String {
    if value.is_nan() {
        return "-".to_owned();
    }
    let digits = format!("{:016x}", value.to_bits());
    match digits.trim_end_matches('0') {
        "" => "0".to_owned(),
        some => some.to_owned(),
    }
}

fn shown(rows: &[Vec<f64>]) -> Vec<String> {
    rows.iter()
        .map(|row| row.iter().copied().map(hexed).collect::<Vec<_>>().join(" "))
        .collect()
}

fn read(row: &str) -> Vec<f64> {
    row.split_whitespace()
        .map(|value| match value {
            "-" => f64::NAN,
            _ => value.parse().expect("a number"),
        })
        .collect()
}

/// The loss of `make.py`.
fn loss_of(row: &[f64]) -> f64 {
    row.iter().fold(0.0, |loss, value| {
        loss + if value.is_nan() {
            2.0
        } else {
            (value - 1.0).abs()
        }
    })
}

fn space(given: &Value) -> Arc<Space> {
    let equals = |part: &Value| Equals {
        parent: whole(&part[0]),
        value: whole(&part[1]),
    };
    let parameters = list(given).iter().map(|given| {
        let args: Vec<f64> = list(&given[2]).iter().map(number).collect();
        Parameter {
            label: text(&given[0]).to_owned(),
            distribution: Distribution::new(text(&given[0]), text(&given[1]), &args)
                .expect("valid"),
            conditions: list(&given[3])
                .iter()
                .map(|all| list(all).iter().map(equals).collect())
                .collect(),
        }
    });
    Arc::new(Space::new(parameters.collect()).expect("valid"))
}

/// The first trials of a history; a longer one than the file has is of random search.
fn history(given: &Value, space: &Arc<Space>, size: usize, running: usize) -> Search {
    let (losses, rows): (Vec<f64>, Vec<Vec<f64>>) = if size > list(&given["rows"]).len() {
        (0_u32..)
            .take(size)
            .map(|tid| {
                let row = random::suggest(space, 23, tid.into());
                let failed = tid % 17 == 0;
                (if failed { f64::NAN } else { loss_of(&row) }, row)
            })
            .unzip()
    } else {
        let rows = list(&given["rows"]).iter().map(|row| read(text(row)));
        (read(text(&given["losses"])), rows.take(size).collect())
    };
    let mut search = Search::new(space.clone());
    for (at, (row, loss)) in rows.iter().zip(losses).enumerate() {
        let loss = if at < size - running {
            loss
        } else {
            f64::INFINITY
        };
        search.observe(tid(at), loss, row).expect("fits");
    }
    search
}

fn tid(at: usize) -> i64 {
    i64::try_from(at).expect("small")
}

/// A sampler's settings by name.
fn named(given: &Value) -> Box<dyn Settings> {
    let given = given.as_object().expect("an object");
    let options: Vec<(String, Setting)> = given
        .iter()
        .filter(|(name, _)| *name != "sampler")
        .map(|(name, value)| {
            let value = match value {
                Value::Bool(flag) => Setting::Flag(*flag),
                Value::String(name) => Setting::Name(name.clone()),
                _ => Setting::Number(number(value)),
            };
            (name.clone(), value)
        })
        .collect();
    settings(text(&given["sampler"]), &options).expect("in range")
}

fn assert_same(got: &[Vec<f64>], want: &Value, what: &str) {
    let want: Vec<&str> = list(want).iter().map(text).collect();
    assert_eq!(shown(got), want, "{what}");
}

/// Compares the answers of all suggesters in one space.
fn check(name: &str) {
    let golden = golden();
    let space = space(&golden["spaces"][name]);
    let answers = golden["answers"][name].as_object().expect("an object");
    let suggesters = golden["suggesters"].as_object().expect("an object");
    assert!(answers.keys().eq(suggesters.keys()));
    for (suggester, answers) in answers {
        let answers = answers.as_object().expect("an object");
        assert_eq!(answers.len(), SIZES.len() - usize::from(name != "flat"));
        for (size, trials, running, asked) in SIZES {
            let Some(want) = answers.get(size) else {
                continue;
            };
            let mut search = history(&golden["histories"][name], &space, trials, running);
            let tids: Vec<i64> = (tid(trials)..tid(trials) + asked).collect();
            let seed = 1_000 + trials as u64;
            let settings = named(&suggesters[suggester]);
            let got = search.suggest(&*settings, &tids, seed).expect("suggests");
            assert_same(&got, want, &format!("{suggester}, {size}"));
        }
    }
}

#[test]
fn in_a_flat_space() {
    check("flat");
}

#[test]
fn in_a_conditional_space() {
    check("conditional");
}

#[test]
fn in_a_space_of_categories() {
    check("categorical");
}

#[test]
fn in_a_space_of_grids() {
    check("quantised");
}

#[test]
fn in_searches_whose_history_grows() {
    let golden = golden();
    let searches: BTreeMap<_, _> = golden["searches"]
        .as_object()
        .into_iter()
        .flatten()
        .collect();
    assert_eq!(searches.len(), 4);
    for (name, searches) in searches {
        let space = space(&golden["spaces"][name]);
        for (suggester, want) in searches.as_object().expect("an object") {
            let settings = named(&golden["suggesters"][suggester]);
            let mut search = Search::new(space.clone());
            let mut rows = Vec::new();
            for tid in 0..SEARCH_LENGTH {
                let mut asked = search.suggest(&*settings, &[tid], 3).expect("suggests");
                let row = asked.remove(0);
                search.observe(tid, loss_of(&row), &row).expect("fits");
                rows.push(row);
            }
            let last = &rows[rows.len() - list(want).len()..];
            assert_same(last, want, &format!("{suggester} in {name}"));
        }
    }
}

#[test]
fn in_the_densities_of_candidates() {
    let golden = golden();
    for (name, sizes) in golden["densities"].as_object().expect("an object") {
        let space = space(&golden["spaces"][name]);
        for (size, want) in sizes.as_object().expect("an object") {
            let found = SIZES.iter().find(|known| known.0 == size);
            let &(_, trials, running, _) = found.expect("a known size");
            let mut search = history(&golden["histories"][name], &space, trials, running);
            let (seed, settings) = (1_000 + trials as u64, tpe::Settings::hyperopt());
            let (history, sampler) = search.sampler(&settings).expect("in range");
            let (_, choices) =
                tpe::inspect::explain(history, sampler, seed, tid(trials)).expect("explains");
            let got: Vec<Vec<f64>> = choices
                .iter()
                .flat_map(|c| [&c.candidates, &c.log_good, &c.log_rest])
                .map(|values| values[..6].to_vec())
                .collect();
            assert_same(&got, want, &format!("{name}, {size}"));
        }
    }
}

#[test]
fn settings_of_the_file_are_those_of_the_crate() {
    let golden = golden();
    let shown = |name| format!("{:?}", named(&golden["suggesters"][name]));
    let at_once = |settings| tpe::Settings {
        n_startup_jobs: 0,
        ..settings
    };
    let [default, hyperopt] = [tpe::Settings::default(), tpe::Settings::hyperopt()].map(at_once);
    assert_eq!(shown("default"), format!("{default:?}"));
    assert_eq!(shown("hyperopt"), format!("{hyperopt:?}"));
}
