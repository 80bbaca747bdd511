//! Each kernel against its scalar twin: a plain loop with the same operations in the same order,
//! which must give the same bits whatever vectors the machine has.

use std::hint::black_box;

use super::simd::*;
use super::sums::*;
use crate::numeric::rng::Stream;

/// Lengths that twins are compared at.
pub(crate) const LENGTHS: std::ops::RangeInclusive<usize> = 0..=40;

/// Numbers of either sign, among them zeros, denormal and large ones; none has a square that is not
/// finite.
pub(crate) fn awkward(length: usize, seed: u64) -> Vec<f64> {
    const ODD: [f64; 12] = [
        0.0, -0.0, 5e-324, -5e-324, 2.2e-308, -1e-310, 1e-160, -1e-17, 1.0, -1.0, 1e5, -1e150,
    ];
    let mut stream = Stream::new(seed, 1);
    let mut any = || match stream.below(4) {
        0 => ODD[usize::try_from(stream.below(12)).expect("small")],
        _ => 4.0 * stream.unit() - 2.0,
    };
    (0..length).map(|_| any()).collect()
}

/// Positive numbers, of ordinary size and of all sizes.
pub(crate) fn positive(length: usize, seed: u64) -> Vec<f64> {
    let mut stream = Stream::new(seed, 2);
    let mut any = || match stream.below(4) {
        0 => libm::exp2(600.0 * stream.unit() - 300.0),
        _ => 0.01 + 3.0 * stream.unit(),
    };
    (0..length).map(|_| any()).collect()
}

/// That numbers have the same bits, or are both none.
pub(crate) fn assert_bits(got: &[f64], want: &[f64], what: impl std::fmt::Display) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        let same = got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan());
        assert!(same, "{what}, at {at}: {got:e} is not {want:e}");
    }
}

/// The twin of [`exp_negative`]. Not inlined, so that no caller can make vector code of it.
#[inline(never)]
pub(crate) fn exp_twin(x: f64) -> f64 {
    if x < -708.0 {
        return 0.0;
    }
    let magic = 1.5 * 4_503_599_627_370_496.0;
    let n = black_box(x * std::f64::consts::LOG2_E + magic) - magic;
    let r = (x - n * 0.693_147_180_369_123_8) - n * 1.908_214_929_270_587_7e-10;
    let (r2, r4) = (r * r, (r * r) * (r * r));
    let term = |n: f64| 1.0 / n + r * (1.0 / (n * (power_after(n))));
    let low = ((1.0 + r) + r2 * term(2.0)) + r4 * (term(24.0) + r2 * term(720.0));
    let high = (term(40_320.0) + r2 * term(3_628_800.0)) + r4 * (1.0 / 479_001_600.0);
    let p = low + (r4 * r4) * high;
    #[expect(clippy::cast_possible_truncation)]
    let n = n as i32;
    // Exact, as neither factor nor product is denormal.
    p * libm::exp2(f64::from(n / 2)) * libm::exp2(f64::from(n - n / 2))
}

/// For `k!` the number after `k`.
fn power_after(factorial: f64) -> f64 {
    let (mut k, mut product) = (1.0, 1.0);
    while product < factorial {
        k += 1.0;
        product *= k;
    }
    k + 1.0
}

/// The twin of [`ln_normal`].
#[inline(never)]
fn ln_twin(x: f64) -> f64 {
    let (mut mantissa, mut k) = libm::frexp(x);
    if mantissa < std::f64::consts::FRAC_1_SQRT_2 {
        mantissa *= 2.0;
        k -= 1;
    }
    let (f, k) = (mantissa - 1.0, f64::from(k));
    let s = f / (2.0 + f);
    let (z, z2) = (s * s, (s * s) * (s * s));
    let pair = |n: f64| 2.0 / n + z * (2.0 / (n + 2.0));
    let late = (pair(11.0) + z2 * pair(15.0)) + (z2 * z2) * pair(19.0);
    let r = z * ((pair(3.0) + z2 * pair(7.0)) + (z2 * z2) * late);
    k * 0.693_147_180_369_123_8 + ((f - s * (f - r)) + k * 1.908_214_929_270_587_7e-10)
}

