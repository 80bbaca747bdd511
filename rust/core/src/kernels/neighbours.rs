//! Bandwidths by the distances of neighbours, one parameter at a time.

use crate::space::distribution::Numeric;

/// For each place, in kernel space: the larger of the distances to its two neighbours, the prior's
/// location being one of them, and the bounds if they are to be (Bergstra et al., *Algorithms for
/// Hyper-Parameter Optimization*, 2011, section 4; Optuna's `consider_endpoints`). Where there is
/// nothing on one side, the distance on the other; among equal places the last is counted as the
/// rightmost. A place alone has half the prior's bandwidth, as in Hyperopt.
pub(crate) fn distances(places: &[f64], prior: &Numeric, endpoints: bool) -> Vec<f64> {
    if places.len() == 1 {
        return vec![0.5 * prior.prior_sigma];
    }
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|&a, &b| places[a].total_cmp(&places[b]));
    let bounds = prior.bounds.filter(|_| endpoints);
    let fixed = [
        Some(prior.prior_mu),
        bounds.map(|b| b.0),
        bounds.map(|b| b.1),
    ];
    let mut distances = vec![0.0; places.len()];
    for (at, &k) in order.iter().enumerate() {
        let place = places[k];
        let before = at.checked_sub(1).map(|at| places[order[at]]);
        let after = order.get(at + 1).map(|&k| places[k]);
        let left = fixed.iter().flatten().copied().filter(|&x| x <= place);
        let right = fixed.iter().flatten().copied().filter(|&x| x > place);
        let left = left.chain(before).reduce(f64::max).map(|x| place - x);
        let right = right.chain(after).reduce(f64::min).map(|x| x - place);
        distances[k] = left.unwrap_or(0.0).max(right.unwrap_or(0.0));
    }
    distances
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::rng::Stream;
    use crate::space::distribution::Distribution;
    use crate::univariate::mixture::Mixture;

    fn prior(name: &str, args: &[f64]) -> Numeric {
        match Distribution::new("x", name, args).expect("valid") {
            Distribution::Numeric(prior) => prior,
            Distribution::Discrete(_) => panic!("a number"),
        }
    }

    #[test]
    fn the_larger_distance_counts_and_the_prior_is_a_neighbour() {
        let uniform = prior("uniform", &[0.0, 16.0]); // its location is 8
        assert_eq!(
            distances(&[9.0, 1.0, 3.0], &uniform, false),
            [1.0, 2.0, 5.0]
        );
        assert_eq!(distances(&[9.0, 1.0, 3.0], &uniform, true), [7.0, 2.0, 5.0]);
        assert_eq!(distances(&[13.0], &uniform, false), [8.0]);
        assert_eq!(distances(&[], &uniform, true), [0.0; 0]);
    }

    #[test]
    fn equal_places_are_neighbours_in_their_order() {
        let uniform = prior("uniform", &[0.0, 16.0]);
        assert_eq!(
            distances(&[4.0, 4.0, 4.0], &uniform, false),
            [0.0, 0.0, 4.0]
        );
        assert_eq!(distances(&[8.0, 8.0], &uniform, false), [0.0, 0.0]);
    }

    #[test]
    fn clipped_as_hyperopt_clips_them_they_are_those_of_one_mixture_a_parameter() {
        let mut stream = Stream::new(2, 2);
        for (name, args) in [
            ("uniform", vec![-3.0, 5.0]),
            ("loguniform", vec![-3.0, 5.0]),
            ("normal", vec![1.0, 2.0]),
        ] {
            let prior = prior(name, &args);
            for n in [1, 2, 3, 7, 30] {
                let places: Vec<f64> = (0..n).map(|_| 8.0 * stream.unit() - 3.0).collect();
                let values: Vec<f64> = places.iter().map(|&x| prior.to_value(x)).collect();
                let mixture = Mixture::fit(&prior, &values, 1.0);
                let least = prior.prior_sigma / (f64::from(n) + 2.0);
                for (place, distance) in places.iter().zip(distances(&places, &prior, false)) {
                    let near = |mu: &f64| (mu - place).abs() < 1e-12;
                    let at = mixture.mus.iter().position(near).expect("is there");
                    let sigma = distance.clamp(least, prior.prior_sigma);
                    assert!((mixture.sigmas[at] - sigma).abs() < 1e-9, "{name} {n}");
                }
            }
        }
    }

    #[test]
    fn without_bounds_there_are_no_endpoints() {
        let normal = prior("normal", &[1.0, 2.0]);
        for endpoints in [false, true] {
            assert_eq!(distances(&[-2.0, 5.0], &normal, endpoints), [3.0, 4.0]);
        }
    }
}
