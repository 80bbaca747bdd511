//! Annealing: draws near good trials, closer the more has been tried.

use crate::error::Result;
use crate::history::History;
use crate::numeric::ordered::Key;
use crate::numeric::rng::Stream;
use crate::samplers::options::{Entry, Kind, Setting, Value};
use crate::samplers::sampler::{self, Sampler};
use crate::space::distribution::{Distribution, Numeric};
use crate::space::draw;

/// Settings of the search; the defaults are Hyperopt's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Mean position, counted from 1, of the trial to draw near to among the trials, best first.
    pub avg_best_idx: f64,
    /// After `n` trials, draws have `1 / (1 + shrink_coef * n)` of the prior's width.
    pub shrink_coef: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            avg_best_idx: 2.0,
            shrink_coef: 0.1,
        }
    }
}

const OPTIONS: [Setting; 2] = [
    Setting {
        name: "avg_best_idx",
        kind: Kind::Number {
            default: 2.0,
            low: 1.0,
            high: f64::INFINITY,
        },
        doc: "Mean position, counted from 1, of the trial to draw near to, best first.",
    },
    Setting {
        name: "shrink_coef",
        kind: Kind::Number {
            default: 0.1,
            low: 0.0,
            high: f64::INFINITY,
        },
        doc: "How fast the search narrows; 0 never does.",
    },
];

pub(crate) const ENTRY: Entry = Entry {
    name: "anneal",
    options: &OPTIONS,
    make: |given| {
        let default = Settings::default();
        Box::new(Settings {
            avg_best_idx: given.number("avg_best_idx", default.avg_best_idx),
            shrink_coef: given.number("shrink_coef", default.shrink_coef),
        })
    },
};

impl sampler::Settings for Settings {
    fn check(&self) -> Result<()> {
        let [first, second] = &OPTIONS;
        first.check(&Value::Number(self.avg_best_idx))?;
        second.check(&Value::Number(self.shrink_coef))
    }

    fn sampler(&self, _: &History) -> Box<dyn Sampler> {
        Box::new(*self)
    }
}

/// Annealing keeps nothing but its settings.
impl Sampler for Settings {
    fn suggest(&mut self, history: &History, tid: i64, seed: u64) -> Vec<f64> {
        suggest_one(history, seed, tid, self)
    }
}

fn suggest_one(history: &History, seed: u64, tid: i64, settings: &Settings) -> Vec<f64> {
    let space = history.space();
    let mut stream = Stream::new(seed, tid);
    let mut row = vec![f64::NAN; space.len()];
    // Positions of the trials drawn near to, in the order in which they were picked.
    let mut picked: Vec<usize> = Vec::new();
    for (index, parameter) in space.parameters().iter().enumerate() {
        if !parameter.is_active(&row) {
            continue;
        }
        let prior = &parameter.distribution;
        let column = history.column(index);
        let count = column.iter().filter(|value| !value.is_nan()).count();
        if count == 0 {
            row[index] = draw::value(prior, &mut stream);
            continue;
        }
        // Values that were good together stay together: a trial that was picked for another
        // parameter is taken again.
        let again = picked.iter().copied().find(|&at| !column[at].is_nan());
        let at = again.unwrap_or_else(|| {
            let rank = geometric(settings.avg_best_idx, &mut stream).min(count - 1);
            let at = ranked(history, column, rank);
            picked.push(at);
            at
        });
        let share = 1.0 / (1.0 + settings.shrink_coef * count as f64);
        row[index] = near(prior, column[at], share, &mut stream);
    }
    row
}

/// A geometric number, from 0, whose mean counted from 1 is `mean`.
fn geometric(mean: f64, stream: &mut Stream) -> usize {
    // With a mean of 1 the divisor is minus infinity, and the quotient 0.
    let draw = libm::log1p(-stream.unit()) / libm::log1p(-1.0 / mean);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "never negative or NaN, and what is too large is the largest"
    )]
    let draw = draw as usize;
    draw
}

/// Position of the trial at `rank`, best first, among those with a value in `column`.
fn ranked(history: &History, column: &[f64], rank: usize) -> usize {
    let mut keys: Vec<(Key, usize)> = (0..column.len())
        .filter(|&at| !column[at].is_nan())
        .map(|at| (Key::new(history.losses()[at], history.tids()[at]), at))
        .collect();
    keys.select_nth_unstable(rank).1.1
}