/// The twin of [`sum_of`] for values that belong to lanes in turn.
pub(crate) fn sum_twin(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut lanes = [0.0; LANES];
    for (at, value) in values.into_iter().enumerate() {
        lanes[at % 8] += black_box(value);
    }
    fold(lanes)
}

/// Lanes as they are added.
fn fold([a, b, c, d, e, f, g, h]: [f64; 8]) -> f64 {
    ((a + e) + (b + f)) + ((c + g) + (d + h))
}

#[test]
fn exponential_is_accurate_over_its_whole_range() {
    let mut worst = 0.0_f64;
    for i in 0..200_000 {
        let x = -f64::from(i) * 0.003_5;
        worst = worst.max((exp_negative(x) / libm::exp(x) - 1.0).abs());
    }
    assert!(worst < 5e-16, "{worst:e}");
    assert_eq!(exp_negative(0.0), 1.0);
    assert_eq!(exp_negative(-800.0), 0.0);
    assert_eq!(exp_negative(f64::NEG_INFINITY), 0.0);
}

#[test]
fn logarithm_is_accurate_over_its_whole_range() {
    let mut xs: Vec<f64> = (-1_000..1_000)
        .flat_map(|e| [1.0, 1.2, 1.41, 1.42, 1.9].map(|m| m * libm::exp2(f64::from(e))))
        .chain((-50..50).map(|i| 1.0 + f64::from(i) * 1e-9))
        .chain([f64::MIN_POSITIVE, f64::MAX])
        .collect();
    let exact: Vec<f64> = xs.iter().map(|&x| libm::log(x)).collect();
    ln_all(&mut xs);
    for (got, exact) in xs.iter().zip(&exact) {
        assert!((got - exact).abs() <= 4e-16 * exact.abs(), "{got} {exact}");
    }
    let mut odd = [0.0, 5e-324, -1.0, f64::INFINITY, 1.0];
    ln_all(&mut odd);
    assert_eq!(
        (odd[0], odd[3], odd[4]),
        (f64::NEG_INFINITY, f64::INFINITY, 0.0)
    );
    assert!(odd[1] < -744.0 && odd[2].is_nan());
}

#[test]
fn exponential_and_logarithm_are_their_twins() {
    let mut xs: Vec<f64> = (0..100_000).map(|i| -f64::from(i) * 0.007_1).collect();
    xs.extend([
        -0.0,
        -5e-324,
        -707.999,
        -708.0,
        -708.000_1,
        f64::NEG_INFINITY,
    ]);
    let want: Vec<f64> = xs.iter().map(|&x| exp_twin(x)).collect();
    vectorized(
        #[inline(always)]
        || xs.iter_mut().for_each(|x| *x = exp_negative(*x)),
    );
    assert_bits(&xs, &want, "exp");
    for length in LENGTHS {
        let mut xs = positive(length, 3);
        let ends = [
            f64::MIN_POSITIVE,
            f64::MAX,
            1.0,
            1.0 - 1e-16,
            std::f64::consts::FRAC_1_SQRT_2,
        ];
        xs.iter_mut().zip(ends).for_each(|(x, end)| *x = end);
        let want: Vec<f64> = xs.iter().map(|&x| ln_twin(x)).collect();
        let mut got = xs.clone();
        ln_all(&mut got);
        assert_bits(&got, &want, length);
        // With one that is not normal, all are taken one by one.
        xs.push([0.0, 5e-324, f64::INFINITY, f64::NAN, -1.0][length % 5]);
        let want: Vec<f64> = xs.iter().map(|&x| libm::log(x)).collect();
        ln_all(&mut xs);
        assert_bits(&xs, &want, length);
    }
}

