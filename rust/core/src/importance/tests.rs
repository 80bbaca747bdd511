//! Importance against effects that are known in closed form.

use super::*;
use crate::numeric::rng::Stream;
use crate::space::distribution::Distribution;
use crate::space::draw::point;
use crate::space::{Equals, Parameter};

const FANOVA: Method = Method::Fanova { pairs: false };

fn unit(d: usize) -> Space {
    Space::flat(&vec![("uniform", &[0.0, 1.0][..]); d]).expect("valid")
}

fn sample(space: &Space, n: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut stream = Stream::new(seed, 0);
    (0..n).map(|_| point(space, &mut stream)).collect()
}

fn measured(
    space: &Space,
    rows: &[Vec<f64>],
    method: Method,
    f: impl Fn(&[f64]) -> f64,
) -> Vec<Effect> {
    let losses: Vec<f64> = rows.iter().map(|row| f(row)).collect();
    importance(space, &losses, rows, method, 1).expect("valid")
}

/// Spearman's rank correlation of effects with what is known.
fn agreement(effects: &[Effect], known: &[f64]) -> f64 {
    let ranks = |values: &[f64]| -> Vec<f64> {
        let rank = |x: &f64| {
            let below = values.iter().filter(|y| *y < x).count() as f64;
            below + (values.iter().filter(|y| *y == x).count() as f64 - 1.0) / 2.0
        };
        values.iter().map(rank).collect()
    };
    let found: Vec<f64> = effects.iter().map(|e| e.importance).collect();
    let (a, b) = (ranks(&found), ranks(known));
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let dot = |x: &[f64], y: &[f64]| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum()
    };
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

#[test]
fn ranks_are_those_of_additive_functions() {
    let space = unit(8);
    let rows = sample(&space, 1_000, 5);
    let weights: Vec<f64> = (0..8).map(|k| 0.7_f64.powi(k)).collect();
    let known: Vec<f64> = weights.iter().map(|w| w * w).collect();
    for shape in [|x: f64| x, |x: f64| (x - 0.3).powi(2)] {
        for method in [FANOVA, Method::PedAnova] {
            let effects = measured(&space, &rows, method, |row| {
                row.iter().zip(&weights).map(|(x, w)| w * shape(*x)).sum()
            });
            let got = agreement(&effects, &known);
            assert!(got >= 0.9, "{method:?}: {got}");
            assert!(
                effects
                    .iter()
                    .all(|e| e.low <= e.importance && e.importance <= e.high)
            );
        }
    }
}

#[test]
fn shares_are_the_sobol_indices_of_ishigami() {
    let space = unit(4);
    let rows = sample(&space, 4_000, 6);
    let effects = measured(&space, &rows, Method::Fanova { pairs: true }, |row| {
        let z = |k: usize| std::f64::consts::PI * (2.0 * row[k] - 1.0);
        z(0).sin() + 7.0 * z(1).sin().powi(2) + 0.1 * z(2).powi(4) * z(0).sin()
    });
    // The fourth parameter does nothing; of the pairs only the first with the third.
    let singles = [0.314, 0.442, 0.0, 0.0];
    for (effect, known) in effects.iter().zip(singles) {
        assert!(
            (effect.importance - known).abs() < 0.1,
            "{effect:?} {known}"
        );
    }
    assert!(agreement(&effects[..4], &singles) >= 0.9);
    for effect in &effects[4..] {
        let partners = (effect.parameter, effect.partner) == (0, Some(2));
        let known = if partners { 0.244 } else { 0.0 };
        assert!(
            (effect.importance - known).abs() < 0.1,
            "{effect:?} {known}"
        );
    }
}

type Loss = fn(&[f64]) -> f64;

/// A model of two, a rate below the first, a depth below the second, and something that is always
/// there: loss = [model 0] (1 + 2 rate) + [model 1] depth + 0.5 always.
fn models() -> (Space, Loss, [f64; 4]) {
    let parameter = |label: &str, name, args: &[f64], conditions| Parameter {
        label: label.into(),
        distribution: Distribution::new(label, name, args).expect("valid"),
        conditions,
    };
    let on = |value| vec![vec![Equals { parent: 0, value }]];
    let space = Space::new(vec![
        parameter("model", "categorical", &[0.25, 0.75], vec![vec![]]),
        parameter("rate", "loguniform", &[-2.0, 0.0], on(0)),
        parameter("depth", "uniform", &[0.0, 1.0], on(1)),
        parameter("always", "uniform", &[0.0, 1.0], vec![vec![]]),
    ])
    .expect("valid");
    // Means 1.0 + 2 * E[x] with x = (log rate + 2) / 2 uniform: 2.0 and 0.5.
    let variances = [
        0.25 * 0.75 * 1.5 * 1.5,
        0.25 * 4.0 / 12.0,
        0.75 / 12.0,
        0.25 / 12.0,
    ];
    let total: f64 = variances.iter().sum();
    let loss = |row: &[f64]| {
        let own = if row[0] == 0.0 {
            1.0 + row[1].ln() + 2.0
        } else {
            row[2]
        };
        own + 0.5 * row[3]
    };
    (space, loss, variances.map(|v| v / total))
}

