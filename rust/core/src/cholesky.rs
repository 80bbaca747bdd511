//! Triangular factors of small covariance matrices.
//!
//! Sums are split into fixed lanes, as everywhere in the crate, so that results do not depend on
//! the machine.

use crate::vector::{LANES, vectorized};

/// Pivots are at least this: a matrix that is singular but for rounding has a factor all the same.
const MIN_PIVOT: f64 = 1e-10;

/// The lower factor `L` of `A = L L^T`, by rows of `n`; what is right of the diagonal is not read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cholesky {
    n: usize,
    rows: Vec<f64>,
    /// One over the diagonal.
    inverses: Vec<f64>,
}

/// One value a lane.
pub(crate) type Lanes = [f64; LANES];

impl Cholesky {
    /// Factors the matrix whose lower half is given by rows of `n`.
    pub(crate) fn new(mut rows: Vec<f64>, n: usize) -> Self {
        let mut inverses = vec![0.0; n];
        vectorized(
            #[inline(always)]
            || {
                for i in 0..n {
                    let (above, row) = rows.split_at_mut(i * n);
                    for j in 0..=i {
                        let sum = if j < i {
                            row[j] - dot(&row[..j], &above[j * n..j * n + j])
                        } else {
                            row[i] - dot(&row[..i], &row[..i])
                        };
                        row[j] = if j < i {
                            sum * inverses[j]
                        } else {
                            sum.max(MIN_PIVOT).sqrt()
                        };
                    }
                    inverses[i] = 1.0 / row[i];
                }
            },
        );
        Self { n, rows, inverses }
    }

    /// `ln det A`, halved.
    pub(crate) fn half_log_determinant(&self) -> f64 {
        -self.inverses.iter().map(|&i| libm::log(i)).sum::<f64>()
    }

    /// Solves `L x = b` in place.
    pub(crate) fn solve_lower(&self, b: &mut [f64]) {
        vectorized(
            #[inline(always)]
            || {
                for i in 0..self.n {
                    let sum = dot(&self.rows[i * self.n..i * self.n + i], &b[..i]);
                    b[i] = (b[i] - sum) * self.inverses[i];
                }
            },
        );
    }

    /// Solves `L^T x = b` in place.
    pub(crate) fn solve_upper(&self, b: &mut [f64]) {
        for i in (0..self.n).rev() {
            b[i] *= self.inverses[i];
            let x = b[i];
            for (b, l) in b.iter_mut().zip(&self.rows[i * self.n..i * self.n + i]) {
                *b -= l * x;
            }
        }
    }

    /// For each lane of `b` (one array a row): `|L^-1 b|^2`. `b` is used up.
    pub(crate) fn squared_norms(&self, b: &mut [Lanes]) -> Lanes {
        vectorized(
            #[inline(always)]
            || {
                let mut total = [0.0; LANES];
                for i in 0..self.n {
                    let row = &self.rows[i * self.n..i * self.n + i];
                    // Two sums, for the processor to go on while one is not there yet.
                    let mut sums = [[0.0; LANES]; 2];
                    let mut pairs = row.chunks_exact(2).zip(b.chunks_exact(2));
                    for (l, x) in &mut pairs {
                        for lane in 0..LANES {
                            sums[0][lane] += l[0] * x[0][lane];
                            sums[1][lane] += l[1] * x[1][lane];
                        }
                    }
                    if i % 2 == 1 {
                        for lane in 0..LANES {
                            sums[0][lane] += row[i - 1] * b[i - 1][lane];
                        }
                    }
                    for lane in 0..LANES {
                        let x = (b[i][lane] - (sums[0][lane] + sums[1][lane])) * self.inverses[i];
                        b[i][lane] = x;
                        total[lane] += x * x;
                    }
                }
                total
            },
        )
    }
}

#[expect(
    clippy::inline_always,
    reason = "else the callers' loops are no vector code"
)]
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5]))
        + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]))
        + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `A` of a covariance with entries far from and near to one another, and its factor.
    fn example(n: usize) -> (Vec<f64>, Cholesky) {
        let entry = |i: usize, j: usize| {
            let gap = (i as f64 - j as f64).abs() * 0.3;
            libm::exp(-gap) + if i == j { 1e-3 } else { 0.0 }
        };
        let a: Vec<f64> = (0..n * n).map(|k| entry(k / n, k % n)).collect();
        (a.clone(), Cholesky::new(a, n))
    }

    #[test]
    fn both_solutions_together_invert_the_matrix() {
        for n in [1, 2, 7, 8, 9, 33, 64] {
            let (a, factor) = example(n);
            let b: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
            let mut x = b.clone();
            factor.solve_lower(&mut x);
            factor.solve_upper(&mut x);
            for i in 0..n {
                let got: f64 = (0..n).map(|j| a[i * n + j] * x[j]).sum();
                assert!((got - b[i]).abs() < 1e-10, "{n} {i}: {got} {}", b[i]);
            }
        }
    }

    #[test]
    fn norms_of_lanes_are_those_of_single_solutions() {
        let (_, factor) = example(37);
        let mut lanes: Vec<Lanes> = (0..37)
            .map(|i| std::array::from_fn(|lane| ((i * 8 + lane) as f64).cos()))
            .collect();
        let singles: Vec<f64> = (0..LANES)
            .map(|lane| {
                let mut b: Vec<f64> = lanes.iter().map(|row| row[lane]).collect();
                factor.solve_lower(&mut b);
                b.iter().map(|x| x * x).sum()
            })
            .collect();
        for (got, single) in factor.squared_norms(&mut lanes).iter().zip(singles) {
            assert!((got / single - 1.0).abs() < 1e-12, "{got} {single}");
        }
    }

    #[test]
    fn the_determinant_is_that_of_a_known_matrix() {
        // [[4, 2], [2, 3]] has 8.
        let factor = Cholesky::new(vec![4.0, 0.0, 2.0, 3.0], 2);
        assert!((factor.half_log_determinant() - 0.5 * 8.0_f64.ln()).abs() < 1e-14);
    }

    #[test]
    fn equal_rows_have_a_factor() {
        let factor = Cholesky::new(vec![1.0; 9], 3);
        let mut x = [1.0; 3];
        factor.solve_lower(&mut x);
        assert!(x.iter().all(|x| x.is_finite()));
    }
}