#[test]
fn sums_and_scaled_sums_are_their_twins() {
    for length in LENGTHS {
        let (values, mut out) = (awkward(length, 1), awkward(length, 2));
        let want = sum_twin(values.iter().copied());
        assert_bits(&[sum_all(&values)], &[want], length);
        for scale in [0.3, -0.0, 5e-324, -1e150] {
            let want: Vec<f64> = out
                .iter()
                .zip(&values)
                .map(|(o, v)| o + scale * v)
                .collect();
            add_scaled(&mut out, scale, &values);
            assert_bits(&out, &want, length);
        }
    }
}

#[test]
fn gaussians_are_their_twin() {
    for length in LENGTHS {
        let mut xs = awkward(length, 4);
        xs.iter_mut().take(1).for_each(|x| *x = f64::INFINITY);
        for (mu, sigma, scale) in [
            (0.1, 0.7, 2.0),
            (-0.0, 5e-324, 1e300),
            (1e150, 1e150, 5e-324),
        ] {
            let twin = |x: f64| {
                let z = (x - mu) / sigma;
                scale * exp_twin(-0.5 * z * z)
            };
            let want: Vec<f64> = xs.iter().map(|&x| twin(x)).collect();
            assert_bits(&gaussian(&xs, mu, sigma, scale), &want, length);
        }
    }
}

#[test]
fn mixture_sums_are_their_twin() {
    for kernels in LENGTHS {
        let (scales, inverses) = (positive(kernels, 5), positive(kernels, 6));
        let mus = awkward(kernels, 7);
        let xs = awkward(kernels % 7, 8);
        let of = |x: f64| {
            sum_twin((0..kernels).map(|k| {
                let z = (x - mus[k]) * inverses[k];
                scales[k] * exp_twin(-0.5 * z * z)
            }))
        };
        let want: Vec<f64> = xs.iter().map(|&x| of(x)).collect();
        assert_bits(&mixture_sums(&xs, &scales, &mus, &inverses), &want, kernels);
    }
}

#[test]
fn gaussians_on_a_grid_are_their_twin() {
    let any = |x: f64| {
        if x < 0.0 {
            exp_twin(x)
        } else {
            1.0 / exp_twin(-x)
        }
    };
    for length in LENGTHS.chain([255, 256, 257, 600]) {
        for (z, step, scale) in [
            (-3.0, 0.01, 0.7),
            (0.0, 1e-9, 1e300),
            (-37.5, 0.125, 5e-324),
        ] {
            let mut got = awkward(length, 9);
            let mut want = got.clone();
            let h = step * 8.0;
            let shrink = exp_twin(-h * h);
            let (mut values, mut ratios) = ([0.0; LANES], [0.0; LANES]);
            for (at, out) in want.iter_mut().enumerate() {
                let lane = at % 8;
                if at % 256 < 8 {
                    let start = z + (at - at % 256) as f64 * step;
                    let place = start + lane as f64 * step;
                    values[lane] = scale * exp_twin(-0.5 * place * place);
                    ratios[lane] = any(-h * (place + 0.5 * h));
                }
                *out += values[lane];
                values[lane] *= ratios[lane];
                ratios[lane] *= shrink;
            }
            add_gaussian(&mut got, z, step, scale);
            assert_bits(&got, &want, format_args!("{length} of {step}"));
        }
    }
}

