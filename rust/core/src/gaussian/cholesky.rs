//! Triangular factors of small covariance matrices.
//!
//! Matrices are kept in panels of [`LANES`] rows, so that the inner loops run over the rows of a
//! panel and need no sums across lanes. Sums are taken in one order, as everywhere in the crate,
//! so that results do not depend on the machine.

use crate::numeric::simd::{LANES, Lanes, vectorized};

/// Pivots are at least this: a matrix that is singular but for rounding has a factor all the same.
const MIN_PIVOT: f64 = 1e-10;

/// The lower factor `L` of `A = L L^T`.
#[derive(Debug, Clone)]
pub(crate) struct Cholesky {
    /// Entries by panel, and in a panel by column, up to that of its last row.
    entries: Vec<Lanes>,
    /// One over the diagonal.
    inverses: Vec<f64>,
}

/// Where the panel of a number starts among the entries.
pub(crate) const fn start(panel: usize) -> usize {
    LANES * panel * (panel + 1) / 2
}

impl Cholesky {
    /// Room for a matrix of `panels` panels, not yet factored.
    pub(crate) fn with_room(panels: usize) -> Self {
        Self {
            entries: vec![Lanes::ZERO; start(panels)],
            inverses: vec![0.0; panels * LANES],
        }
    }

    /// Factors the matrix whose lower half `fill` writes; what else it writes is not read.
    pub(crate) fn factor(&mut self, fill: impl FnOnce(&mut [Lanes])) {
        fill(&mut self.entries);
        vectorized(
            #[inline(always)]
            || {
                for p in 0..self.inverses.len() / LANES {
                    let (above, rest) = self.entries.split_at_mut(start(p));
                    let panel = &mut rest[..LANES * (p + 1)];
                    let (done, inverses) = self.inverses.split_at_mut(LANES * p);
                    for (q, inverses) in done.chunks(LANES).enumerate() {
                        solve(&above[start(q)..start(q + 1)], inverses, panel);
                    }
                    factor_diagonal(panel, &mut inverses[..LANES]);
                }
            },
        );
    }

    /// The panels, each with one over its part of the diagonal.
    fn panels(&self) -> impl Iterator<Item = (&[Lanes], &[f64])> {
        let of = |(p, inverses)| (&self.entries[start(p)..start(p + 1)], inverses);
        self.inverses.chunks(LANES).enumerate().map(of)
    }

    /// `ln det A`, halved.
    pub(crate) fn half_log_determinant(&self) -> f64 {
        // A product of so few is far from the largest number: each is 1e5 at most.
        let products = self.inverses.chunks(4 * LANES).map(|i| i.iter().product());
        -products.map(|p: f64| libm::log(p)).sum::<f64>()
    }

    /// Solves `L x = b` in place.
    pub(crate) fn solve_lower(&self, b: &mut [f64]) {
        vectorized(
            #[inline(always)]
            || {
                for (p, (panel, inverses)) in self.panels().enumerate() {
                    let (done, rest) = b.split_at_mut(LANES * p);
                    let (before, diagonal) = panel.split_at(LANES * p);
                    let b = &mut rest[..LANES];
                    for (entries, x) in before.iter().zip(done) {
                        for lane in 0..LANES {
                            b[lane] -= entries[lane] * *x;
                        }
                    }
                    for column in 0..LANES {
                        b[column] *= inverses[column];
                        for lane in column + 1..LANES {
                            b[lane] -= diagonal[column][lane] * b[column];
                        }
                    }
                }
            },
        );
    }

    /// For each lane of `b` (one array per row), of `x = L^-1 b`: its product with `a`, and with
    /// itself. `b` becomes `x`.
    #[expect(clippy::inline_always, reason = "as for `subtract`")]
    #[inline(always)]
    pub(crate) fn products(&self, b: &mut [Lanes], a: &[f64]) -> (Lanes, Lanes) {
        let mut with_a = Lanes::ZERO;
        let mut squares = Lanes::ZERO;
        for ((q, (panel, inverses)), a) in self.panels().enumerate().zip(a.chunks(LANES)) {
            solve(panel, inverses, b);
            for (x, a) in b[LANES * q..LANES * (q + 1)].iter().zip(a) {
                for lane in 0..LANES {
                    with_a[lane] += a * x[lane];
                    squares[lane] += x[lane] * x[lane];
                }
            }
        }
        (with_a, squares)
    }
}

/// Solves `X L^T = B` for the columns of a panel's rows, those before them being solved. `x` holds
/// rows side by side, one array per column.
#[expect(clippy::inline_always, reason = "as for `subtract`")]
#[inline(always)]
fn solve(panel: &[Lanes], inverses: &[f64], x: &mut [Lanes]) {
    let (before, diagonal) = panel.split_at(panel.len() - LANES);
    let mut sums = subtract(before, x);
    for column in 0..LANES {
        for x in &mut sums[column].0 {
            *x *= inverses[column];
        }
        let solved = sums[column];
        for row in column + 1..LANES {
            for lane in 0..LANES {
                sums[row][lane] -= diagonal[column][row] * solved[lane];
            }
        }
    }
    x[before.len()..before.len() + LANES].copy_from_slice(&sums);
}

