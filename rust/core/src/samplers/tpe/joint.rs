//! Suggestions by product kernels, and by a Gaussian process beside them.

use crate::error::Result;
use crate::gp::coordinates::Coordinates;
use crate::gp::evidence::Evidence;
use crate::history::History;
use crate::kernels::density::Mixture;
use crate::numeric::ordered::argmax;
use crate::numeric::rng::Stream;
use crate::samplers::tpe::refine::refine;
use crate::samplers::tpe::settings::{LocalSearch, Settings};
use crate::space::Space;
use crate::space::draw;

/// Draws for each candidate wanted, where points that were tried before are passed over.
const DRAWS: usize = 4;

/// Beyond so many finished trials the process has a say more seldom, by the square root of their
/// number: it learns fast, but is the first to stay where it is.
const OFTEN: f64 = 100.0;

/// The densities of one group, and the positions of its parameters.
struct Densities<'a> {
    parameters: &'a [usize],
    below: Mixture<'a>,
    above: Mixture<'a>,
}

/// Suggests a point for trial `tid`.
///
/// Candidates are whole points, drawn from the good trials' density group by group; where a choice
/// decides what else there is, they differ in what they have, and the ratio of densities still
/// compares them.
///
/// For a share of the trials ([`Settings::gp_share`], drawn by the trial's stream) a Gaussian
/// process has its say: what is maximised is the product of the improvement that it expects and
/// the one that the densities do, and the winner is then moved to where the process expects more
/// (see [`LocalSearch`]).
pub(crate) fn suggest(
    history: &mut History,
    seed: u64,
    tid: i64,
    settings: &Settings,
) -> Result<Vec<f64>> {
    settings.check()?;
    let space = history.space().clone();
    let mut stream = Stream::new(seed, tid);
    let finished = history.finished();
    let share = settings.gp_share * (OFTEN / OFTEN.max(finished as f64)).sqrt();
    let by_process = share > 0.0 && stream.unit() < share;
    let evidence = by_process.then(|| Evidence::new(history, settings.rule()));
    let (split, seen) = history.split_and_seen(settings.rule());
    let (groups, models, good) = split.groups(&space);
    let densities: Vec<_> = groups
        .iter_mut()
        .map(|group| {
            let sides = group.sides(good, models, &space, settings);
            Densities {
                parameters: sides.parameters,
                below: sides.below.mixture(settings),
                above: sides.above.mixture(settings),
            }
        })
        .collect();

    let was_tried = |row: &[f64]| settings.avoid_duplicates && seen.contains(&space, row);
    let mut candidates = match candidates(&space, &densities, was_tried, settings, &mut stream) {
        Drawn::Candidates(candidates) => candidates,
        Drawn::Elsewhere(row) => return Ok(row),
    };
    let mut scores = log_ratios(&densities, &candidates);
    let coordinates = Coordinates::new(&space);
    let mut process = evidence
        .flatten()
        .map(|evidence| evidence.process(&coordinates));
    let by_process = process.is_some();
    let mut promise = |rows: &[Vec<f64>]| match &mut process {
        Some(process) => process.log_improvement(rows),
        None => log_ratios(&densities, rows),
    };
    let improvements = by_process.then(|| promise(&candidates));
    if let Some(improvements) = &improvements {
        // Bergstra et al. (2011), equation 3: in proportion to 1 / (share + (1 - share) g / l).
        let share = good.keys.len() as f64 / finished.max(good.keys.len()).max(1) as f64;
        for (score, improvement) in scores.iter_mut().zip(improvements) {
            *score = improvement - libm::log(share + (1.0 - share) * libm::exp(-*score));
        }
    }
    let winner = argmax(&scores);
    let promised = improvements.map_or(scores[winner], |improvements| improvements[winner]);
    let start = (candidates.swap_remove(winner), promised);
    let searches = match settings.local_search {
        LocalSearch::Process => by_process,
        LocalSearch::Always => true,
        LocalSearch::Never => false,
    };
    if !searches {
        return Ok(start.0);
    }
    let is_free = |row: &[f64]| !was_tried(row);
    Ok(refine(&space, start, promise, is_free, &mut stream))
}

enum Drawn {
    Candidates(Vec<Vec<f64>>),
    /// Around the good trials all has been tried: a point that has not.
    Elsewhere(Vec<f64>),
}

/// Draws candidates from the good trials' densities, and from the prior if so set.
fn candidates(
    space: &Space,
    densities: &[Densities<'_>],
    was_tried: impl Fn(&[f64]) -> bool,
    settings: &Settings,
    stream: &mut Stream,
) -> Drawn {
    let mut candidates: Vec<Vec<f64>> = Vec::with_capacity(settings.n_candidates);
    let mut again = Vec::new();
    for _ in 0..DRAWS * settings.n_candidates {
        let mut row = vec![f64::NAN; space.len()];
        for Densities {
            parameters, below, ..
        } in densities
        {
            if space.parameters()[parameters[0]].is_active(&row) {
                for (&parameter, value) in parameters.iter().zip(below.sample(stream)) {
                    row[parameter] = value;
                }
            }
        }
        if was_tried(&row) {
            again.push(row);
        } else {
            candidates.push(row);
            if candidates.len() == settings.n_candidates {
                break;
            }
        }
    }
    if candidates.is_empty() {
        let elsewhere = (0..DRAWS * settings.n_candidates)
            .map(|_| draw::point(space, stream))
            .find(|row| !was_tried(row));
        return match elsewhere {
            Some(row) => Drawn::Elsewhere(row),
            None => Drawn::Candidates(again),
        };
    }
    for _ in 0..settings.prior_candidates {
        let row = draw::point(space, stream);
        if !was_tried(&row) {
            candidates.push(row);
        }
    }
    Drawn::Candidates(candidates)
}

/// `ln l - ln g` of each candidate, over the groups that are active in it.
fn log_ratios(densities: &[Densities<'_>], candidates: &[Vec<f64>]) -> Vec<f64> {
    let mut log_below = vec![0.0; candidates.len()];
    let mut log_above = vec![0.0; candidates.len()];
    for group in densities {
        let having: Vec<usize> = (0..candidates.len())
            .filter(|&c| !candidates[c][group.parameters[0]].is_nan())
            .collect();
        if having.is_empty() {
            continue;
        }
        let points: Vec<Vec<f64>> = having
            .iter()
            .map(|&c| group.parameters.iter().map(|&p| candidates[c][p]).collect())
            .collect();
        let priors = group.below.log_priors(&points);
        let [below, above] =
            [&group.below, &group.above].map(|side| side.log_density(&points, &priors));
        let both = below.into_iter().zip(above);
        for (&c, (below, above)) in having.iter().zip(both) {
            log_below[c] += below;
            log_above[c] += above;
        }
    }
    log_below
        .iter()
        .zip(&log_above)
        .map(|(b, a)| b - a)
        .collect()
}
