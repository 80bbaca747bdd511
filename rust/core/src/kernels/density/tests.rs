use super::*;
use crate::numeric::normal::kernel_mass;

fn priors() -> Vec<Distribution> {
    [
        ("uniform", &[0.0, 1.0][..]),
        ("randint", &[0.0, 3.0]),
        ("normal", &[0.0, 2.0]),
    ]
    .map(|(name, args)| Distribution::new("p", name, args).expect("valid"))
    .to_vec()
}

fn grown(n: i64) -> ProductKernels {
    let mut kernels = ProductKernels::new(priors().iter());
    let mut stream = Stream::new(3, 3);
    for tid in 0..n {
        let row = [stream.unit(), stream.below(3) as f64, 2.0 * stream.normal()];
        kernels.insert(tid, &row);
    }
    kernels
}

fn weighted(n: usize) -> ProductKernels {
    let mut stream = Stream::new(4, 4);
    let observations = (0..n).map(|k| {
        let row = vec![stream.unit(), stream.below(3) as f64, 2.0 * stream.normal()];
        (0_i64.saturating_add_unsigned(k as u64), row, 0.5 + k as f64)
    });
    ProductKernels::new(priors().iter()).weighted(observations.collect())
}

fn log_density(density: &ProductDensity<'_>, points: &[Vec<f64>]) -> Vec<f64> {
    density.log_density(points, &density.log_priors(points))
}

fn normal(x: f64, mu: f64, sigma: f64) -> f64 {
    libm::exp(-0.5 * ((x - mu) / sigma).powi(2)) / (sigma * (2.0 * std::f64::consts::PI).sqrt())
}

/// The sum over kernels of these weights, in proportion to the prior's, written out.
fn written_out(kernels: &ProductKernels, weights: &[f64], point: &[f64]) -> f64 {
    let n = kernels.len() as f64;
    let total = weights.iter().sum::<f64>() + 1.0;
    let spread = 1.0 / (n + 1.0);
    let truncated = |x, mu, sigma| normal(x, mu, sigma) / kernel_mass(0.0, 1.0, mu, sigma);
    let mut sum = truncated(point[0], 0.5, 1.0) * (1.0 / 3.0) * normal(point[2], 0.0, 2.0) / total;
    let (s0, s2) = (kernels.axes[0].sigma, kernels.axes[2].sigma);
    for (k, weight) in weights.iter().enumerate() {
        let [mu0, category, mu2] = [0, 1, 2].map(|axis| kernels.columns[axis][k]);
        let share = if category == point[1] {
            1.0 + spread
        } else {
            spread
        };
        sum += weight / total
            * truncated(point[0], mu0 * s0, s0)
            * (share / (1.0 + 3.0 * spread))
            * normal(point[2], mu2 * s2, s2);
    }
    sum.ln()
}

#[test]
fn densities_of_the_rest_equal_the_sum_written_out() {
    let kernels = grown(150);
    let point = vec![0.01, 2.0, 0.3];
    let got = log_density(
        &ProductDensity::new(&kernels, 1.0),
        std::slice::from_ref(&point),
    )[0];
    let weights: Vec<f64> = (0..150).map(|k| forgetting_weight(k, 150)).collect();
    let want = written_out(&kernels, &weights, &point);
    assert!((got - want).abs() < 1e-12, "{got} {want}");
}

#[test]
fn densities_of_good_trials_equal_the_sum_written_out() {
    for n in [1, 2, 9] {
        let kernels = weighted(n);
        let point = vec![0.35, 1.0, -1.0];
        let got = log_density(
            &ProductDensity::new(&kernels, 1.0),
            std::slice::from_ref(&point),
        )[0];
        // One per kernel on average.
        let mean = 0.5 + 0.5 * (n as f64 - 1.0);
        let weights: Vec<f64> = (0..n).map(|k| (0.5 + k as f64) / mean).collect();
        let want = written_out(&kernels, &weights, &point);
        assert!((got - want).abs() < 1e-12, "{got} {want}");
    }
}

#[test]
fn draws_follow_the_density() {
    let prior = [Distribution::new("p", "uniform", &[0.0, 1.0]).expect("valid")];
    let observations = [(0, vec![0.1], 3.0), (1, vec![0.9], 1.0)];
    let kernels = ProductKernels::new(prior.iter()).weighted(observations.to_vec());
    let density = ProductDensity::new(&kernels, 0.5);
    let mut stream = Stream::new(7, 7);
    let n = 20_000;
    let mut counts = [0.0; 10];
    for _ in 0..n {
        let x = density.sample(&mut stream)[0];
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let bin = (10.0 * x) as usize;
        counts[bin] += 1.0 / f64::from(n);
    }
    for (bin, share) in counts.iter().enumerate() {
        let steps = 100;
        let points: Vec<Vec<f64>> = (0..steps)
            .map(|i| vec![(bin as f64 + (f64::from(i) + 0.5) / f64::from(steps)) / 10.0])
            .collect();
        let mean = log_density(&density, &points)
            .iter()
            .map(|l| l.exp())
            .sum::<f64>();
        let want = mean / f64::from(steps) / 10.0;
        assert!((share - want).abs() < 0.015, "{bin} {share} {want}");
    }
}

#[test]
fn columns_stay_right_when_bandwidths_change() {
    // One by one, and at once from the end, must agree.
    let mut shrunk = grown(400);
    for tid in (300..400).rev() {
        shrunk.remove(tid);
    }
    let fresh = grown(300);
    let points: Vec<Vec<f64>> = (0..20)
        .map(|i| vec![f64::from(i) / 20.0, f64::from(i % 3), f64::from(i) - 10.0])
        .collect();
    let of = |kernels| log_density(&ProductDensity::new(kernels, 1.0), &points);
    for (a, b) in of(&shrunk).iter().zip(of(&fresh)) {
        assert!((a - b).abs() < 1e-11, "{a} {b}");
    }
}

#[test]
fn draws_lie_in_the_space() {
    let kernels = grown(60);
    let density = ProductDensity::new(&kernels, 1.0);
    let mut stream = Stream::new(1, 1);
    for _ in 0..2_000 {
        let point = density.sample(&mut stream);
        assert!((0.0..1.0).contains(&point[0]));
        assert!([0.0, 1.0, 2.0].contains(&point[1]));
        assert!(point[2].is_finite());
    }
}
