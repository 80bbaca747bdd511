//! Sums of many kernels at many points, and what they are made of.

use pulp::{Simd, WithSimd};

use crate::numeric::simd::{ARCH, LANES, exp_negative, sum_of, vectorized};

/// For each `x`: `scale * exp(-0.5 * ((x - mu) / sigma)^2)`.
pub(crate) fn gaussian(xs: &[f64], mu: f64, sigma: f64, scale: f64) -> Vec<f64> {
    let mut out = vec![0.0; xs.len()];
    vectorized(
        #[inline(always)]
        || {
            for (out, x) in out.iter_mut().zip(xs) {
                let z = (x - mu) / sigma;
                *out = scale * exp_negative(-0.5 * z * z);
            }
        },
    );
    out
}

/// For each `x`: `sum_k scales[k] * exp(-0.5 * ((x - mus[k]) * inverses[k])^2)`.
///
/// `scales` are weights over bandwidths, `inverses` one over bandwidths.
#[must_use]
pub(crate) fn mixture_sums(xs: &[f64], scales: &[f64], mus: &[f64], inverses: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; xs.len()];
    vectorized(
        #[inline(always)]
        || {
            let (s, s_rest) = scales.as_chunks::<LANES>();
            let (m, m_rest) = mus.as_chunks::<LANES>();
            let (i, i_rest) = inverses.as_chunks::<LANES>();
            // Kernels of no weight fill the last lanes up: they add zero.
            let pad = |rest: &[f64], with: f64| {
                let mut lanes = [with; LANES];
                lanes[..rest.len()].copy_from_slice(rest);
                lanes
            };
            let last = [pad(s_rest, 0.0), pad(m_rest, 0.0), pad(i_rest, 1.0)];
            for (sum, &x) in sums.iter_mut().zip(xs) {
                let mut lanes = [0.0; LANES];
                let mut add = |s: &[f64; LANES], m: &[f64; LANES], i: &[f64; LANES]| {
                    for lane in 0..LANES {
                        let z = (x - m[lane]) * i[lane];
                        lanes[lane] += s[lane] * exp_negative(-0.5 * z * z);
                    }
                };
                for ((s, m), i) in s.iter().zip(m).zip(i) {
                    add(s, m, i);
                }
                if !s_rest.is_empty() {
                    add(&last[0], &last[1], &last[2]);
                }
                *sum = sum_of(lanes);
            }
        },
    );
    sums
}

/// Steps after which [`add_gaussian`] starts its recurrence anew.
const RESTART: usize = 32;

/// Adds `scale * exp(-0.5 * (z + j * step)^2)` to `out[j]`.
///
/// A Gaussian on equispaced points needs no exponentials: with lanes `h = LANES * step` apart, the
/// ratio of neighbours is `r_j = exp(-h * (z_j + h / 2))`, and the ratio of ratios `exp(-h^2)` is
/// constant. Rounding grows with the square of the steps, hence the restarts.
pub(crate) fn add_gaussian(out: &mut [f64], z: f64, step: f64, scale: f64) {
    struct Add<'a> {
        out: &'a mut [f64],
        z: f64,
        step: f64,
        scale: f64,
    }
    impl WithSimd for Add<'_> {
        type Output = ();
        #[expect(clippy::inline_always, reason = "as for `exp_negative`")]
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let h = self.step * LANES as f64;
            let shrink = simd.splat_f64s(exp_negative(-h * h));
            for (block, chunk) in self.out.chunks_mut(LANES * RESTART).enumerate() {
                let start = self.z + (block * LANES * RESTART) as f64 * self.step;
                let mut value = [0.0; LANES];
                let mut ratio = [0.0; LANES];
                for lane in 0..LANES {
                    let at = start + lane as f64 * self.step;
                    value[lane] = self.scale * exp_negative(-0.5 * at * at);
                    ratio[lane] = exp_any(-h * (at + 0.5 * h));
                }
                let (rows, rest) = chunk.as_chunks_mut::<LANES>();
                let values = S::as_mut_simd_f64s(&mut value).0;
                let ratios = S::as_mut_simd_f64s(&mut ratio).0;
                for (part, (value, ratio)) in values.iter_mut().zip(ratios).enumerate() {
                    for row in rows.iter_mut() {
                        let out = &mut S::as_mut_simd_f64s(row).0[part];
                        *out = simd.add_f64s(*out, *value);
                        *value = simd.mul_f64s(*value, *ratio);
                        *ratio = simd.mul_f64s(*ratio, shrink);
                    }
                }
                for (out, value) in rest.iter_mut().zip(value) {
                    *out += value;
                }
            }
        }
    }
    ARCH.dispatch(Add {
        out,
        z,
        step,
        scale,
    });
}

