//! How far all pairs of places are from one another, what covariance that means for a length scale,
//! and which scale is the likeliest.

use crate::gaussian::cholesky::{Cholesky, start};
use crate::gaussian::coordinates::Coordinates;
use crate::gaussian::matern::{FAR, covariances, decays, radii};
use crate::numeric::simd::{LANES, Lanes, vectorized};

/// The longest length scale over the square root of the number of parameters, in widths of the
/// prior; each of the others is half of the one before.
///
/// Two uniform points in `d` dimensions are about `sqrt(d / 6) = 0.41 sqrt(d)` apart, since
/// `E (x - y)^2 = 1/6`. At four times that the results are nearly linear over the whole space.
const LONGEST: f64 = 1.6;

/// The number of length scales to choose from: down to a quarter of the distance above, where most
/// trials say nothing about one another. `docs/performance.md` says what three instead of five cost.
const SCALES: usize = 5;

/// Variance of the noise, in units of the variance of the results. It keeps the matrix well
/// conditioned where trials repeat a point (condition number below `n / NOISE`), and is small beside
/// what separates good trials from bad ones: a standard deviation of 3 percent.
pub(crate) const NOISE: f64 = 1e-3;

/// Points whose likelihood decides on the length scale. The cost is cubic in their number: half of
/// the 64 points of the process cost an eighth of a fit of all, per scale.
const JUDGES: usize = 32;

/// Distances of all pairs of places, in the panels of a [`Cholesky`] factor; filled up with places
/// that are far from all others.
pub(crate) struct Radii {
    panels: usize,
    entries: Vec<Lanes>,
}

impl Radii {
    pub(crate) fn new(coordinates: &Coordinates<'_>, places: &[Vec<f64>]) -> Self {
        let panels = places.len().div_ceil(LANES);
        let mut entries = vec![Lanes([FAR; LANES]); start(panels)];
        for (p, rows) in places.chunks(LANES).enumerate() {
            let block = coordinates.block_of_places(rows);
            vectorized(
                #[inline(always)]
                || {
                    for (entries, place) in entries[start(p)..]
                        .iter_mut()
                        .zip(&places[..LANES * p + rows.len()])
                    {
                        *entries = radii(coordinates, place, &block);
                        entries[rows.len()..].fill(FAR);
                    }
                },
            );
        }
        Self { panels, entries }
    }

    /// The distances among some of the places.
    fn among(&self, chosen: &[usize]) -> Self {
        let panels = chosen.len().div_ceil(LANES);
        let mut entries = vec![Lanes([FAR; LANES]); start(panels)];
        for (i, &row) in chosen.iter().enumerate() {
            for (j, &column) in chosen[..=i].iter().enumerate() {
                entries[start(i / LANES) + j][i % LANES] =
                    self.entries[start(row / LANES) + column][row % LANES];
            }
        }
        Self { panels, entries }
    }

    /// The factor of the covariance.
    pub(crate) fn factor(&self, inverse: f64) -> Cholesky {
        let mut factor = Cholesky::with_room(self.panels);
        factor.factor(|entries| {
            vectorized(
                #[inline(always)]
                || {
                    for (entry, radii) in entries.iter_mut().zip(&self.entries) {
                        *entry = covariances(radii, &decays(radii, inverse), inverse);
                    }
                },
            );
            self.set_variances(entries);
        });
        factor
    }

    fn set_variances(&self, entries: &mut [Lanes]) {
        for row in 0..self.panels * LANES {
            entries[start(row / LANES) + row][row % LANES] = 1.0 + NOISE;
        }
    }

