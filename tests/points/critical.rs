//! Critical points against known answers.

use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use smale::Control;
use smale::critical::{Completeness, Method, Options, search};
use smale::landscape::mixture::{Mixture, Noise};

use crate::common::cases;
use crate::common::draw::distance;

fn check(prefix: &str) {
    let mut wrong = vec![];
    for case in cases(prefix) {
        let started = std::time::Instant::now();
        let set = search(case.landscape.as_ref(), None, &Options::default(), &Control::quiet())
            .expect("a region is known");
        println!(
            "{}: {:?} in {:.3} s, {} rounds, {} searches, {}",
            case.name,
            set.counts(),
            started.elapsed().as_secs_f64(),
            set.work.rounds,
            set.work.searches,
            set.work.ended
        );
        if set.counts() != case.counts || !set.degenerate.is_empty() {
            wrong.push(format!("{}: {:?} instead of {:?}", case.name, set.counts(), case.counts));
            continue;
        }
        for known in &case.points {
            let near = set
                .points
                .iter()
                .filter(|p| p.index == known.index)
                .min_by(|a, b| distance(&a.x, &known.x).total_cmp(&distance(&b.x, &known.x)))
                .expect("counts agree");
            let away = distance(&near.x, &known.x);
            if away > 1e-9 || away > near.radius + 1e-15 || (near.energy - known.energy).abs() > 1e-11 {
                wrong.push(format!(
                    "{}: index {} at {:?} is {away:e} off (radius {:e}), energy {:e} off",
                    case.name,
                    known.index,
                    known.x,
                    near.radius,
                    near.energy - known.energy
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn planar_mixtures() {
    check("planar");
}

#[test]
fn mixtures_in_space() {
    check("space");
}

#[test]
fn unequal_weights_and_duplicates() {
    check("weighted");
}

#[test]
fn points_on_a_circle() {
    check("circle");
}

#[test]
fn three_on_a_triangle() {
    check("triangle");
}

#[test]
fn hopfield() {
    check("hopfield");
}

#[test]
fn mixtures_in_five_dimensions() {
    check("five");
}

/// Four points span three of the fifty dimensions: the search runs there.
#[test]
fn four_points_in_fifty_dimensions() {
    check("fifty");
}

/// As the noise falls the points of index k are counted by a rule on the Delaunay triangulation.
#[test]
fn small_noise() {
    check("small");
}

#[test]
fn fifty_points_in_twenty_dimensions() {
    check("twenty");
}

/// What a limited number of searches met is the answer, and nothing is claimed of the rest.
#[test]
fn a_limit_ends_the_search() {
    let case = cases("twenty").into_iter().next().expect("one case");
    for limit in [10, 60, 300] {
        let options = Options { method: Method::Search, limit: Some(limit), ..Options::default() };
        let set =
            search(case.landscape.as_ref(), None, &options, &Control::quiet()).expect("a region is known");
        assert_eq!(set.work.searches, limit);
        assert!(set.work.ended.contains(&format!("limit of {limit} searches")), "{}", set.work.ended);
        assert!(!set.points.is_empty() && matches!(set.completeness, Completeness::Unknown));
        // Of an index that it did not meet it says nothing.
        assert_eq!(Some(set.highest_index), set.points.iter().map(|p| p.index).max());
    }
}

/// From many data at once: the minima that plain mean shift from each of them comes to, written out here, and nothing else.
#[test]
fn minima_from_many_data() {
    let (count, sigma) = (300, 0.2);
    let data = Mat::from_fn(2, count, |i, k| 2.0 * ((k * k) as f64 * [1.3, 2.1][i] + i as f64).sin());
    let shifted = |x: &[f64]| {
        let (mut sum, mut mean) = (0.0, [0.0; 2]);
        for y in data.col_iter() {
            let w = (-((x[0] - y[0]).powi(2) + (x[1] - y[1]).powi(2)) / (2.0 * sigma * sigma)).exp();
            sum += w;
            (0..2).for_each(|i| mean[i] += w * y[i]);
        }
        mean.map(|m| m / sum)
    };
    let mut ends: Vec<[f64; 2]> = vec![];
    for y in data.col_iter() {
        let mut x = [y[0], y[1]];
        for _ in 0..20_000 {
            let next = shifted(&x);
            let moved = distance(&x, &next);
            x = next;
            if moved < 1e-14 {
                break;
            }
        }
        if ends.iter().all(|other| distance(other, &x) > 1e-6) {
            ends.push(x);
        }
    }
    let mixture = Mixture::new(data.clone(), vec![1.0; count], Noise::Fixed { a: 1.0, sigma }, 0.0).unwrap();
    let options =
        Options { method: Method::Search, max_index: Some(0), limit: Some(count), ..Options::default() };
    let set = search(&mixture, None, &options, &Control::quiet()).unwrap();
    assert!(ends.len() > 10);
    assert_eq!(set.counts(), [ends.len()]);
    for end in ends {
        assert!(set.points.iter().any(|p| distance(&p.x, &end) < 1e-8), "{end:?}");
    }
    // Nor are there others where random starts are tried, too, and minima are not joined over saddles.
    let set = search(&mixture, None, &Options { limit: None, ..options }, &Control::quiet()).unwrap();
    assert_eq!(set.counts().len(), 1);
}

/// Two minima that lie closer than a thousandth of the data's extent are two, from data far apart in the order of the file.
#[test]
fn minima_close_to_each_other() {
    let sigma = 4e-5;
    let mut data = Mat::from_fn(2, 300, |i, k| ((k * 29 + i * 57) as f64 * 0.737).sin());
    for (k, x) in [(0, 0.31), (200, 0.31 + 2.1 * sigma)] {
        (data[(0, k)], data[(1, k)]) = (x, 0.17);
    }
    let mixture = Mixture::new(data, vec![1.0; 300], Noise::Fixed { a: 1.0, sigma }, 0.0).unwrap();
    let options =
        Options { method: Method::Search, max_index: Some(0), limit: Some(300), ..Options::default() };
    let set = search(&mixture, None, &options, &Control::quiet()).unwrap();
    assert_eq!(set.counts(), [300]);
}

/// Minima and saddles of index 1 that a search finds for these data, and the upper end of what it thinks to be unseen.
fn up_to_saddles(data: Mat<f64>, sigma: f64) -> ([usize; 2], f64) {
    let count = data.ncols();
    let mixture =
        Mixture::new(data, vec![1.0; count], Noise::Fixed { a: 1.0, sigma }, 0.0).expect("a valid mixture");
    let options = Options { method: Method::Search, max_index: Some(1), ..Options::default() };
    let set = search(&mixture, None, &options, &Control::quiet()).expect("a region");
    let high = match set.completeness {
        Completeness::Estimated { high, .. } => high,
        _ => f64::INFINITY,
    };
    ([set.counts()[0], set.counts()[1]], high)
}

/// On a lattice with spacings of its own in each direction the sum of Gaussians is a product of sums in one dimension, where minima and
/// maxima take turns: all critical points are known by counting. Minima have up to twelve neighbours in six dimensions.
#[test]
fn saddles_of_a_lattice() {
    for (dim, side) in [(6, 3_usize), (3, 7)] {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let count = side.pow(dim as u32);
        let axes = Mat::from_fn(dim, side, |_, j| j as f64 + rng.random_range(-0.15..0.15));
        let data = Mat::from_fn(dim, count, |i, k| axes[(i, k / side.pow(i as u32) % side)]);
        let (counts, high) = up_to_saddles(data, 0.15);
        assert_eq!(counts, [count, dim * count / side * (side - 1)]);
        assert!(high < 0.01 * (count + counts[1]) as f64, "{high}");
    }
}

/// Of equally far points each has a saddle to each other one, and with noise below `n^(-1/2)` the middle of all is no minimum.
#[test]
fn saddles_of_a_simplex() {
    for n in [20, 40] {
        let (counts, _) = up_to_saddles(Mat::identity(n, n), 0.15);
        assert_eq!(counts, [n, n * (n - 1) / 2]);
    }
}

/// Of irregular data, and of two clusters that face each other, as many as are proven to be there.
#[test]
fn saddles_that_are_proven_to_be_there() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let space =
        Mat::from_fn(3, 125, |i, k| (k / 5_usize.pow(i as u32) % 5) as f64 + rng.random_range(-0.2..0.2));
    // Two bands of 8 x 14, farther from each other than they are wide.
    let bands = Mat::from_fn(2, 224, |i, k| {
        let place = [(k / 14 % 8) as f64 + if k < 112 { 0.0 } else { 24.0 }, (k % 14) as f64];
        place[i] + rng.random_range(-0.2..0.2)
    });
    for (data, sigma) in [(space, 0.12), (bands, 0.15)] {
        let count = data.ncols();
        let mixture =
            Mixture::new(data.clone(), vec![1.0; count], Noise::Fixed { a: 1.0, sigma }, 0.0).unwrap();
        let options = Options { method: Method::Complete, ..Options::default() };
        let all = search(&mixture, None, &options, &Control::quiet()).unwrap();
        assert_eq!(all.completeness, Completeness::Proven);
        let (counts, _) = up_to_saddles(data, sigma);
        assert_eq!(counts[..], all.counts()[..2]);
    }
}

/// Hundreds of points in the plane and in space are proven to be all by default: they add up to one, no two are the same, and a search meets no
/// others.
#[test]
fn many_points_are_proven_to_be_all() {
    for (dim, count, sigma) in [(2, 260, 0.3), (3, 45, 0.3)] {
        let side = (count as f64).powf(1.0 / dim as f64);
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let data = Mat::from_fn(dim, count, |_, _| rng.random_range(0.0..side));
        let mixture = Mixture::new(data, vec![1.0; count], Noise::Fixed { a: 1.0, sigma }, 0.0).unwrap();
        let find = |options: Options| search(&mixture, None, &options, &Control::quiet()).unwrap();
        let all = find(Options::default());
        assert_eq!(all.completeness, Completeness::Proven);
        assert!(all.work.boxes > 8000, "it is tried here");
        assert_eq!(all.euler_characteristic(), 1);
        let met = find(Options { method: Method::Search, ..Options::default() });
        for point in &met.points {
            let same = all.points.iter().filter(|p| distance(&p.x, &point.x) < 1e-6 * sigma);
            assert_eq!(same.map(|p| p.index).collect::<Vec<_>>(), [point.index], "{:?}", point.x);
        }
        let minima = find(Options { max_index: Some(0), ..Options::default() });
        assert_eq!(minima.counts()[0], all.counts()[0]);
    }
}