/// `exp(x)` for `|x| <= 700`.
#[expect(clippy::inline_always, reason = "as for `exp_negative`")]
#[inline(always)]
fn exp_any(x: f64) -> f64 {
    let small = exp_negative(if x < 0.0 { x } else { -x });
    if x < 0.0 { small } else { 1.0 / small }
}

/// Points that an interpolation reads.
pub(crate) const WINDOW: usize = 18;

/// Where the vectors of a window begin. The last one overlaps the one before it: what that has
/// seen already gets no weight.
const PARTS: [usize; 3] = [0, LANES, WINDOW - LANES];

/// For each of `places`, given in steps from the first of equispaced points: the interpolant of
/// `sum_t factors[t] * tables[t]`, with the barycentric weights of a window; NaN where the window
/// around the place is not within the tables.
#[expect(
    clippy::too_many_lines,
    reason = "one loop nest, inlined as a whole so that it becomes vector code"
)]
pub(crate) fn interpolate(
    places: &[f64],
    tables: [&[f64]; 3],
    factors: [f64; 3],
    weights: &[f64; WINDOW],
    out: &mut [f64],
) {
    struct Interpolate<'a> {
        places: &'a [f64],
        tables: [&'a [f64]; 3],
        factors: [f64; 3],
        weights: [[f64; LANES]; PARTS.len()],
        steps: [[f64; LANES]; PARTS.len()],
        out: &'a mut [f64],
    }
    impl WithSimd for Interpolate<'_> {
        type Output = ();
        #[expect(clippy::inline_always, reason = "as for `exp_negative`")]
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            let length = self.tables.map(<[f64]>::len).into_iter().min().unwrap_or(0);
            let last = length as f64 - WINDOW as f64;
            let factors = self.factors.map(|factor| simd.splat_f64s(factor));
            for (out, &place) in self.out.iter_mut().zip(self.places) {
                let first = place.floor() - (WINDOW / 2 - 1) as f64;
                if !(first >= 0.0 && first <= last) {
                    *out = f64::NAN;
                    continue;
                }
                let offset = place - first;
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let first = first as usize;
                let [a, b, c] = self.tables.map(|t| &t[first..first + WINDOW]);
                let mut over = [0.0; LANES];
                let mut under = [0.0; LANES];
                {
                    let over = S::as_mut_simd_f64s(&mut over).0;
                    let under = S::as_mut_simd_f64s(&mut under).0;
                    let offset = simd.splat_f64s(offset);
                    for (from, (weights, steps)) in
                        PARTS.into_iter().zip(self.weights.iter().zip(&self.steps))
                    {
                        let weights = S::as_simd_f64s(weights).0;
                        let steps = S::as_simd_f64s(steps).0;
                        let [a, b, c] =
                            [a, b, c].map(|t| S::as_simd_f64s(&t[from..from + LANES]).0);
                        for part in 0..weights.len() {
                            let weight =
                                simd.div_f64s(weights[part], simd.sub_f64s(offset, steps[part]));
                            let value = simd.add_f64s(
                                simd.add_f64s(
                                    simd.mul_f64s(factors[0], a[part]),
                                    simd.mul_f64s(factors[1], b[part]),
                                ),
                                simd.mul_f64s(factors[2], c[part]),
                            );
                            over[part] = simd.add_f64s(over[part], simd.mul_f64s(weight, value));
                            under[part] = simd.add_f64s(under[part], weight);
                        }
                    }
                }
                let value = sum_of(over) / sum_of(under);
                *out = if value.is_nan() {
                    // On a node, whose weight is infinite.
                    let at = WINDOW / 2 - 1;
                    let [a, b, c] = [a, b, c].map(|t| t[at]);
                    (self.factors[0] * a + self.factors[1] * b) + self.factors[2] * c
                } else {
                    value
                };
            }
        }
    }
    ARCH.dispatch(Interpolate {
        places,
        tables,
        factors,
        weights: std::array::from_fn(|part| {
            std::array::from_fn(|lane| {
                let seen = part > 0 && PARTS[part] + lane < PARTS[part - 1] + LANES;
                if seen {
                    0.0
                } else {
                    weights[PARTS[part] + lane]
                }
            })
        }),
        steps: PARTS.map(|from| std::array::from_fn(|lane| (from + lane) as f64)),
        out,
    });
}

/// Candidates whose sums are taken in one pass over the kernels.
const BLOCK: usize = 4;

