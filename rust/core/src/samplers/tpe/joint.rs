//! Suggestions by product kernels, and by a Gaussian process beside them.

use crate::gaussian::coordinates::Coordinates;
use crate::gaussian::evidence::Evidence;
use crate::history::History;
use crate::kernels::density::ProductDensity;
use crate::numeric::ordered::argmax;
use crate::numeric::rng::Stream;
use crate::samplers::tpe::followers::Followers;
use crate::samplers::tpe::refine::refine;
use crate::samplers::tpe::settings::Settings;
use crate::space::{Space, draw};

/// Draws per candidate wanted, where points that were tried before are passed over: in a space that
/// is nearly used up most draws are such points, and the cost must stay bounded.
const DRAWS: usize = 4;

/// Above this many finished trials the Gaussian process is used less often, by `1 / sqrt(n)`: it
/// converges quickly but tends to get stuck in a local optimum. (`docs/quality.md` compares this with
/// a Gaussian process every time.)
const OFTEN: f64 = 100.0;

/// The densities of one group, and the positions of its parameters.
struct Densities<'a> {
    parameters: &'a [usize],
    good: ProductDensity<'a>,
    rest: ProductDensity<'a>,
}

/// Suggests a point for trial `tid`.
///
/// Candidates are whole points, drawn from the good trials' density group by group; where a choice
/// decides which parameters are active, candidates differ in these, and the ratio of densities still
/// compares them.
///
/// For a share of the trials ([`Settings::gp_share`], drawn by the trial's stream) a Gaussian
/// process takes part: what is maximised is the product of the improvement that it expects and the
/// one that the densities do, and the winner is then moved to where the process expects more.
pub(crate) fn suggest(
    followers: &mut Followers,
    history: &History,
    seed: u64,
    tid: i64,
    settings: &Settings,
) -> Vec<f64> {
    let space = &**history.space();
    let mut stream = Stream::new(seed, tid);
    let finished = history.finished();
    let gp_share = settings.gp_share * (OFTEN / OFTEN.max(finished as f64)).sqrt();
    let by_gp = gp_share > 0.0 && stream.unit() < gp_share;
    let (split, groups, seen) = followers.groups(history);
    let evidence = by_gp.then(|| Evidence::new(history, split.by_loss()));
    let good = split.good();
    let prior_weight = settings.prior_weight;
    let densities: Vec<_> = groups
        .iter_mut()
        .map(|group| {
            let sides = group.sides(good, history);
            Densities {
                parameters: sides.parameters,
                good: ProductDensity::new(sides.good, prior_weight),
                rest: ProductDensity::new(sides.rest, prior_weight),
            }
        })
        .collect();

    let was_tried = |row: &[f64]| settings.avoid_duplicates && seen.contains(space, row);
    let wanted = settings.n_candidates;
    let mut candidates = match candidates(space, &densities, was_tried, wanted, &mut stream) {
        Drawn::Candidates(candidates) => candidates,
        Drawn::Elsewhere(row) => return row,
    };
    let mut scores = log_ratios(&densities, &candidates);
    let coordinates = Coordinates::new(space);
    let Some(mut process) = evidence
        .flatten()
        .map(|evidence| evidence.process(&coordinates))
    else {
        return candidates.swap_remove(argmax(&scores));
    };
    let improvements = process.log_improvement(&candidates);
    // Bergstra et al. (2011), equation 3: in proportion to 1 / (gamma + (1 - gamma) g / l), with the
    // share of good trials that there really are.
    let gamma = good.len() as f64 / finished.max(good.len()).max(1) as f64;
    for (score, improvement) in scores.iter_mut().zip(&improvements) {
        *score = improvement - libm::log(gamma + (1.0 - gamma) * libm::exp(-*score));
    }
    let winner = argmax(&scores);
    let start = (candidates.swap_remove(winner), improvements[winner]);
    let is_free = |row: &[f64]| !was_tried(row);
    let promise = |rows: &[Vec<f64>]| process.log_improvement(rows);
    refine(space, start, promise, is_free, &mut stream)
}

enum Drawn {
    Candidates(Vec<Vec<f64>>),
    /// Around the good trials everything has been tried: a point that has not.
    Elsewhere(Vec<f64>),
}

/// Draws candidates from the good trials' densities.
fn candidates(
    space: &Space,
    densities: &[Densities<'_>],
    was_tried: impl Fn(&[f64]) -> bool,
    wanted: usize,
    stream: &mut Stream,
) -> Drawn {
    let mut candidates: Vec<Vec<f64>> = Vec::with_capacity(wanted);
    let mut again = Vec::new();
    for _ in 0..DRAWS * wanted {
        let mut row = vec![f64::NAN; space.len()];
        for Densities {
            parameters, good, ..
        } in densities
        {
            if space.parameters()[parameters[0]].is_active(&row) {
                for (&parameter, value) in parameters.iter().zip(good.sample(stream)) {
                    row[parameter] = value;
                }
            }
        }
        if was_tried(&row) {
            again.push(row);
        } else {
            candidates.push(row);
            if candidates.len() == wanted {
                break;
            }
        }
    }
    if !candidates.is_empty() {
        return Drawn::Candidates(candidates);
    }
    let elsewhere = (0..DRAWS * wanted)
        .map(|_| draw::point(space, stream))
        .find(|row| !was_tried(row));
    match elsewhere {
        Some(row) => Drawn::Elsewhere(row),
        None => Drawn::Candidates(again),
    }
}

/// `ln l - ln g` of each candidate, over the groups that are active in it.
fn log_ratios(densities: &[Densities<'_>], candidates: &[Vec<f64>]) -> Vec<f64> {
    let mut log_good = vec![0.0; candidates.len()];
    let mut log_rest = vec![0.0; candidates.len()];
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
        let priors = group.good.log_priors(&points);
        let [good, rest] =
            [&group.good, &group.rest].map(|side| side.log_density(&points, &priors));
        let both = good.into_iter().zip(rest);
        for (&c, (good, rest)) in having.iter().zip(both) {
            log_good[c] += good;
            log_rest[c] += rest;
        }
    }
    log_good
        .iter()
        .zip(&log_rest)
        .map(|(good, rest)| good - rest)
        .collect()
}
