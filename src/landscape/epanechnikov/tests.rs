use super::*;

/// Numbers in [-1, 1) from a linear congruence.
fn numbers(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(3_037_000_493);
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// Every subset, tried.
fn brute(y: &[Vec<f64>], w: &[f64], radius: f64) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = (1..1usize << y.len())
        .map(|bits| (0..y.len()).filter(|k| bits >> k & 1 == 1).collect::<Vec<_>>())
        .filter(|set| {
            let total: f64 = set.iter().map(|&k| w[k]).sum();
            let c: Vec<f64> =
                (0..y[0].len()).map(|i| set.iter().map(|&k| w[k] * y[k][i]).sum::<f64>() / total).collect();
            let within =
                |k: usize| y[k].iter().zip(&c).map(|(y, c)| (y - c) * (y - c)).sum::<f64>() < radius * radius;
            (0..y.len()).all(|k| within(k) == set.contains(&k))
        })
        .collect();
    all.sort();
    all
}

fn landscape(y: &[Vec<f64>], w: &[f64], beta: f64, e0: f64) -> Epanechnikov {
    let memories = Mat::from_fn(y[0].len(), y.len(), |i, k| y[k][i]);
    Epanechnikov::new(memories.as_ref(), w.to_vec(), beta, e0).unwrap()
}

#[test]
fn the_enumeration_finds_what_all_subsets_hold() {
    let mut most = 0;
    for case in 0..120 {
        let mut next = numbers(case);
        let (dim, count) = (1 + case as usize % 5, 2 + case as usize % 11);
        let y: Vec<Vec<f64>> = (0..count).map(|_| (0..dim).map(|_| next()).collect()).collect();
        let w: Vec<f64> =
            (0..count).map(|k| if case % 3 == 0 { 1.0 } else { 1.0 + 0.1 * k as f64 }).collect();
        for radius in [0.2, 0.45, 0.7, 0.95, 1.3, 2.0, 4.0] {
            let found = landscape(&y, &w, 2.0 / (radius * radius), 0.0).minima().clone();
            let mut sets: Vec<Vec<usize>> = found.wells.iter().map(|w| w.members.clone()).collect();
            sets.sort();
            assert!(found.complete && found.undecided.is_empty());
            assert_eq!(sets, brute(&y, &w, radius), "case {case}, radius {radius}");
            most = most.max(sets.len());
        }
    }
    assert!(most > 20, "the cases are too easy: {most}");
}

#[test]
fn fourteen_memories_in_three_and_eight_dimensions() {
    for (dim, radius) in [(3, 0.8), (3, 1.1), (8, 1.5), (8, 1.8)] {
        let mut next = numbers(dim as u64);
        let y: Vec<Vec<f64>> = (0..14).map(|_| (0..dim).map(|_| next()).collect()).collect();
        let found = landscape(&y, &[1.0; 14], 2.0 / (radius * radius), 0.0).minima().clone();
        let sets: Vec<Vec<usize>> = found.wells.into_iter().map(|w| w.members).collect();
        assert_eq!(sets, brute(&y, &[1.0; 14], radius), "dimension {dim}, radius {radius}");
    }
}

#[test]
fn two_memories_have_the_minima_that_are_known() {
    let y = [vec![-1.0], vec![1.0]];
    let at = |beta: f64| -> (Vec<f64>, usize) {
        let m = landscape(&y, &[1.0; 2], beta, 0.0).minima().clone();
        let mut x: Vec<f64> = m.wells.iter().map(|w| w.center[0]).collect();
        x.sort_by(f64::total_cmp);
        (x, m.undecided.len())
    };
    assert_eq!(at(0.4), (vec![0.0], 0));
    // On the edges the sets that are about to change are named, and not counted.
    assert_eq!(at(0.5), (vec![0.0], 2));
    assert_eq!(at(0.51), (vec![-1.0, 0.0, 1.0], 0));
    assert_eq!(at(1.99), (vec![-1.0, 0.0, 1.0], 0));
    assert_eq!(at(2.0), (vec![-1.0, 1.0], 1));
    assert_eq!(at(7.0), (vec![-1.0, 1.0], 0));
}

#[test]
fn derivatives_within_a_cell_are_those_of_the_energy() {
    let y = [vec![0.0, 0.1], vec![0.6, -0.2], vec![-0.3, 0.8], vec![3.0, 3.0]];
    let w = [1.0, 2.0, 0.5, 1.0];
    let m = landscape(&y, &w, 0.9, 0.3);
    let (x, u, v) = ([0.2, 0.25], [0.3, -0.7], [0.5, 0.4]);
    let energy = |x: &[f64]| {
        let near = |y: &Vec<f64>| 1.0 - 0.45 * ((x[0] - y[0]).powi(2) + (x[1] - y[1]).powi(2));
        let sum: f64 = y.iter().zip(&w).map(|(y, w)| w * near(y).max(0.0)).sum();
        -(0.3 + sum).ln() / 0.9
    };
    let moved = |h: f64, u: &[f64; 2]| [x[0] + h * u[0], x[1] + h * u[1]];
    let h = 1e-3;
    let slope = |f: &dyn Fn(f64) -> f64| (f(-2.0 * h) - 8.0 * f(-h) + 8.0 * f(h) - f(2.0 * h)) / (12.0 * h);
    let mut g = [0.0; 2];
    assert!((m.gradient(&x, &mut g) - energy(&x)).abs() < 1e-14);
    for i in 0..2 {
        let unit = if i == 0 { [1.0, 0.0] } else { [0.0, 1.0] };
        assert!((slope(&|h| energy(&moved(h, &unit))) - g[i]).abs() < 1e-10);
    }
    let gradient = |x: &[f64]| {
        let mut g = [0.0; 2];
        m.gradient(x, &mut g);
        g
    };
    let mut product = [0.0; 2];
    m.linearize(crate::linalg::column(&x))
        .apply(crate::linalg::column(&u), crate::linalg::column_mut(&mut product));
    let mut third = [0.0; 2];
    m.third(&x, &u, &v, &mut third);
    let hessian = |x: &[f64], i: usize| {
        let mut h = Mat::zeros(2, 2);
        m.hessian(x, h.as_mut());
        h[(i, 0)] * u[0] + h[(i, 1)] * u[1]
    };
    for i in 0..2 {
        assert!((slope(&|h| gradient(&moved(h, &u))[i]) - product[i]).abs() < 1e-9);
        assert!((hessian(&x, i) - product[i]).abs() < 1e-14);
        assert!((slope(&|h| hessian(&moved(h, &v), i)) - third[i]).abs() < 1e-8);
    }
    for (number, (name, value)) in m.parameters().iter().enumerate() {
        let mut by = [0.0; 2];
        m.gradient_by(number, &x, &mut by);
        for i in 0..2 {
            let changed = |h: f64| {
                let mut g = [0.0; 2];
                m.with_parameter(name, value + h).unwrap().gradient(&x, &mut g);
                g[i]
            };
            assert!((slope(&changed) - by[i]).abs() < 1e-9, "{name}");
        }
    }
}

#[test]
fn outside_all_windows_the_energy_is_flat_or_infinite() {
    let y = [vec![-1.0], vec![1.0]];
    let mut g = [7.0];
    let flat = landscape(&y, &[1.0; 2], 8.0, 0.5);
    assert_eq!((flat.gradient(&[0.0], &mut g), g[0]), (2.0_f64.ln() / 8.0, 0.0));
    let empty = landscape(&y, &[1.0; 2], 8.0, 0.0);
    assert_eq!(empty.energy(&[0.0]), f64::INFINITY);
}
