//! Trees against brute force over all cells of a small grid.

use super::*;
use crate::importance::marginals::{Marginals, Pairs};
use crate::numeric::rng::Stream;
use crate::space::distribution::Distribution;
use crate::space::{Equals, Parameter, Space};

/// Three short axes, of which one is ordered and none has equal masses everywhere.
fn grid() -> Space {
    Space::flat(&[
        ("quniform", &[0.0, 3.0, 1.0]),
        ("categorical", &[0.5, 0.2, 0.3]),
        ("randint", &[0.0, 4.0]),
    ])
    .expect("valid")
}

/// Every point of the grid once, with a loss in which all axes interact.
fn full() -> (Vec<Vec<f64>>, Vec<f64>) {
    let mut stream = Stream::new(3, 1);
    let cells = |n: i32| (0..n).map(f64::from);
    let rows: Vec<Vec<f64>> = cells(4)
        .flat_map(|a| cells(3).flat_map(move |b| cells(4).map(move |c| vec![a, b, c])))
        .collect();
    let losses = rows.iter().map(|r| r[0] * r[1] - r[2] + stream.normal());
    let losses = losses.collect();
    (rows, losses)
}

/// The tree as a table: its value in each cell of the grid of all axes.
fn table(trials: &Trials) -> Vec<(Vec<usize>, f64, f64)> {
    let mut found = Vec::new();
    let rows = (0..u32::try_from(trials.len()).expect("few")).collect();
    grow(trials, rows, |leaf| {
        let mut points: Vec<Vec<usize>> = vec![vec![]];
        for side in leaf.sides {
            points = points
                .iter()
                .flat_map(|p| members(*side).map(move |cell| [p.clone(), vec![cell]].concat()))
                .collect();
        }
        for point in points {
            let mass = point
                .iter()
                .zip(&trials.axes)
                .map(|(c, axis)| axis.masses[*c])
                .product();
            found.push((point, mass, leaf.value));
        }
    });
    found
}

/// Variance of the mean of a table by the cells of some axes.
fn variance(table: &[(Vec<usize>, f64, f64)], axes: &[usize]) -> f64 {
    let mut means = std::collections::BTreeMap::<Vec<usize>, (f64, f64)>::new();
    for (point, mass, value) in table {
        let key = axes.iter().map(|axis| point[*axis]).collect();
        let sums = means.entry(key).or_default();
        sums.0 += mass;
        sums.1 += mass * value;
    }
    let mean: f64 = means.values().map(|s| s.1).sum();
    means.values().map(|s| s.1 * s.1 / s.0).sum::<f64>() - mean * mean
}

#[test]
fn effects_are_those_of_brute_force_and_sum_to_the_variance() {
    let (rows, losses) = full();
    let trials = Trials::new(&grid(), &losses, &rows);
    let table = table(&trials);
    assert_eq!(table.len(), 48); // leaves do not overlap, and leave nothing out
    let pairs = Pairs::new(&trials);
    let mut marginals = Marginals::new(&trials, Some(&pairs));
    let all = (0..48).collect();
    grow(&trials, all, |leaf| marginals.add(&trials, leaf));
    marginals.finish(&trials, Some(&pairs));
    let whole = variance(&table, &[0, 1, 2]);
    assert!((marginals.variance() - whole).abs() < 1e-12);
    let single: Vec<f64> = (0..3)
        .map(|p| marginals.shared(&marginals, &trials, p))
        .collect();
    let mut total: f64 = single.iter().sum();
    for (at, pair) in pairs.all.iter().enumerate() {
        let got = marginals.shared_by_pair(&marginals, &trials, pair, at);
        let want =
            variance(&table, &[pair.one, pair.other]) - single[pair.one] - single[pair.other];
        assert!((got - want).abs() < 1e-12, "{got} {want}");
        total += got;
    }
    for (axis, got) in single.iter().enumerate() {
        assert!((got - variance(&table, &[axis])).abs() < 1e-12);
    }
    // What is left is the interaction of all three.
    let pairwise: f64 = [[0, 1], [0, 2], [1, 2]]
        .iter()
        .map(|p| variance(&table, p))
        .sum();
    let three = whole - pairwise + single.iter().sum::<f64>();
    assert!((total + three - whole).abs() < 1e-12 && three > 0.0);
}

/// A choice of three, a number below the first two options, and one below the last.
pub(crate) fn conditional() -> Space {
    let parameter = |label: &str, name, args: &[f64], conditions| Parameter {
        label: label.into(),
        distribution: Distribution::new(label, name, args).expect("valid"),
        conditions,
    };
    let on = |value| vec![Equals { parent: 0, value }];
    Space::new(vec![
        parameter("model", "randint", &[0.0, 3.0], vec![vec![]]),
        parameter("shared", "uniform", &[0.0, 1.0], vec![on(0), on(1)]),
        parameter("own", "uniform", &[0.0, 1.0], vec![on(2)]),
    ])
    .expect("valid")
}

#[test]
fn a_parameter_is_cut_only_where_it_is_active() {
    let space = conditional();
    let mut stream = Stream::new(1, 2);
    let rows: Vec<Vec<f64>> = (0..300)
        .map(|_| crate::space::draw::point(&space, &mut stream))
        .collect();
    // The choice alone tells nothing of the loss: trees must look below it.
    let value = |row: &Vec<f64>| row.iter().skip(1).copied().find(|x| !x.is_nan());
    let losses: Vec<f64> = rows
        .iter()
        .map(|row| value(row).expect("one is active"))
        .collect();
    let trials = Trials::new(&space, &losses, &rows);
    assert!(
        trials
            .active
            .iter()
            .zip([1.0, 2.0 / 3.0, 1.0 / 3.0])
            .all(|(a, b)| (a - b).abs() < 1e-12)
    );
    let (mut mass, mut cuts) = (0.0, [0; 3]);
    grow(&trials, (0..300).collect(), |leaf| {
        mass += leaf.mass;
        for &axis in leaf.cut {
            cuts[axis] += 1;
            assert!(covers(&trials.conditions[axis], leaf.sides));
        }
    });
    assert!(
        (mass - 1.0).abs() < 1e-12 && cuts[1] > 10 && cuts[2] > 10,
        "{mass} {cuts:?}"
    );
}
