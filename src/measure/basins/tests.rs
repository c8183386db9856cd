use faer::Mat;

use super::*;
use crate::critical;
use crate::landscape::formula::Formula;
use crate::landscape::mixture::{Mixture, Noise};

/// The zeros of its gradient are -1, 0.3 and 2: orbits part at 0.3 exactly.
const UNEVEN: &str = "x^4/4 - 1.3*x^3/3 - 1.7*x^2/2 + 0.6*x";

fn formula(dim: usize, energy: &str) -> Formula {
    Formula::new(dim, energy, &[], &[], None).unwrap()
}

fn measure(landscape: &dyn Landscape, region: &Region, orbits: usize) -> (CriticalSet, Basins) {
    let control = Control::quiet();
    let set = critical::search(landscape, Some(region), &critical::Options::default(), &control).unwrap();
    let measured = basins(landscape, &set, &Options { orbits, seed: 5, ..Options::default() }, &control);
    let ended: usize = measured.basins.iter().map(|b| b.orbits).sum();
    assert_eq!(ended + measured.exits + measured.degenerate + measured.lost, orbits);
    assert_eq!(measured.orbits, orbits);
    (set, measured)
}

/// Is a share within four standard deviations of what it must be?
fn close(share: f64, truth: f64, orbits: usize) -> bool {
    (share - truth).abs() <= 4.0 * (truth * (1.0 - truth) / orbits as f64).sqrt()
}

/// The basin that holds a minimum whose first coordinates are these.
fn at<'a>(set: &CriticalSet, measured: &'a Basins, x: &[f64]) -> &'a Basin {
    let near = |b: &&Basin| set.points[b.minimum].x.iter().zip(x).all(|(a, b)| (a - b).abs() < 1e-6);
    measured.basins.iter().find(near).unwrap()
}

#[test]
fn symmetric_wells_share_the_region() {
    let (_, measured) = measure(
        &formula(2, "x^4/4 - x^2/2 + y^2/2"),
        &Region::cuboid(vec![-2.0, -1.0], vec![2.0, 1.0]),
        4000,
    );
    assert_eq!(measured.basins.len(), 2);
    for b in &measured.basins {
        assert!(b.low < 0.5 && 0.5 < b.high, "{b:?}");
        assert!(b.high - b.low < 0.04);
    }
    assert_eq!(measured.basins.iter().map(|b| b.orbits).sum::<usize>(), 4000);
}

#[test]
fn a_basin_ends_at_the_saddle() {
    let region = Region::cuboid(vec![-3.0], vec![5.0]);
    let (set, measured) = measure(&formula(1, UNEVEN), &region, 4000);
    let left = at(&set, &measured, &[-1.0]);
    assert!(close(left.share, 3.3 / 8.0, 4000), "{left:?}");
    let right = at(&set, &measured, &[2.0]);
    assert_eq!(left.orbits + right.orbits, 4000);
    // Wilson's ends are where the share is 1.96 standard deviations of theirs away: 3.8414588 is the 95% quantile of
    // chi squared with one degree of freedom.
    for b in [left, right] {
        for end in [b.low, b.high] {
            let z2 = (b.share - end).powi(2) / (end * (1.0 - end) / 4000.0);
            assert!((z2 - 3.841_458_820_694).abs() < 1e-8, "{z2}");
        }
    }
}

#[test]
fn shares_of_independent_coordinates_multiply() {
    let energy = format!("({UNEVEN}) + ({})", UNEVEN.replace('x', "y"));
    let region = Region::cuboid(vec![-3.0, -2.0], vec![5.0, 3.0]);
    let (set, measured) = measure(&formula(2, &energy), &region, 3000);
    for (x, first) in [(-1.0, 3.3 / 8.0), (2.0, 4.7 / 8.0)] {
        for (y, second) in [(-1.0, 2.3 / 5.0), (2.0, 2.7 / 5.0)] {
            let b = at(&set, &measured, &[x, y]);
            assert!(close(b.share, first * second, 3000), "{b:?} instead of {}", first * second);
        }
    }
    assert_eq!(measured.exits + measured.lost + measured.degenerate, 0);
}

#[test]
fn what_leaves_is_counted_apart() {
    // Left of the maximum at -1 everything falls out of the region.
    let region = Region::cuboid(vec![-2.5], vec![2.0]);
    let (_, measured) = measure(&formula(1, "x^3/3 - x"), &region, 3000);
    assert!(close(measured.exits as f64 / 3000.0, 1.0 / 3.0, 3000), "{measured:?}");
    assert_eq!(measured.basins.len(), 1);
    assert_eq!(measured.lost, 0);
}