#[test]
fn interpolants_are_their_twin() {
    let weights: [f64; WINDOW] =
        std::array::from_fn(|t| if t % 2 == 0 { 1.0 } else { -1.0 } * (1.0 + 0.37 * t as f64));
    for length in LENGTHS {
        let tables = [11, 12, 13].map(|seed| awkward(length + 20, seed));
        let tables: [&[f64]; 3] = std::array::from_fn(|t| &tables[t][..length + 7 * t]);
        let mut places: Vec<f64> = awkward(40, 14).iter().map(|x| 10.0 + 12.0 * x).collect();
        places.extend([8.0, 9.0, 8.0 - 1e-15, 8.5, -0.0, 5e-324, 1e300, f64::NAN]);
        for factors in [[0.2, 0.3, 0.5], [-0.0, 1e150, 5e-324]] {
            let value = |at: usize| {
                (factors[0] * tables[0][at] + factors[1] * tables[1][at])
                    + factors[2] * tables[2][at]
            };
            let twin = |place: f64| {
                let first = place.floor() - 8.0;
                if !(first >= 0.0 && first <= length as f64 - 18.0) {
                    return f64::NAN;
                }
                let offset = place - first;
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let first = first as usize;
                let (mut over, mut under) = ([0.0; LANES], [0.0; LANES]);
                // The last eight points follow on the first sixteen, of which six come again.
                for (t, weighs) in (0..16)
                    .map(|t| (t, true))
                    .chain((10..18).map(|t| (t, t >= 16)))
                {
                    let lane = if t < 16 && weighs { t % 8 } else { t - 10 };
                    let weight = if weighs { weights[t] } else { 0.0 } / (offset - t as f64);
                    over[lane] += weight * value(first + t);
                    under[lane] += weight;
                }
                let quotient = fold(over) / fold(under);
                if quotient.is_nan() {
                    value(first + 8)
                } else {
                    quotient
                }
            };
            let want: Vec<f64> = places.iter().map(|&place| twin(place)).collect();
            let mut got = vec![0.0; places.len()];
            interpolate(&places, tables, factors, &weights, &mut got);
            assert_bits(&got, &want, length);
        }
    }
}

/// Compares the sums over product kernels, `kernels` of them in `n + c` columns, at some points.
#[expect(clippy::too_many_lines, reason = "a comparison written out")]
fn compare_joint(kernels: usize, n: usize, c: usize, points: usize) {
    let columns = |count: usize, seed| -> Vec<Vec<f64>> {
        (0..count)
            .map(|d| awkward(kernels, seed + d as u64))
            .collect()
    };
    let categories = |length: usize, d: usize| -> Vec<f64> {
        (0..length).map(|k| ((k * 7 + d) % 3) as f64).collect()
    };
    let mus = columns(n, 20);
    let kinds: Vec<Vec<f64>> = (0..c).map(|d| categories(kernels, d)).collect();
    let matching = [-0.1, -1e-300, -0.0];
    let other = [-2.5, f64::NEG_INFINITY, -800.0];
    let mut log_scales: Vec<f64> = positive(kernels, 40)
        .iter()
        .map(|x| 1.7 - x.min(900.0))
        .collect();
    log_scales
        .iter_mut()
        .skip(3)
        .step_by(5)
        .for_each(|scale| *scale = f64::NEG_INFINITY);
    let weights = positive(kernels, 41);
    let points: Vec<Point> = (0..points)
        .map(|i| Point {
            numbers: awkward(n, 50 + i as u64),
            categories: (0..c).map(|d| ((i + d) % 4) as f64).collect(),
        })
        .collect();
    let of = |point: &Point| {
        sum_twin((0..kernels).map(|k| {
            let mut squares = 0.0;
            for (x, column) in point.numbers.iter().zip(&mus) {
                let z = x - column[k];
                squares += z * z;
            }
            let mut exponent = (-1.7 + log_scales[k]) - 0.5 * squares;
            for d in 0..c {
                exponent += if point.categories[d] == kinds[d][k] {
                    matching[d]
                } else {
                    other[d]
                };
            }
            weights[k] * exp_twin(exponent)
        }))
    };
    let want: Vec<f64> = points.iter().map(of).collect();
    let kernel_columns = Kernels {
        numbers: mus.iter().map(|column| &column[..]).collect(),
        categories: (0..c)
            .map(|d| Categories {
                column: &kinds[d],
                matching: matching[d],
                other: other[d],
            })
            .collect(),
        log_scales: &log_scales,
        shift: 1.7,
        weights: &weights,
    };
    let got = joint_sums(&kernel_columns, &points);
    assert_bits(
        &got,
        &want,
        format_args!("{kernels} kernels, {n} and {c} columns"),
    );
}

#[test]
fn joint_sums_are_their_twin() {
    for kernels in LENGTHS {
        for (n, c) in [(0, 0), (1, 0), (0, 1), (2, 1), (3, 3)] {
            compare_joint(kernels, n, c, kernels % 10);
        }
    }
}
