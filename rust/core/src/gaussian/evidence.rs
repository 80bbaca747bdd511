//! Which trials a Gaussian process is fitted to, and how their losses are scaled.

use crate::gaussian::coordinates::Coordinates;
use crate::gaussian::regression::{GaussianProcess, Results};
use crate::history::History;

/// So many of the best trials, and of the newest besides: enough to see the shape around the best
/// and what is being learnt, at a cost that does not grow with the history.
const BEST: usize = 32;
const NEWEST: usize = 32;

/// The newest failed trials, which tell where points fail.
const FAILED: usize = 32;

/// The newest of the running trials.
const RUNNING: usize = 64;

/// Losses are cut off at the median plus this multiple of the median's distance from the best loss: how bad the bad ones are says little of where the good ones lie.
const REACH: f64 = 2.0;

/// What is known, in rows.
pub(crate) struct Evidence {
    /// Of finished trials, best first.
    rows: Vec<Vec<f64>>,
    /// Standardised.
    losses: Vec<f64>,
    failed: Vec<Vec<f64>>,
    running: Vec<Vec<f64>>,
}

impl Evidence {
    /// Gathers what there is, given the finished trials by loss, best first; nothing where losses do
    /// not tell trials apart.
    pub(crate) fn new(history: &History, by_loss: impl Iterator<Item = i64>) -> Option<Self> {
        let mut chosen: Vec<i64> = by_loss.take(BEST).collect();
        let best = chosen.clone();
        let mut failed = Vec::new();
        let mut newest = 0;
        for (&tid, &loss) in history.tids().iter().zip(history.losses()).rev() {
            if newest == NEWEST {
                break;
            }
            if loss.is_finite() {
                if !best.contains(&tid) {
                    chosen.push(tid);
                    newest += 1;
                }
            } else if failed.len() < FAILED && !history.is_running(tid) {
                failed.push(tid);
            }
        }
        let mut known: Vec<(f64, i64)> = chosen
            .into_iter()
            .filter_map(|tid| Some((history.loss(tid)?, tid)))
            .filter(|(loss, _)| loss.is_finite())
            .collect();
        known.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let sorted: Vec<f64> = known.iter().map(|k| k.0).collect();
        let losses = standardised(&sorted)?;
        let rows_of = |tids: &mut dyn Iterator<Item = i64>| -> Vec<Vec<f64>> {
            tids.filter_map(|tid| history.row_of(tid)).collect()
        };
        let mut running = history.running().rev().take(RUNNING);
        Some(Self {
            rows: rows_of(&mut known.iter().map(|k| k.1)),
            losses,
            failed: rows_of(&mut failed.into_iter()),
            running: rows_of(&mut running),
        })
    }

    /// The Gaussian process that has seen it.
    pub(crate) fn process<'a>(self, coordinates: &'a Coordinates<'a>) -> GaussianProcess<'a> {
        let places =
            |rows: Vec<Vec<f64>>| rows.into_iter().map(|row| coordinates.place(row)).collect();
        let results = Results {
            places: places(self.rows),
            losses: self.losses,
            failed: places(self.failed),
        };
        let running = places(self.running);
        GaussianProcess::fit(coordinates, results, running)
    }
}

/// Losses, sorted, cut at [`REACH`] and brought to mean 0 and variance 1; nothing where half of
/// them are as good as the best, or where they are too large to be told apart.
fn standardised(losses: &[f64]) -> Option<Vec<f64>> {
    let low = *losses.first()?;
    let scale = losses[losses.len() / 2] - low;
    if !(scale > 0.0 && scale.is_finite()) {
        return None;
    }
    let cut: Vec<f64> = losses
        .iter()
        .map(|loss| ((loss - low) / scale).min(1.0 + REACH))
        .collect();
    let n = cut.len() as f64;
    let mean = cut.iter().sum::<f64>() / n;
    let deviation = (cut.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n).sqrt();
    Some(cut.iter().map(|x| (x - mean) / deviation).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Space;
    use std::sync::Arc;

    fn history(losses: &[f64]) -> History {
        let space = Space::flat(&[("uniform", &[0.0, 1e6])]).expect("valid");
        let mut history = History::new(Arc::new(space));
        for (tid, &loss) in (0_i64..).zip(losses) {
            history.observe(tid, loss, &[tid as f64]).expect("fits");
        }
        history
    }

    fn by_loss(history: &History) -> Vec<i64> {
        let mut finished: Vec<(f64, i64)> = history
            .losses()
            .iter()
            .copied()
            .zip(history.tids().iter().copied())
            .filter(|(loss, _)| loss.is_finite())
            .collect();
        finished.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        finished.into_iter().map(|(_, tid)| tid).collect()
    }

    fn evidence(losses: &[f64]) -> Option<Evidence> {
        let history = history(losses);
        Evidence::new(&history, by_loss(&history).into_iter())
    }

    fn tids(rows: &[Vec<f64>]) -> Vec<f64> {
        rows.iter().map(|row| row[0]).collect()
    }

    #[test]
    fn few_trials_are_all_there_best_first() {
        let got = evidence(&[3.0, f64::NAN, 1.0, f64::INFINITY, 2.0]).expect("losses differ");
        assert_eq!(tids(&got.rows), [2.0, 4.0, 0.0]);
        assert_eq!(tids(&got.failed), [1.0]);
        assert_eq!(tids(&got.running), [3.0]);
        assert!(got.losses.iter().sum::<f64>().abs() < 1e-12);
    }

    #[test]
    fn of_many_trials_the_best_and_the_newest_are_taken() {
        // Falling, then flat: the best are in the middle.
        let losses: Vec<f64> = (0..500)
            .map(|i| {
                if i < 250 {
                    250.0 - f64::from(i)
                } else {
                    1_000.0 + f64::from(i)
                }
            })
            .collect();
        let got = evidence(&losses).expect("losses differ");
        let mut tids = tids(&got.rows);
        assert_eq!(tids[..2], [249.0, 248.0]);
        tids.sort_by(f64::total_cmp);
        let want: Vec<f64> = (218..250).chain(468..500).map(f64::from).collect();
        assert_eq!(tids, want);
    }

    #[test]
    fn how_bad_the_bad_are_does_not_matter() {
        let losses = |worst: f64| [1.0, 2.0, 3.0, 50.0, worst];
        let got = |worst| evidence(&losses(worst)).expect("losses differ").losses;
        assert_eq!(got(50.0), got(1e300));
    }

    #[test]
    fn losses_that_tell_nothing_apart_are_no_evidence() {
        assert!(evidence(&[]).is_none());
        assert!(evidence(&[f64::NAN, f64::INFINITY]).is_none());
        assert!(evidence(&[1.0; 9]).is_none());
        assert!(evidence(&[-1e308, 1e308, 1e308]).is_none());
    }
}