#[test]
fn a_circle_of_minima_is_no_basin() {
    let (set, measured) = measure(&formula(2, "(x^2 + y^2 - 1)^2"), &Region::ball(vec![0.1, 0.2], 2.0), 500);
    assert_eq!(set.counts(), [0, 0, 1]);
    assert_eq!((measured.basins.len(), measured.degenerate), (0, 500));
}

#[test]
fn basins_go_around_a_period() {
    // Maxima at 0 and pi, minima between them at acos(-1/8) on both sides.
    let turn = 2.0 * std::f64::consts::PI;
    let landscape = Formula::new(1, "cos(2*x) + 0.5*cos(x)", &[], &[Some(turn)], None).unwrap();
    let region = Region { period: vec![Some(turn)], ..Region::cuboid(vec![0.7], vec![0.7 + turn]) };
    let (_, measured) = measure(&landscape, &region, 2000);
    assert_eq!(measured.basins.len(), 2);
    assert!(measured.basins.iter().all(|b| close(b.share, 0.5, 2000)), "{measured:?}");
}

/// Data on a line in space: the search runs on the line.
fn three_on_a_line() -> Mixture {
    let data = Mat::from_fn(3, 3, |i, k| if i == 1 { [-2.0, 0.0, 3.0][k] } else { 0.5 });
    Mixture::new(data, vec![1.0; 3], Noise::Fixed { a: 1.0, sigma: 0.3 }, 0.0).unwrap()
}

#[test]
fn data_on_a_line_split_the_box_by_planes() {
    let landscape = three_on_a_line();
    assert!(landscape.reduce().is_some());
    let region = Region::cuboid(vec![-1.0, -4.0, -1.0], vec![2.0, 6.0, 2.0]);
    let (_, measured) = measure(&landscape, &region, 3000);
    // Between two equal Gaussians so far apart the third adds less than 1e-9: the planes are halfway.
    let mut shares: Vec<f64> = measured.basins.iter().map(|b| b.share).collect();
    shares.sort_by(f64::total_cmp);
    for (share, truth) in shares.iter().zip([0.25, 0.3, 0.45]) {
        assert!(close(*share, truth, 3000), "{shares:?}");
    }
    assert_eq!(measured.exits, 0);
}

#[test]
fn proven_balls_lie_within_what_is_sampled() {
    let region = Region::cuboid(vec![-2.0, -4.0, -2.0], vec![3.0, 6.0, 3.0]);
    let (set, measured) = measure(&three_on_a_line(), &region, 2000);
    assert_eq!(measured.basins.len(), 3);
    for b in &measured.basins {
        let inner = b.inner.unwrap_or_else(|| panic!("no proof of {:?}", set.points[b.minimum]));
        assert!(inner.radius > 0.0);
        assert!(inner.log10_share.unwrap() <= b.high.log10(), "{b:?}");
        // A ball in space.
        let volume = 4.0 / 3.0 * std::f64::consts::PI * inner.radius.powi(3);
        assert!((inner.log10_share.unwrap() - (volume / 250.0).log10()).abs() < 1e-12);
    }
}

#[test]
fn volumes_of_balls_in_high_dimension() {
    let pi = std::f64::consts::PI;
    // pi^32 / 32!, in logarithms.
    let half: f64 = (1..=32).map(|i| f64::from(i).log10()).sum();
    assert!((log10_unit_ball(64) - (32.0 * pi.log10() - half)).abs() < 1e-12);
    assert!((log10_unit_ball(1) - 2.0_f64.log10()).abs() < 1e-15);
    assert!((log10_unit_ball(5) - (8.0 * pi * pi / 15.0).log10()).abs() < 1e-14);
    let n = 500;
    let ball = Region::ball(vec![0.0; n], 10.0);
    assert_eq!(log10_share(&ball, &vec![0.0; n], 0.1), Some(-1000.0));
    // Not inside, or around a period into itself.
    assert_eq!(log10_share(&ball, &vec![0.4; n], 2.0), None);
    let torus = Region { period: vec![Some(1.0); 2], ..Region::cuboid(vec![0.0; 2], vec![1.0; 2]) };
    assert_eq!(log10_share(&torus, &[0.0, 0.9], 0.6), None);
    let share = log10_share(&torus, &[0.0, 0.9], 0.4).unwrap();
    assert!((share - (pi * 0.16).log10()).abs() < 1e-14);
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let landscape = formula(2, "x^4/4 - x^2/2 + 0.1*x + y^4/4 - y^2/2 + 0.2*x*y");
    let region = Region::ball(vec![0.0, 0.0], 2.0);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| measure(&landscape, &region, 600).1)
    };
    assert_eq!(on(1), on(2));
}