#[test]
fn conditional_parameters_have_what_exact_integration_gives() {
    let (space, loss, known) = models();
    let rows = sample(&space, 2_000, 7);
    let told = measured(&space, &rows, Method::Fanova { pairs: true }, loss);
    for (effect, known) in told.iter().zip(known) {
        assert!(
            (effect.importance - known).abs() < 0.03,
            "{effect:?} {known}"
        );
    }
    // The choice does nothing to a parameter below it but to switch it on and off.
    assert!(
        told[4..].iter().all(|pair| pair.importance < 0.01),
        "{:?}",
        &told[4..]
    );
    // The same without the conditions, which are found in the rows.
    let parameters = space.parameters().iter().cloned();
    let flat = parameters.map(|p| Parameter {
        conditions: vec![vec![]],
        ..p
    });
    let flat = Space::new(flat.collect()).expect("valid");
    assert_eq!(measured(&flat, &rows, FANOVA, loss), told[..4]);
}

#[test]
fn activity_that_no_choice_explains_is_a_switch_of_its_own() {
    let space = unit(2);
    let mut rows = sample(&space, 500, 8);
    rows.iter_mut().step_by(3).for_each(|row| row[1] = f64::NAN);
    let effects = measured(&space, &rows, FANOVA, |row| {
        row[0] + if row[1].is_nan() { 0.0 } else { 2.0 * row[1] }
    });
    assert_eq!(effects.len(), 2);
    assert!(effects[1].importance > effects[0].importance, "{effects:?}");
}

#[test]
fn parameters_without_effect_have_almost_none_and_the_seed_decides() {
    let space = unit(50);
    let rows = sample(&space, 1_000, 9);
    let mut noise = Stream::new(2, 2);
    let losses: Vec<f64> = rows
        .iter()
        .map(|row| row[0] + 0.3 * noise.normal())
        .collect();
    for method in [FANOVA, Method::PedAnova] {
        let run = |seed| importance(&space, &losses, &rows, method, seed).expect("valid");
        let effects = run(1);
        assert_eq!(effects, run(1));
        assert_ne!(effects, run(2));
        let rest: f64 = effects[1..].iter().map(|e| e.importance).sum::<f64>() / 49.0;
        assert!(
            effects[0].importance > 0.3 && rest < 0.015,
            "{method:?} {rest} {:?}",
            effects[0]
        );
    }
}

#[test]
fn odd_searches_have_finite_importances() {
    let space = Space::flat(&[
        ("randint", &[0.0, 100.0]),
        ("randint", &[0.0, 1e6]),
        ("qlognormal", &[0.0, 1.0, 0.5]),
        ("uniform", &[0.0, 1.0]),
    ])
    .expect("valid");
    let mut rows = sample(&space, 40, 3);
    for row in &mut rows {
        row[3] = f64::NAN; // never active
    }
    rows[0] = vec![-5.0, 1e9, f64::INFINITY, f64::NAN]; // outside
    for method in [Method::Fanova { pairs: true }, Method::PedAnova] {
        for count in [2, 3, 40] {
            let losses: Vec<f64> = (0..count)
                .map(|k| 1e300 * f64::from(k))
                .map(|x| x.min(1.7e308))
                .collect();
            let n = losses.len();
            let effects = importance(&space, &losses, &rows[..n], method, 0).expect("valid");
            assert!(
                effects
                    .iter()
                    .all(|e| e.importance.is_finite() && e.high.is_finite())
            );
            assert_eq!(effects[3].importance, 0.0);
        }
    }
}

#[test]
fn what_cannot_be_measured_is_said() {
    let space = unit(1);
    let rows = [vec![0.1], vec![0.2]];
    for (losses, rows, rule) in [
        (&[][..], &rows[..0], "two at least; got 0"),
        (&[1.0], &rows[..1], "two at least; got 1"),
        (&[1.0], &rows, "got 1 losses and 2 rows"),
        (&[1.0, 1.0], &rows, "must differ; all are 1"),
        (&[1.0, f64::NAN], &rows, "must be finite; got NaN"),
    ] {
        let error = importance(&space, losses, rows, FANOVA, 0).expect_err(rule);
        assert!(error.to_string().contains(rule), "{error}");
    }
    assert!(importance(&unit(2), &[1.0, 2.0], &rows, FANOVA, 0).is_err());
}