    /// One over the likeliest length scale (equation 2.30); `losses` are those of the first places,
    /// best first.
    pub(crate) fn likeliest_inverse(&self, losses: &[f64], dimension: usize) -> f64 {
        let n = losses.len();
        let judges: Vec<usize> = if n <= JUDGES {
            (0..n).collect()
        } else {
            // Good and bad ones.
            (0..JUDGES).map(|k| k * n / JUDGES).collect()
        };
        let radii = self.among(&judges);
        let mut inverse = 1.0 / (LONGEST * (dimension as f64).sqrt());
        let mut decayed = radii.entries.clone();
        vectorized(
            #[inline(always)]
            || {
                for entry in &mut decayed {
                    *entry = decays(entry, inverse);
                }
            },
        );
        let mut factor = Cholesky::with_room(radii.panels);
        let mut residuals = vec![0.0; radii.panels * LANES];
        let mut best = (f64::NEG_INFINITY, 1.0);
        for _ in 0..SCALES {
            factor.factor(|entries| {
                vectorized(
                    #[inline(always)]
                    || {
                        let pairs = radii.entries.iter().zip(&mut decayed);
                        for (entry, (radii, decays)) in entries.iter_mut().zip(pairs) {
                            *entry = covariances(radii, decays, inverse);
                            // Half the scale is twice the exponent.
                            for lane in 0..LANES {
                                decays[lane] *= decays[lane];
                            }
                        }
                    },
                );
                radii.set_variances(entries);
            });
            residuals.fill(0.0);
            for (residual, &judge) in residuals.iter_mut().zip(&judges) {
                *residual = losses[judge];
            }
            factor.solve_lower(&mut residuals);
            let misfit: f64 = residuals.iter().map(|x| x * x).sum();
            let log_likelihood = -0.5 * misfit - factor.half_log_determinant();
            // Of two that are as likely, the shorter.
            if log_likelihood >= best.0 {
                best = (log_likelihood, inverse);
            }
            inverse *= 2.0;
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gaussian::cholesky::tests::{factor_twin, solve_twin};
    use crate::gaussian::coordinates::tests::mixed;
    use crate::gaussian::matern::tests::{covariance_twin, decay_twin, radius_twin};
    use crate::numeric::twins::{assert_bits, awkward};
    use crate::space::Space;

    #[test]
    fn a_long_slope_is_given_a_long_scale() {
        let space = Space::flat(&[("uniform", &[0.0, 1.0][..]); 2]).expect("valid");
        let coordinates = Coordinates::new(&space);
        let at = |i: usize| vec![(0.618_034 * i as f64).fract(), (0.37 * i as f64).fract()];
        for n in [32, 61] {
            let scale = |loss: &dyn Fn(f64) -> f64| {
                let mut places: Vec<Vec<f64>> = (0..n).map(at).collect();
                places.sort_by(|a, b| loss(a[0]).total_cmp(&loss(b[0])));
                let losses: Vec<f64> = places.iter().map(|p| loss(p[0])).collect();
                1.0 / Radii::new(&coordinates, &places).likeliest_inverse(&losses, 2)
            };
            assert!(scale(&|x| 2.0 * x - 1.0) > 3.0 * scale(&|x| (40.0 * x).sin()));
        }
    }

    #[test]
    fn likelihoods_are_those_of_each_scale_by_itself() {
        let space = Space::flat(&[("uniform", &[0.0, 1.0][..]); 2]).expect("valid");
        let coordinates = Coordinates::new(&space);
        let mut streams = (0..40).map(|seed| crate::numeric::rng::Stream::new(seed, 0));
        for n in [3, 8, 20].into_iter().cycle().take(30) {
            let mut stream = streams.next().expect("enough");
            let places: Vec<Vec<f64>> =
                (0..n).map(|_| vec![stream.unit(), stream.unit()]).collect();
            let losses: Vec<f64> = places.iter().map(|p| (9.0 * p[0]).sin() + p[1]).collect();
            let radii = Radii::new(&coordinates, &places);
            let likelihood = |inverse: f64| {
                let factor = radii.factor(inverse);
                let mut residuals = losses.clone();
                residuals.resize(radii.panels * LANES, 0.0);
                factor.solve_lower(&mut residuals);
                let misfit: f64 = residuals.iter().map(|x| x * x).sum();
                -0.5 * misfit - factor.half_log_determinant()
            };
            let inverses = [1.6, 0.8, 0.4, 0.2, 0.1].map(|scale| 1.0 / (scale * 2.0_f64.sqrt()));
            let want = inverses
                .map(likelihood)
                .into_iter()
                .fold(f64::MIN, f64::max);
            let got = likelihood(radii.likeliest_inverse(&losses, 2));
            assert!((got - want).abs() < 1e-6, "{got} {want}");
        }
    }

    #[test]
    #[expect(
        clippy::too_many_lines,
        reason = "one comparison, its twin written out"
    )]
    fn covariances_and_likeliest_scales_are_their_twins() {
        let space = mixed();
        let coordinates = Coordinates::new(&space);
        let axes = coordinates.axes.len();
        for n in 1..=40 {
            let values = awkward(n * axes, n as u64);
            let places: Vec<Vec<f64>> = values.chunks(axes).map(<[f64]>::to_vec).collect();
            let losses: Vec<f64> = awkward(n, 99).iter().map(|x| x.clamp(-2.0, 2.0)).collect();
            let radii = Radii::new(&coordinates, &places);
            let padded = radii.panels * LANES;
            let radius = |i: usize, j: usize| {
                if i < n {
                    radius_twin(&coordinates, &places[j], &places[i])
                } else {
                    1e6
                }
            };
            let twin = |inverse: f64| {
                factor_twin(padded, |i, j| {
                    let radius = radius(i, j);
                    if i == j {
                        1.0 + NOISE
                    } else {
                        covariance_twin(radius, decay_twin(radius, inverse), inverse)
                    }
                })
            };
            let factor = radii.factor(0.7);
            let want = solve_twin(&twin(0.7), &vec![1.0; padded]);
            let mut got = vec![1.0; padded];
            factor.solve_lower(&mut got);
            assert_bits(&got, &want, n);

            // Up to 32 points all of them are judges.
            if n > JUDGES {
                continue;
            }
            let mut best = (f64::NEG_INFINITY, 0.0);
            let longest = 1.0 / (LONGEST * (axes as f64).sqrt());
            for halvings in 0..5 {
                let inverse = longest * f64::from(1 << halvings);
                let (rows, inverses) = factor_twin(padded, |i, j| {
                    let radius = radius(i, j);
                    let mut decay = decay_twin(radius, longest);
                    for _ in 0..halvings {
                        decay *= decay;
                    }
                    let covariance = covariance_twin(radius, decay, inverse);
                    if i == j { 1.0 + NOISE } else { covariance }
                });
                let mut residuals = losses.clone();
                residuals.resize(padded, 0.0);
                let log_determinant: f64 = inverses
                    .chunks(32)
                    .map(|part| libm::log(part.iter().fold(1.0, |product, i| product * i)))
                    .sum();
                let misfit: f64 = solve_twin(&(rows, inverses), &residuals)
                    .iter()
                    .map(|x| x * x)
                    .sum();
                let likelihood = -0.5 * misfit + log_determinant;
                if likelihood >= best.0 {
                    best = (likelihood, inverse);
                }
            }
            assert_bits(&[radii.likeliest_inverse(&losses, axes)], &[best.1], n);
        }
    }
}
