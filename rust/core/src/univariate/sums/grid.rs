//! Tables of a sum of kernels, so that reading it costs the same for ten kernels and a million.
//!
//! The sum of many kernels is kept on an equispaced grid of *nodes*, [`NODES_PER_FLOOR`] to the
//! smallest bandwidth there can be (the *floor*). Adding a kernel touches the nodes within
//! [`REACH`] bandwidths of it; reading the sum at a point interpolates [`WINDOW`] nodes around it.
//! Priors with a coarse grid of values need masses of cells instead: those are kept one by one,
//! while masses of cells narrower than half a floor are integrals of the interpolated density.
//!
//! The error is relative, not absolute, because neighbouring nodes of a Gaussian tail are small
//! together. `docs/performance.md` derives the bound; tests hold it to 1e-9.

use std::f64::consts::PI;
use std::ops::Range;

use crate::numeric::normal::kernel_mass;
use crate::numeric::sums::{WINDOW, add_gaussian, interpolate};
use crate::numeric::tails::tails;
use crate::space::distribution::Numeric;

/// Nodes in one smallest bandwidth.
const NODES_PER_FLOOR: f64 = 10.0;

/// The number of bandwidths beyond which a kernel is zero: there it is below 1e-24 of its peak.
pub(crate) const REACH: f64 = 10.5;

/// Edges of cells whose tails are computed at a time.
const EDGES: usize = 65;

/// For priors without bounds, the least number of prior widths that the grid spans to either side.
const UNBOUNDED_SPAN: f64 = 4.0;

/// No grid has more nodes: what lies outside is summed directly.
const MAX_NODES: f64 = 65_536.0;

/// Nor more cells: with kernels far outside an unbounded prior there could be any number.
const MAX_CELLS: usize = 65_536;

/// Largest index of a cell: floats count by one up to here.
const MAX_INDEX: f64 = 9_007_199_254_740_992.0;

/// Abscissas and weights of the 8-point Gauss-Legendre rule on `[-1, 1]` (positive half).
const GAUSS: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];

/// Barycentric weights of equispaced nodes: `(-1)^j * C(WINDOW - 1, j)`, scaled.
const BARYCENTRIC: [f64; WINDOW] = barycentric();

const fn barycentric() -> [f64; WINDOW] {
    let mut weights = [0.0; WINDOW];
    let mut binomial: u64 = 1;
    let mut j = 0;
    while j < WINDOW {
        let size = binomial as f64 / 24_310.0;
        weights[j] = if j % 2 == 0 { size } else { -size };
        binomial = binomial * (WINDOW - 1 - j) as u64 / (j as u64 + 1);
        j += 1;
    }
    weights
}

/// Where the nodes and cells of one parameter are. A table is a vector of [`Grid::len`] sums:
/// first the mass within the bounds, then the masses of the wide cells, then the nodes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grid {
    prior: Numeric,
    /// Smallest bandwidth.
    pub(crate) floor: f64,
    /// Index (multiple of `q`) of the first wide cell.
    first_cell: i64,
    /// Edges of the wide cells in kernel space; one more than there are cells.
    edges: Vec<f64>,
    /// Position of the first node.
    start: f64,
    step: f64,
    nodes: usize,
}

/// Parts of a table that an update touched.
#[derive(Debug, Clone)]
pub(crate) struct Touched {
    cells: Range<usize>,
    nodes: Range<usize>,
}

impl Touched {
    /// The ranges of the table, the bounds' mass included.
    pub(crate) fn ranges(&self) -> [Range<usize>; 3] {
        [0..1, self.cells.clone(), self.nodes.clone()]
    }

    /// Everything that either of two updates touched.
    pub(crate) fn union(self, other: &Self) -> Self {
        let join = |a: Range<usize>, b: &Range<usize>| {
            if a.is_empty() {
                b.clone()
            } else if b.is_empty() {
                a
            } else {
                a.start.min(b.start)..a.end.max(b.end)
            }
        };
        Self {
            cells: join(self.cells, &other.cells),
            nodes: join(self.nodes, &other.nodes),
        }
    }
}