/// The columns of `x` that follow on those before, less what those say of them.
#[expect(
    clippy::inline_always,
    reason = "without it the callers' loops do not vectorise"
)]
#[inline(always)]
fn subtract(before: &[Lanes], x: &[Lanes]) -> [Lanes; LANES] {
    let (done, rest) = x.split_at(before.len());
    let mut sums: [Lanes; LANES] = std::array::from_fn(|column| rest[column]);
    // Half of them at a time stay in registers, and none has to wait for another.
    for first in [0, LANES / 2] {
        let mut half: [Lanes; LANES / 2] = std::array::from_fn(|column| sums[first + column]);
        for (entries, solved) in before.iter().zip(done) {
            for column in 0..LANES / 2 {
                for lane in 0..LANES {
                    half[column][lane] -= entries[first + column] * solved[lane];
                }
            }
        }
        sums[first..first + LANES / 2].copy_from_slice(&half);
    }
    sums
}

/// Factors the last rows of a panel, those before them being solved.
#[expect(clippy::inline_always, reason = "as for `subtract`")]
#[inline(always)]
fn factor_diagonal(panel: &mut [Lanes], inverses: &mut [f64]) {
    let before = panel.len() - LANES;
    let mut sums = subtract(&panel[..before], panel);
    for column in 0..LANES {
        let inverse = 1.0 / sums[column][column].max(MIN_PIVOT).sqrt();
        inverses[column] = inverse;
        for x in &mut sums[column].0 {
            *x *= inverse;
        }
        let solved = sums[column];
        for row in column + 1..LANES {
            for lane in 0..LANES {
                sums[row][lane] -= solved[row] * solved[lane];
            }
        }
    }
    panel[before..].copy_from_slice(&sums);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::hint::black_box;

    use crate::numeric::twins::{LENGTHS, assert_bits, awkward};

    /// Panels of a matrix, filled up with that of no covariance.
    fn factor(n: usize, entry: impl Fn(usize, usize) -> f64) -> Cholesky {
        let panels = n.div_ceil(LANES);
        let entry = |i: usize, j: usize| {
            if i < n && j < n {
                entry(i, j)
            } else {
                f64::from(i == j)
            }
        };
        let entries = (0..panels).flat_map(|p| (0..LANES * (p + 1)).map(move |j| (p, j)));
        let entries =
            entries.map(|(p, j)| Lanes(std::array::from_fn(|lane| entry(LANES * p + lane, j))));
        let mut factor = Cholesky::with_room(panels);
        factor.factor(|room| {
            for (to, from) in room.iter_mut().zip(entries) {
                *to = from;
            }
        });
        factor
    }

    /// A covariance with entries far from and near to one another.
    fn entry(i: usize, j: usize) -> f64 {
        let gap = (i as f64 - j as f64).abs() * 0.3;
        libm::exp(-gap) + if i == j { 1e-3 } else { 0.0 }
    }

    /// `L_ij`, zero above the diagonal.
    fn at(factor: &Cholesky, i: usize, j: usize) -> f64 {
        match i.cmp(&j) {
            std::cmp::Ordering::Less => 0.0,
            std::cmp::Ordering::Equal => 1.0 / factor.inverses[i],
            std::cmp::Ordering::Greater => factor.entries[start(i / LANES) + j][i % LANES],
        }
    }

    #[test]
    fn the_factor_times_itself_is_the_matrix() {
        for n in [1, 2, 7, 8, 9, 33, 64] {
            let factor = factor(n, entry);
            for i in 0..n {
                for j in 0..=i {
                    let got: f64 = (0..=j).map(|k| at(&factor, i, k) * at(&factor, j, k)).sum();
                    let want = entry(i, j);
                    assert!((got - want).abs() < 1e-14, "{n} {i} {j}: {got} {want}");
                }
            }
        }
    }

    #[test]
    fn solutions_times_the_factor_are_what_was_given() {
        for n in [1, 8, 37] {
            let factor = factor(n, entry);
            let b: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
            let mut x = b.clone();
            x.resize(n.next_multiple_of(LANES), 0.0);
            factor.solve_lower(&mut x);
            for (i, want) in b.iter().enumerate() {
                let got: f64 = (0..=i).map(|j| at(&factor, i, j) * x[j]).sum();
                assert!((got - want).abs() < 1e-12, "{n} {i}: {got} {want}");
            }
            assert!(x[n..].iter().all(|&x| x == 0.0));
        }
    }

    #[test]
    fn products_of_lanes_are_those_of_single_solutions() {
        let factor = factor(37, entry);
        let mut lanes = vec![Lanes::ZERO; 40];
        for (i, row) in lanes[..37].iter_mut().enumerate() {
            *row = Lanes(std::array::from_fn(|lane| ((i * 8 + lane) as f64).cos()));
        }
        let a: Vec<f64> = (0..40).map(|i| 0.1 * f64::from(i)).collect();
        let singles: Vec<(f64, f64)> = (0..LANES)
            .map(|lane| {
                let mut b: Vec<f64> = lanes.iter().map(|row| row[lane]).collect();
                factor.solve_lower(&mut b);
                let with_a = b.iter().zip(&a).map(|(x, a)| x * a).sum();
                (with_a, b.iter().map(|x| x * x).sum())
            })
            .collect();
        let (with_a, squares) = factor.products(&mut lanes, &a);
        for ((got, square), single) in with_a.iter().zip(*squares).zip(singles) {
            assert!((got / single.0 - 1.0).abs() < 1e-11, "{got} {single:?}");
            assert!((square / single.1 - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn the_determinant_is_that_of_a_known_matrix() {
        // [[4, 2], [2, 3]] has 8.
        let factor = factor(2, |i, j| [[4.0, 2.0], [2.0, 3.0]][i][j]);
        assert!((factor.half_log_determinant() - 0.5 * 8.0_f64.ln()).abs() < 1e-14);
    }

    #[test]
    fn equal_rows_have_a_factor() {
        let factor = factor(3, |_, _| 1.0);
        let mut x = [1.0; LANES];
        factor.solve_lower(&mut x);
        assert!(x.iter().all(|x| x.is_finite()));
    }

    /// The twin of the factor: its rows, and one over the diagonal.
    pub(crate) fn factor_twin(
        n: usize,
        entry: impl Fn(usize, usize) -> f64,
    ) -> (Vec<Vec<f64>>, Vec<f64>) {
        let mut rows: Vec<Vec<f64>> = Vec::new();
        let mut inverses = Vec::new();
        for i in 0..n {
            let mut row: Vec<f64> = Vec::new();
            for j in 0..=i {
                let mut rest = entry(i, j);
                for k in 0..j {
                    rest -= black_box(if j < i { &rows[j] } else { &row }[k] * row[k]);
                }
                if j == i {
                    inverses.push(1.0 / rest.max(MIN_PIVOT).sqrt());
                }
                row.push(rest * inverses[j]);
            }
            rows.push(row);
        }
        (rows, inverses)
    }

    /// The twin of [`Cholesky::solve_lower`].
    pub(crate) fn solve_twin((rows, inverses): &(Vec<Vec<f64>>, Vec<f64>), b: &[f64]) -> Vec<f64> {
        let mut x: Vec<f64> = Vec::new();
        for (i, &b) in b.iter().enumerate() {
            let mut rest = b;
            for k in 0..i {
                rest -= black_box(rows[i][k] * x[k]);
            }
            x.push(rest * inverses[i]);
        }
        x
    }

    #[test]
    fn factors_and_solutions_are_their_twins() {
        let kernels: [fn(usize, usize) -> f64; 5] = [
            entry,
            |_, _| 1.0,
            |i, j| if i == j { 1e-300 } else { 5e-324 },
            |i, j| {
                if i == j {
                    1e150
                } else {
                    1e140 * (i * j % 7) as f64
                }
            },
            |i, j| if i == j { 1.0 } else { -0.0 },
        ];
        for n in LENGTHS {
            for kernel in kernels {
                let padded = n.next_multiple_of(LANES);
                let twin = factor_twin(padded, |i, j| {
                    if i < n {
                        kernel(i, j)
                    } else {
                        f64::from(i == j)
                    }
                });
                let factor = factor(n, kernel);
                assert_bits(&factor.inverses, &twin.1, n);
                for i in 0..padded {
                    let got: Vec<f64> = (0..=i)
                        .map(|j| factor.entries[start(i / LANES) + j][i % LANES])
                        .collect();
                    assert_bits(&got, &twin.0[i], format_args!("row {i} of {n}"));
                }
                let mut x = awkward(padded, 1);
                let want = solve_twin(&twin, &x);
                factor.solve_lower(&mut x);
                assert_bits(&x, &want, n);

                let a = awkward(padded, 2);
                let columns: Vec<Vec<f64>> = (0..LANES as u64)
                    .map(|lane| awkward(padded, 3 + lane))
                    .collect();
                let mut block: Vec<Lanes> = (0..padded)
                    .map(|i| Lanes(std::array::from_fn(|lane| columns[lane][i])))
                    .collect();
                let (with_a, squares) = factor.products(&mut block, &a);
                for (lane, column) in columns.iter().enumerate() {
                    let x = solve_twin(&twin, column);
                    let got: Vec<f64> = block.iter().map(|row| row[lane]).collect();
                    assert_bits(&got, &x, n);
                    let products = x
                        .iter()
                        .zip(&a)
                        .fold((0.0, 0.0), |(p, s), (x, a)| (p + a * x, s + x * x));
                    assert_bits(&[with_a[lane], squares[lane]], &[products.0, products.1], n);
                }
            }
        }
    }
}
