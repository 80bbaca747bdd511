//! Rules, grids and cells of the prior distributions.

use super::*;

fn numeric(name: &str, args: &[f64]) -> Numeric {
    match Distribution::new("x", name, args) {
        Ok(Distribution::Numeric(numeric)) => numeric,
        other => panic!("{other:?}"),
    }
}

fn discrete(name: &str, args: &[f64]) -> Discrete {
    match Distribution::new("x", name, args) {
        Ok(Distribution::Discrete(discrete)) => discrete,
        other => panic!("{other:?}"),
    }
}

#[test]
fn broken_rules_are_named() {
    for (name, args, rule) in [
        (
            "uniform",
            &[1.0, 0.0][..],
            "high of uniform must be greater",
        ),
        ("uniform", &[0.0], "uniform takes 2 arguments"),
        (
            "quniform",
            &[0.0, 1.0, 0.0],
            "q of quniform must be positive",
        ),
        ("normal", &[0.0, -1.0], "sigma of normal must be positive"),
        (
            "normal",
            &[f64::NAN, 1.0],
            "every argument of normal must be finite",
        ),
        ("randint", &[3.0, 3.0], "high of randint must be greater"),
        ("randint", &[0.5, 3.0], "must be whole numbers"),
        ("randint", &[0.0, 1e17], "at most 2^53"),
        ("randint", &[3.0], "got 1 arguments"),
        ("categorical", &[], "sum to 1"),
        ("categorical", &[1.5, -0.5], "non-negative"),
        (
            "triangular",
            &[0.0, 1.0],
            "there is no distribution \"triangular\"",
        ),
    ] {
        let error = Distribution::new("lr", name, args)
            .expect_err(name)
            .to_string();
        assert!(error.contains(rule) && error.contains("lr"), "{error}");
    }
}

#[test]
fn categories_are_the_whole_numbers_in_range() {
    let range = discrete("randint", &[-2.0, 3.0]);
    assert_eq!((range.size(), range.low()), (5, -2));
    assert_eq!(range.category_of(-2.0), Some(0));
    for outside in [-3.0, 3.0, 0.5, f64::NAN] {
        assert_eq!(range.category_of(outside), None);
    }
    assert!((0..5).all(|c| range.category_of(range.value_of(c)) == Some(c)));
    assert_eq!(range.pseudo_count(3, 0.5), 0.5);
    let weighted = discrete("categorical", &[0.25, 0.75]);
    assert_eq!(weighted.pseudo_count(1, 0.5), 0.75);
}

#[test]
fn values_round_to_the_grid_with_ties_to_even() {
    let grid = numeric("quniform", &[0.0, 10.0, 2.0]);
    assert_eq!([1.0, 3.0, 4.9].map(|x| grid.to_value(x)), [0.0, 4.0, 4.0]);
    assert_eq!(grid.with_rounding(1.0), (1.0 + 4.0 / 12.0_f64).sqrt());
    let log = numeric("loguniform", &[-1.0, 1.0]);
    assert!((log.to_value(log.to_kernel_space(0.7)) - 0.7).abs() < 1e-15);
    assert_eq!(
        numeric("uniform", &[-1.0, 1.0])
            .to_kernel_space(-0.0)
            .to_bits(),
        0
    );
}

#[test]
fn values_that_have_no_logarithm_are_lifted() {
    let bounded = numeric("qloguniform", &[0.0, 2.0, 3.0]);
    assert_eq!(bounded.to_kernel_space(0.0), 0.0); // to the lower bound
    let unbounded = numeric("qlognormal", &[0.0, 1.0, 3.0]);
    assert_eq!(unbounded.to_kernel_space(0.0), libm::log(EPS));
    assert!(
        numeric("lognormal", &[0.0, 1.0])
            .to_kernel_space(0.0)
            .is_finite()
    );
}

#[test]
fn cells_tile_the_space_between_the_bounds() {
    let grid = numeric("quniform", &[0.5, 9.0, 2.0]);
    let cells: Vec<_> = (0..5).map(|k| grid.cell(2.0 * f64::from(k))).collect();
    assert_eq!((cells[0].0, cells[4].1), (0.5, 9.0));
    assert!(cells.windows(2).all(|pair| pair[0].1 == pair[1].0));
    let log = numeric("qlognormal", &[0.0, 1.0, 2.0]);
    assert_eq!(log.cell(0.0), (libm::log(EPS), 0.0));
    assert_eq!(log.cell(2.0), (0.0, libm::log(3.0)));
}

#[test]
fn widths_are_those_of_a_uniform_prior() {
    assert_eq!(numeric("uniform", &[-1.0, 3.0]).width(), 4.0);
    assert_eq!(
        numeric("normal", &[0.0, 2.0]).width(),
        2.0 * 12.0_f64.sqrt()
    );
}

#[test]
fn categories_of_probability_zero_cannot_be_drawn() {
    let weighted = discrete("categorical", &[0.0, 0.25, 0.0, 0.75]);
    assert_eq!((weighted.size(), weighted.possible()), (4, 2));
    assert_eq!([0, 1].map(|at| weighted.nth_possible(at)), [1, 3]);
    assert_eq!(
        [0.0, 1.0, 2.0, 3.0].map(|v| weighted.category_of(v)),
        [None, Some(1), None, Some(3)]
    );
    let range = discrete("randint", &[-2.0, 3.0]);
    assert_eq!((range.possible(), range.nth_possible(3)), (5, 3));
}

#[test]
fn values_are_finite_and_off_a_grid_strictly_inside() {
    let share = numeric("uniform", &[0.0, 1.0]);
    assert!(share.to_value(0.0) > 0.0 && share.to_value(1.0) < 1.0);
    assert!(share.admits(0.5) && !share.admits(0.0) && !share.admits(1.0));
    let rate = numeric("loguniform", &[-2.0, 0.0]);
    assert!(rate.to_value(-2.0) > libm::exp(-2.0) && rate.to_value(0.0) < 1.0);
    let grid = numeric("quniform", &[0.0, 1.0, 0.5]);
    assert_eq!([0.0, 1.0].map(|x| grid.to_value(x)), [0.0, 1.0]);
    let around = numeric("quniform", &[-1.0, 1.0, 1.0]);
    assert!(around.to_value(-0.3).is_sign_positive());
    let wide = numeric("lognormal", &[0.0, 100.0]);
    assert_eq!(wide.to_value(1e3), f64::MAX);
    assert_eq!(wide.to_value(-1e3), f64::from_bits(1));
    // A grid finer than floats, and one whose next value is beyond the largest.
    assert_eq!(numeric("quniform", &[0.0, 1.0, 5e-324]).to_value(0.3), 0.3);
    assert_eq!(
        numeric("quniform", &[0.0, 1.7e308, 1e308]).to_value(1.6e308),
        1e308
    );
}

#[test]
fn rounding_widens_kernels_at_every_scale() {
    for (q, width) in [
        (2.0, 1.0),
        (1e300, 1e200),
        (1e-300, 1e-200),
        (1e-300, 1e-300),
    ] {
        let wide = numeric("qnormal", &[0.0, 1.0, q]).with_rounding(width);
        let exact = width.hypot(q / 12.0_f64.sqrt());
        assert!((wide / exact - 1.0).abs() < 1e-15, "{q} {width}");
    }
    assert_eq!(numeric("normal", &[0.0, 1.0]).with_rounding(0.1), 0.1);
}
