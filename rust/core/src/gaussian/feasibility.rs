//! How likely a point is not to fail.
//!
//! Probabilistic least-squares classification (Rasmussen and Williams, section 6.5): the outcomes,
//! one for trials with a loss and minus one for those that failed, are regressed as losses are, and
//! the prediction is squashed to a probability. The expected improvement times this probability is
//! what a point promises (Schonlau, Welch, Jones, *Global versus local search in constrained
//! optimization of computer models*, 1998; Gardner et al., *Bayesian optimization with inequality
//! constraints*, 2014).

use crate::gaussian::cholesky::Cholesky;
use crate::numeric::normal::normal_cdf;
use crate::numeric::simd::{LANES, Lanes, vectorized};

/// Variance of what turns a prediction into an outcome. `docs/quality.md` has what it was chosen by;
/// ten times less finds the same, five times more less.
const SLACK: f64 = 0.1;

/// The least probability, so that its logarithm is finite.
const LEAST: f64 = 1e-300;

/// What is known of outcomes.
#[derive(Debug)]
pub(crate) struct Feasibility {
    /// `L^-1 y`, of the outcomes `y`.
    residuals: Vec<f64>,
}

impl Feasibility {
    /// Regresses outcomes, given the factor of the covariance of places: first those of `finished`
    /// trials, then those of `failed` ones, then others. Nothing where none failed.
    pub(crate) fn fit(
        factor: &Cholesky,
        finished: usize,
        failed: usize,
        room: usize,
    ) -> Option<Self> {
        if failed == 0 {
            return None;
        }
        let mut residuals = vec![0.0; room];
        residuals[..finished].fill(1.0);
        residuals[finished..finished + failed].fill(-1.0);
        factor.solve_lower(&mut residuals);
        // How the others will end is as predicted.
        residuals[finished + failed..].fill(0.0);
        Some(Self { residuals })
    }

    /// The logarithm of the probability at each place of a block: `solved` is `L^-1 k` of its
    /// covariances with the places, `variances` what those leave open.
    pub(crate) fn log_probability(&self, solved: &[Lanes], variances: &Lanes) -> Lanes {
        let mut out = Lanes::ZERO;
        vectorized(
            #[inline(always)]
            || {
                for (residual, x) in self.residuals.iter().zip(solved) {
                    for lane in 0..LANES {
                        out[lane] += residual * x[lane];
                    }
                }
            },
        );
        for lane in 0..LANES {
            let probability = normal_cdf(out[lane] / (variances[lane] + SLACK).sqrt());
            out[lane] = libm::log(probability.max(LEAST));
        }
        out
    }
}