/// Product kernels in columns, with one entry per kernel.
pub(crate) struct Kernels<'a> {
    /// Locations over the bandwidth.
    pub(crate) numbers: Vec<&'a [f64]>,
    pub(crate) categories: Vec<Categories<'a>>,
    pub(crate) log_scales: &'a [f64],
    /// At least every log scale, and subtracted from them.
    pub(crate) shift: f64,
    pub(crate) weights: &'a [f64],
}

/// A column of categories, and the logarithms of what a match and another category give.
pub(crate) struct Categories<'a> {
    pub(crate) column: &'a [f64],
    pub(crate) matching: f64,
    pub(crate) other: f64,
}

/// Where a density is asked for, in the units of the columns.
pub(crate) struct Point {
    pub(crate) numbers: Vec<f64>,
    pub(crate) categories: Vec<f64>,
}

/// For each point: `sum_k weights[k] * exp(log_scales[k] - shift - 0.5 * |x - numbers[.][k]|^2 +
/// sum_c ln p_c)`, where `ln p_c` is `matching` if the point has the kernel's category, else
/// `other`.
#[must_use]
#[expect(
    clippy::too_many_lines,
    reason = "one loop nest, inlined as a whole so that it becomes vector code"
)]
pub(crate) fn joint_sums(kernels: &Kernels<'_>, points: &[Point]) -> Vec<f64> {
    let Kernels {
        numbers,
        categories,
        log_scales,
        shift,
        weights,
    } = kernels;
    let mut sums = Vec::with_capacity(points.len());
    for block in points.chunks(BLOCK) {
        // A short block repeats its last point; what is too many is cut off.
        let at = |i: usize| &block[i.min(block.len() - 1)];
        let block_numbers: Vec<[f64; BLOCK]> = (0..numbers.len())
            .map(|d| std::array::from_fn(|i| at(i).numbers[d]))
            .collect();
        let block_categories: Vec<[f64; BLOCK]> = (0..categories.len())
            .map(|d| std::array::from_fn(|i| at(i).categories[d]))
            .collect();
        let block_sums = vectorized(
            #[inline(always)]
            || {
                let mut lanes = [[0.0; LANES]; BLOCK];
                let count = weights.len();
                let mut first = 0;
                while first < count {
                    let width = LANES.min(count - first);
                    let mut exponents = [[0.0; LANES]; BLOCK];
                    let mut own = [-*shift; LANES];
                    for (lane, own) in own.iter_mut().enumerate().take(width) {
                        *own += log_scales[first + lane];
                    }
                    for (column, x) in numbers.iter().zip(&block_numbers) {
                        let mu: [f64; LANES] = load(column, first, width);
                        for i in 0..BLOCK {
                            for lane in 0..LANES {
                                let z = x[i] - mu[lane];
                                exponents[i][lane] += z * z;
                            }
                        }
                    }
                    for exponent in &mut exponents {
                        for lane in 0..LANES {
                            exponent[lane] = own[lane] - 0.5 * exponent[lane];
                        }
                    }
                    for (category, x) in categories.iter().zip(&block_categories) {
                        let c: [f64; LANES] = load(category.column, first, width);
                        for i in 0..BLOCK {
                            for lane in 0..LANES {
                                exponents[i][lane] += if x[i] == c[lane] {
                                    category.matching
                                } else {
                                    category.other
                                };
                            }
                        }
                    }
                    let w: [f64; LANES] = load(weights, first, width);
                    for i in 0..BLOCK {
                        for lane in 0..LANES {
                            lanes[i][lane] += w[lane] * exp_negative(exponents[i][lane]);
                        }
                    }
                    first += LANES;
                }
                lanes.map(sum_of)
            },
        );
        sums.extend_from_slice(&block_sums[..block.len()]);
    }
    sums
}

/// `width` entries from `first` on, and zeros.
#[expect(clippy::inline_always, reason = "as for `exp_negative`")]
#[inline(always)]
fn load(column: &[f64], first: usize, width: usize) -> [f64; LANES] {
    if width == LANES {
        return *column[first..].first_chunk().expect("a whole chunk");
    }
    let mut out = [0.0; LANES];
    out[..width].copy_from_slice(&column[first..first + width]);
    out
}

/// `out[j] += scale * values[j]`.
pub(crate) fn add_scaled(out: &mut [f64], scale: f64, values: &[f64]) {
    vectorized(
        #[inline(always)]
        || {
            for (o, v) in out.iter_mut().zip(values) {
                *o += scale * v;
            }
        },
    );
}