/// Draws from the prior, made narrower by `share`, around a value.
fn near(prior: &Distribution, value: f64, share: f64, stream: &mut Stream) -> f64 {
    match prior {
        Distribution::Numeric(prior) => prior.to_value(near_numeric(
            prior,
            prior.to_kernel_space(value),
            share,
            stream,
        )),
        // The value itself, ever more often; else the prior.
        Distribution::Discrete(discrete) => {
            let foreign = discrete.category_of(value).is_none();
            if stream.unit() < share || foreign {
                draw::value(prior, stream)
            } else {
                value
            }
        }
    }
}

fn near_numeric(prior: &Numeric, middle: f64, share: f64, stream: &mut Stream) -> f64 {
    let width = share * prior.prior_sigma;
    match prior.bounds {
        Some((low, high)) => {
            let half = 0.5 * width;
            // The interval is moved into the bounds, not cut.
            let middle = middle.min(high - half).max(low + half);
            stream.uniform((middle - half).max(low), (middle + half).min(high))
        }
        None => middle + width * stream.normal(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Equals, Parameter, Space};
    use std::sync::Arc;

    fn parameter(label: &str, name: &str, args: &[f64], conditions: &[Equals]) -> Parameter {
        Parameter {
            label: label.to_owned(),
            distribution: Distribution::new(label, name, args).expect("valid"),
            conditions: vec![conditions.to_vec()],
        }
    }

    fn history(parameters: Vec<Parameter>) -> History {
        History::new(Arc::new(Space::new(parameters).expect("valid")))
    }

    /// A history of one parameter, with `(loss, value)` of trials 0, 1, ...
    fn of_one(name: &str, args: &[f64], trials: &[(f64, f64)]) -> History {
        let mut history = history(vec![parameter("x", name, args, &[])]);
        for (tid, &(loss, value)) in (0..).zip(trials) {
            history.observe(tid, loss, &[value]).expect("fits");
        }
        history
    }

    fn settings(avg_best_idx: f64, shrink_coef: f64) -> Settings {
        Settings {
            avg_best_idx,
            shrink_coef,
        }
    }

    /// What each of 2,000 ids gets from the same history.
    fn draws(history: &History, settings: &Settings) -> Vec<f64> {
        (100..2_100)
            .map(|tid| suggest_one(history, 7, tid, settings)[0])
            .collect()
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        for bad in [
            settings(0.5, 0.1),
            settings(f64::INFINITY, 0.1),
            settings(2.0, -0.1),
            settings(2.0, f64::NAN),
        ] {
            assert!(sampler::Settings::check(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ranks_are_geometric_and_losses_that_are_none_rank_last() {
        // On so narrow an interval a draw tells the trial it was drawn near to.
        let trials = [
            (f64::NAN, 0.1),
            (2.0, 0.3),
            (f64::NEG_INFINITY, 0.5),
            (-1.0, 0.7),
            (2.0, 0.9),
        ];
        let history = of_one("uniform", &[0.0, 1.0], &trials);
        let shares = |history: &History, mean| {
            let draws = draws(history, &settings(mean, 1e6));
            [0.7, 0.3, 0.9, 0.1, 0.5].map(|at| {
                draws.iter().filter(|x| (*x - at).abs() < 1e-3).count() as f64 / draws.len() as f64
            })
        };
        assert_eq!(shares(&history, 1.0), [1.0, 0.0, 0.0, 0.0, 0.0]);
        // Four standard deviations are 0.045. The last rank has what is left.
        for (share, expected) in shares(&history, 2.0)
            .iter()
            .zip([0.5, 0.25, 0.125, 0.0625, 0.0625])
        {
            assert!((share - expected).abs() < 0.045, "{share} {expected}");
        }
    }

    #[test]
    fn draws_fill_the_narrowed_prior_within_its_bounds() {
        // One trial and a coefficient of 3: a quarter of the width.
        let around = |name, args: &[f64], value| {
            let history = of_one(name, args, &[(0.0, value)]);
            let draws = draws(&history, &settings(2.0, 3.0));
            let low = draws.iter().copied().fold(f64::INFINITY, f64::min);
            (low, draws.iter().copied().fold(f64::NEG_INFINITY, f64::max))
        };
        let close = |(low, high): (f64, f64), expected: (f64, f64)| {
            assert!((low - expected.0).abs() < 0.02, "{low} {expected:?}");
            assert!((high - expected.1).abs() < 0.02, "{high} {expected:?}");
        };
        close(around("uniform", &[0.0, 4.0], 2.0), (1.5, 2.5));
        close(around("uniform", &[0.0, 4.0], 3.9), (3.0, 4.0));
        close(around("uniform", &[0.0, 4.0], -9.0), (0.0, 1.0));
        let (low, high) = around("loguniform", &[0.0, 4.0], 0.0);
        close((low.ln(), high.ln()), (0.0, 1.0));
        close(around("quniform", &[0.0, 40.0, 2.0], 20.0), (16.0, 24.0));
        // A value of zero on a logarithmic grid was rounded down to it.
        close(around("qloguniform", &[-3.0, 5.0, 1.0], 0.0), (0.0, 0.0));
    }

    #[test]
    fn the_normal_family_keeps_its_shape() {
        for (name, value) in [("normal", 5.0), ("lognormal", 5.0_f64.exp())] {
            let history = of_one(name, &[0.0, 8.0], &[(0.0, value)]);
            let mut xs = draws(&history, &settings(2.0, 3.0));
            if name == "lognormal" {
                xs = xs.into_iter().map(f64::ln).collect();
            }
            let n = xs.len() as f64;
            let mean = xs.iter().sum::<f64>() / n;
            let deviation = (xs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
            // Four standard errors.
            assert!((mean - 5.0).abs() < 0.18, "{name}: {mean}");
            assert!((deviation - 2.0).abs() < 0.13, "{name}: {deviation}");
        }
    }

    #[test]
    fn values_stay_what_a_float_holds() {
        let history = of_one("lognormal", &[0.0, 1e3], &[(0.0, f64::MAX)]);
        assert!(
            draws(&history, &settings(2.0, 0.0))
                .iter()
                .all(|x| x.is_finite())
        );
    }

    #[test]
    fn categories_stay_or_come_from_the_prior() {
        // One trial and a coefficient of 1: half the draws are the prior's.
        for (name, args, expected) in [
            ("categorical", &[0.2, 0.5, 0.3][..], [0.1, 0.25, 0.65]),
            ("randint", &[0.0, 3.0], [1.0 / 6.0, 1.0 / 6.0, 4.0 / 6.0]),
        ] {
            let history = of_one(name, args, &[(0.0, 2.0)]);
            let draws = draws(&history, &settings(2.0, 1.0));
            for (value, expected) in [0.0, 1.0, 2.0].into_iter().zip(expected) {
                let share =
                    draws.iter().filter(|x| **x == value).count() as f64 / draws.len() as f64;
                assert!((share - expected).abs() < 0.045, "{name} {value}: {share}");
            }
        }
        let foreign = of_one("randint", &[0.0, 3.0], &[(0.0, 9.0)]);
        assert!(
            draws(&foreign, &settings(2.0, 1.0))
                .iter()
                .all(|x| *x < 3.0)
        );
    }

    #[test]
    fn values_come_from_one_trial_as_far_as_it_has_them() {
        let is = |value| [Equals { parent: 0, value }];
        let mut history = history(vec![
            parameter("kind", "randint", &[0.0, 2.0], &[]),
            parameter("a", "uniform", &[0.0, 1.0], &is(0)),
            parameter("b", "uniform", &[0.0, 1.0], &is(1)),
            parameter("x", "uniform", &[0.0, 1.0], &[]),
        ]);
        for tid in 0..20 {
            let t = 0.05 * tid as f64;
            let row = if tid % 2 == 0 {
                [0.0, t, f64::NAN, t]
            } else {
                [1.0, f64::NAN, t, t]
            };
            history.observe(tid, t, &row).expect("fits");
        }
        let still = settings(4.0, 1e9);
        for tid in 100..300 {
            let row = &suggest_one(&history, 7, tid, &still);
            let (active, inactive) = if row[0] == 0.0 { (1, 2) } else { (2, 1) };
            assert!(row[inactive].is_nan());
            assert!((row[active] - row[3]).abs() < 1e-6, "{row:?}");
        }
    }
}