impl Grid {
    /// The grid for kernels of at least `floor` width that lie within `lowest ..= highest`.
    pub(crate) fn new(prior: &Numeric, floor: f64, lowest: f64, highest: f64) -> Self {
        let (low, high) = prior.bounds.unwrap_or_else(|| {
            let (near, far) = (
                prior.prior_mu - UNBOUNDED_SPAN * prior.prior_sigma,
                prior.prior_mu + UNBOUNDED_SPAN * prior.prior_sigma,
            );
            let margin = 0.5 * prior.prior_sigma;
            (near.min(lowest - margin), far.max(highest + margin))
        });
        let step = floor / NODES_PER_FLOOR;
        let margin = WINDOW as f64 / 2.0 + 1.0;
        let wanted = ((high - low) / step + 2.0 * margin).min(MAX_NODES);
        let (first_cell, edges) = wide_cells(prior, floor, low, high);
        // A grid whose every value is a wide cell needs no nodes.
        let needs_nodes = match (prior.q, edges.last()) {
            (None, _) | (_, None) => true,
            (Some(_), Some(&last)) => last < high - 0.25 * floor,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let nodes = if needs_nodes { wanted as usize + 1 } else { 0 };
        let start = if wanted < MAX_NODES {
            low - margin * step
        } else {
            prior.prior_mu - 0.5 * MAX_NODES * step
        };
        Self {
            prior: *prior,
            floor,
            first_cell,
            edges,
            start,
            step,
            nodes,
        }
    }

    /// Number of sums in a table.
    pub(crate) fn len(&self) -> usize {
        1 + self.cells() + self.nodes
    }

    fn cells(&self) -> usize {
        self.edges.len().saturating_sub(1)
    }

    /// Whether a kernel there is wholly represented.
    pub(crate) fn covers(&self, mu: f64) -> bool {
        if self.prior.bounds.is_some() || self.nodes as f64 >= MAX_NODES {
            // Beyond the largest grid there is no point in growing it.
            return true;
        }
        let half = 0.5 * self.prior.prior_sigma;
        let (begin, end) = if self.nodes > 0 {
            (self.start, self.start + self.step * self.nodes as f64)
        } else {
            (
                self.edges.first().copied().unwrap_or(f64::INFINITY),
                self.edges.last().copied().unwrap_or(f64::NEG_INFINITY),
            )
        };
        begin + half <= mu && mu + half <= end
    }

    /// Adds `scale` kernels at `mu` of width `sigma` to a table.
    pub(crate) fn add_kernel(&self, table: &mut [f64], mu: f64, sigma: f64, scale: f64) -> Touched {
        let reach = REACH * sigma;
        if let Some((low, high)) = self.prior.bounds {
            let inside = low <= mu - reach && mu + reach <= high;
            table[0] += scale
                * if inside {
                    1.0
                } else {
                    kernel_mass(low, high, mu, sigma)
                };
        }
        let cells = self.add_cells(table, mu, sigma, scale);
        let offset = 1 + self.cells();
        let first = self.node_at(mu - reach);
        let last = self.node_at(mu + reach);
        let nodes = offset + first..offset + last.max(first);
        if !nodes.is_empty() {
            let z = (self.start + first as f64 * self.step - mu) / sigma;
            add_gaussian(
                &mut table[nodes.clone()],
                z,
                self.step / sigma,
                scale / sigma,
            );
        }
        Touched { cells, nodes }
    }

    /// Number of the first node at or right of `x`, within the grid.
    fn node_at(&self, x: f64) -> usize {
        let position = ((x - self.start) / self.step)
            .ceil()
            .clamp(0.0, self.nodes as f64);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        return position as usize;
    }

    fn add_cells(&self, table: &mut [f64], mu: f64, sigma: f64, scale: f64) -> Range<usize> {
        if self.edges.is_empty() {
            return 1..1;
        }
        let (left, right) = (mu - REACH * sigma, mu + REACH * sigma);
        let first = self.edges.partition_point(|&e| e <= left).saturating_sub(1);
        let last = self.edges.partition_point(|&e| e < right).min(self.cells());
        if first >= last {
            return 1..1;
        }
        // Each edge is shared by two cells; the smaller tail keeps the digits.
        let mut beyond = [0.0; EDGES];
        for start in (first..last).step_by(EDGES - 1) {
            let end = last.min(start + EDGES - 1);
            let edges = &self.edges[start..=end];
            let beyond = &mut beyond[..edges.len()];
            for (z, edge) in beyond.iter_mut().zip(edges) {
                *z = (edge - mu) / sigma;
            }
            tails(beyond);
            for (cell, pair) in beyond.windows(2).enumerate() {
                let mass = match (edges[cell] > mu, edges[cell + 1] > mu) {
                    (true, _) => pair[0] - pair[1],
                    (false, false) => pair[1] - pair[0],
                    (false, true) => (1.0 - pair[0]) - pair[1],
                };
                table[1 + start + cell] += scale * mass.max(0.0);
            }
        }
        1 + first..1 + last
    }

    /// Mass of a grid value's cell under three tables weighted by `factors`; `None` if the tables
    /// do not reach there. Only for priors on a grid.
    pub(crate) fn mass(&self, value: f64, tables: [&[f64]; 3], factors: [f64; 3]) -> Option<f64> {
        let q = self.prior.q?;
        let index = (value / q).round_ties_even() - self.first_cell as f64;
        if index >= 0.0 && index < self.cells() as f64 {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let cell = 1 + index as usize;
            return Some(tables.iter().zip(factors).map(|(t, f)| f * t[cell]).sum());
        }
        let (lower, upper) = self.prior.cell(value);
        let half = 0.5 * (upper - lower);
        if half.is_nan() || half <= 0.0 || half > 0.3 * self.floor {
            return None;
        }
        let middle = 0.5 * (lower + upper);
        let mut xs = [0.0; 2 * GAUSS.len()];
        for (pair, (at, _)) in xs.chunks_exact_mut(2).zip(GAUSS) {
            pair.copy_from_slice(&[middle - at * half, middle + at * half]);
        }
        let mut densities = [0.0; 2 * GAUSS.len()];
        self.densities(&xs, tables, factors, &mut densities);
        let integral: f64 = densities
            .chunks_exact(2)
            .zip(GAUSS)
            .map(|(pair, (_, weight))| weight * (pair[0] + pair[1]))
            .sum();
        // Nodes hold densities without the factor 1 / sqrt(2 pi).
        let mass = integral * half / (2.0 * PI).sqrt();
        (!mass.is_nan()).then_some(mass)
    }

    /// Densities at places in kernel space, NaN where the tables do not reach: barycentric
    /// interpolation of the nodes around them (Berrut and Trefethen, *Barycentric Lagrange
    /// Interpolation*, SIAM Review 46, 2004).
    pub(crate) fn densities(
        &self,
        xs: &[f64],
        tables: [&[f64]; 3],
        factors: [f64; 3],
        out: &mut [f64],
    ) {
        let nodes = 1 + self.cells();
        let places: Vec<f64> = xs.iter().map(|x| (x - self.start) / self.step).collect();
        interpolate(
            &places,
            tables.map(|t| &t[nodes..]),
            factors,
            &BARYCENTRIC,
            out,
        );
    }
}

/// Cells at least half a floor wide: their first index and their edges.
fn wide_cells(prior: &Numeric, floor: f64, low: f64, high: f64) -> (i64, Vec<f64>) {
    let Some(q) = prior.q else {
        return (0, Vec::new());
    };
    let index = |x: f64| (if prior.log { libm::exp(x) } else { x } / q).round_ties_even();
    let (first, last) = (index(low), index(high));
    let width = |i: f64| {
        let value = i * q;
        if prior.log {
            libm::log((value + 0.5 * q) / (value - 0.5 * q).max(f64::MIN_POSITIVE))
        } else {
            q
        }
    };
    let mut edges = Vec::new();
    let mut i = first;
    // Widths never grow with the index, so the wide cells come first. Beyond 2^53 indices cannot be
    // told apart; what lies outside the largest table is summed directly.
    if first.abs().max(last.abs()) > MAX_INDEX {
        return (0, edges);
    }
    while i <= last && width(i) > 0.5 * floor && edges.len() < MAX_CELLS {
        let (lower, upper) = prior.cell(i * q);
        if edges.is_empty() {
            edges.push(lower);
        }
        edges.push(upper.max(lower));
        i += 1.0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    return (first as i64, edges);
}
