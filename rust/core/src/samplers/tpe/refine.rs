//! Local search for a point that promises more than another one.

use crate::numeric::ordered::argmax;
use crate::numeric::rng::Stream;
use crate::space::Space;
use crate::space::distribution::{Distribution, Numeric};
use crate::space::draw;
use crate::space::inside::folded;

// Set by hand for a cost of 48 evaluations; `docs/quality.md` has the search with and without this.

const ROUNDS: usize = 6;

/// Points that are compared in a round: as many as a block of the Gaussian process has lanes.
const NEIGHBOURS: usize = 8;

/// Steps of the first round, in widths of the prior.
const STEP: f64 = 0.05;

/// What steps are multiplied by after a round that found nothing better.
const SHRINK: f64 = 0.6;

/// Parameters that a neighbour differs in, on average, unless it differs in all.
const FEW: f64 = 1.5;

/// The smallest step on a grid, in steps of the grid: about half of such steps lead to another value.
const GRID_STEP: f64 = 0.7;

/// Moves a row uphill: in each round to the best of some neighbours, if that is better.
///
/// `start` is a row and its score; `score` scores several. Only rows that are `free` are taken.
/// What others depend on stays as it is, so a row keeps its active parameters.
pub(crate) fn refine(
    space: &Space,
    start: (Vec<f64>, f64),
    mut score: impl FnMut(&[Vec<f64>]) -> Vec<f64>,
    is_free: impl Fn(&[f64]) -> bool,
    stream: &mut Stream,
) -> Vec<f64> {
    let (mut best, mut best_score) = start;
    let movable = movable(space, &best);
    let mut step = STEP;
    for _ in 0..ROUNDS {
        let mut rows: Vec<Vec<f64>> = (0..NEIGHBOURS)
            .map(|_| neighbour(space, &best, &movable, step, stream))
            .filter(|row| is_free(row))
            .collect();
        let scores = score(&rows);
        let winner = argmax(&scores);
        if scores.get(winner).is_some_and(|&s| s > best_score) {
            best_score = scores[winner];
            best = rows.swap_remove(winner);
        } else {
            step *= SHRINK;
        }
    }
    best
}

/// Positions of the active parameters that nothing depends on.
fn movable(space: &Space, row: &[f64]) -> Vec<usize> {
    let mut is_parent = vec![false; space.len()];
    for part in space
        .parameters()
        .iter()
        .flat_map(|p| p.conditions.iter().flatten())
    {
        is_parent[part.parent] = true;
    }
    (0..space.len())
        .filter(|&index| !row[index].is_nan() && !is_parent[index])
        .collect()
}

/// A row that differs in all parameters, or in one or two.
fn neighbour(
    space: &Space,
    row: &[f64],
    movable: &[usize],
    step: f64,
    stream: &mut Stream,
) -> Vec<f64> {
    let share = if stream.unit() < 0.5 {
        1.0
    } else {
        FEW / movable.len() as f64
    };
    let mut row = row.to_vec();
    for &index in movable {
        if stream.unit() < share {
            row[index] = match &space.parameters()[index].distribution {
                Distribution::Numeric(prior) => moved(prior, row[index], step, stream),
                prior @ Distribution::Discrete(_) => draw::value(prior, stream),
            };
        }
    }
    row
}

fn moved(prior: &Numeric, value: f64, step: f64, stream: &mut Stream) -> f64 {
    let mut width = step * prior.width();
    if let Some(q) = prior.q
        && !prior.log
    {
        width = width.max(GRID_STEP * q);
    }
    let start = prior.to_kernel_space(value);
    let x = start + width * stream.normal();
    prior.to_value(if prior.q.is_some() {
        x.clamp(prior.ends.0, prior.ends.1)
    } else {
        folded(start, x, prior.ends)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::{Equals, Parameter};

    fn space() -> Space {
        let parameter = |label: &str, name: &str, args: &[f64], parent: Option<i64>| Parameter {
            label: label.to_owned(),
            distribution: Distribution::new(label, name, args).expect("valid"),
            conditions: vec![
                parent
                    .map(|value| Equals { parent: 0, value })
                    .into_iter()
                    .collect(),
            ],
        };
        Space::new(vec![
            parameter("kind", "randint", &[0.0, 2.0], None),
            parameter("x", "uniform", &[0.0, 1.0], Some(0)),
            parameter("q", "quniform", &[0.0, 10.0, 2.0], Some(0)),
            parameter("lr", "loguniform", &[-5.0, 0.0], Some(0)),
            parameter("c", "randint", &[0.0, 4.0], Some(0)),
            parameter("other", "normal", &[0.0, 1.0], Some(1)),
        ])
        .expect("valid")
    }

    /// Largest at x = 0.6, q = 6, c = 2.
    fn score(rows: &[Vec<f64>]) -> Vec<f64> {
        rows.iter()
            .map(|r| -(r[1] - 0.6).abs() - 0.1 * (r[2] - 6.0).abs() - 0.1 * f64::from(r[4] != 2.0))
            .collect()
    }

    #[test]
    fn rows_climb_within_the_space_and_keep_what_others_depend_on() {
        let space = space();
        let start = vec![0.0, 0.3, 2.0, 0.1, 0.0, f64::NAN];
        let before = score(std::slice::from_ref(&start))[0];
        let mut gains = 0.0;
        for seed in 0..50 {
            let mut stream = Stream::new(seed, 0);
            let row = refine(
                &space,
                (start.clone(), before),
                score,
                |_| true,
                &mut stream,
            );
            let after = score(std::slice::from_ref(&row))[0];
            assert!(after >= before);
            gains += after - before;
            assert!(row[0] == 0.0 && row[5].is_nan());
            assert!((0.0..1.0).contains(&row[1]) && (0.0..=10.0).contains(&row[2]));
            assert_eq!(row[2] % 2.0, 0.0);
            assert!((libm::exp(-5.0)..1.0).contains(&row[3]));
            assert!([0.0, 1.0, 2.0, 3.0].contains(&row[4]));
        }
        assert!(gains > 50.0 * 0.2, "{gains}");
    }

    #[test]
    fn rows_that_are_not_free_are_passed_over() {
        let space = space();
        let start = vec![1.0, f64::NAN, f64::NAN, f64::NAN, f64::NAN, 0.3];
        let rising = |rows: &[Vec<f64>]| rows.iter().map(|r| r[5]).collect();
        let mut stream = Stream::new(1, 1);
        let stays = refine(&space, (start.clone(), 0.3), rising, |_| false, &mut stream);
        assert_eq!(stays[5], 0.3);
        let limited = refine(&space, (start, 0.3), rising, |r| r[5] < 0.4, &mut stream);
        assert!(limited[5] > 0.3 && limited[5] < 0.4);
    }
}
