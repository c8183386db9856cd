//! Landscapes whose graphs are known, from the literature or by closed forms.

use faer::Mat;
use smale::certificate::build::Options;
use smale::certificate::format::{Certificate, Hex, Level};
use smale::landscape::mixture::{Mixture, Noise};
use smale::landscape::modern_hopfield::ModernHopfield;
use smale::landscape::neural::Neural;
use smale::landscape::neural::activation::Activation;

use super::{CUSP, FLIP, HIMMELBLAU, certify, certify_with, formula, points, proven};

/// Edges as (index of the point, index of the end), to be counted.
fn edges(c: &Certificate) -> [usize; 3] {
    let down = c.edges.iter().filter(|e| !e.up).count();
    let up = c.edges.iter().filter(|e| e.up && e.end.is_some()).count();
    [down, up, c.edges.len() - down - up]
}

#[test]
fn himmelblau_is_structurally_stable() {
    let built = certify(&formula(HIMMELBLAU, &[]), None).unwrap();
    let claim = proven(&built.text);
    assert_eq!((claim.level, claim.complete, claim.counts), (Level::Full, true, vec![4, 4, 1]));
    // Four saddles around one maximum: each has a half from it and one from outside.
    assert_eq!(edges(&built.certificate), [8, 4, 4]);
    assert!(claim.e0 > 0.0 && claim.e1 > 0.0);
    let minimum = |z: &&smale::certificate::format::Zero| {
        (z.center.0[0] - 3.0).abs() + (z.center.0[1] - 2.0).abs() < 1e-9
    };
    assert_eq!(built.certificate.zeros.iter().filter(minimum).count(), 1);
    // e0 can be no larger than what moves a point out of its ball: a constant push of that size must leave a zero in it.
    let limit = built.limit.expect("something limits it");
    assert!(limit.e0 >= claim.e0);
}

/// `(x^2 - 1)^2/4 + y^2/2`: the gradient along x, `x^3 - x`, has its extremes `2/(3 sqrt 3)` at `1/sqrt 3`. A constant push of that size merges
/// minimum and saddle in a fold, so no radius can be larger; balls and blocks with one Lipschitz constant each reach a twentieth of it at least.
#[test]
fn a_fold_bounds_the_radius() {
    let double_well = formula("(x^2 - 1)^2/4 + y^2/2", &[]);
    let options = Options { length: Some(1e9), ..Options::default() };
    let claim = proven(&certify_with(&double_well, None, &options).unwrap().text);
    let most = 2.0 / (3.0 * 3f64.sqrt());
    assert_eq!(claim.counts, [2, 1]);
    assert!(claim.e0 < most && claim.e0 > 0.05 * most, "{} {most}", claim.e0);
    // More than what merges them is refused, not granted.
    for e0 in [most, 1.01 * most, 10.0 * most] {
        let options = Options { e0: Some(e0), ..options.clone() };
        assert!(certify_with(&double_well, None, &options).is_err());
    }
}

#[test]
fn the_dual_cusp_and_the_two_sides_of_the_flip() {
    let built = certify(&formula(CUSP, &[("K", 0.15), ("f", 0.0)]), None).unwrap();
    assert_eq!(proven(&built.text).counts, [3, 2]);
    let mut ends = vec![];
    for f in [0.01, -0.01] {
        let built = certify(&formula(FLIP, &[("K", 0.75), ("f", f)]), None).unwrap();
        let claim = proven(&built.text);
        assert_eq!((claim.level, &claim.counts[..]), (Level::Full, &[3, 2][..]));
        // The upper saddle's lower branch changes sides: published for f = 0.01 near (-0.8952, -0.7985).
        let c = &built.certificate;
        let upper = (0..5)
            .filter(|k| c.zeros[*k].index == 1)
            .max_by(|a, b| c.zeros[*a].center.0[1].total_cmp(&c.zeros[*b].center.0[1]));
        let xs: Vec<f64> = c
            .edges
            .iter()
            .filter(|e| Some(e.of) == upper && !e.up)
            .filter_map(|e| e.end)
            .filter(|k| c.zeros[*k].center.0[1] < 0.0)
            .map(|k| c.zeros[k].center.0[0])
            .collect();
        assert_eq!(xs.len(), 1);
        ends.push(xs[0]);
        // A constant push of 0.01 along x turns it into the flow of f = 0, which is none of this kind.
        assert!(claim.e0 < 0.01);
    }
    assert!((ends[0] + 0.8952).abs() < 1e-4 && (ends[1] - 0.8952).abs() < 1e-4, "{ends:?}");
}

#[test]
fn mixtures_and_memories() {
    // Three equal Gaussians on a triangle: [3, 3, 1] below sigma^2 = 1/2 (Carreira-Perpinan & Williams 2003).
    let (c, s) = (-0.5, 3f64.sqrt() / 2.0);
    let triangle = Mat::from_fn(2, 3, |i, k| [[1.0, 0.0], [c, s], [c, -s]][k][i]);
    let noise = Noise::Fixed { a: 1.0, sigma: 0.5 };
    let built = certify(&Mixture::new(triangle, vec![1.0; 3], noise, 0.0).unwrap(), None).unwrap();
    assert_eq!((proven(&built.text).counts, built.certificate.level), (vec![3, 3, 1], Level::Full));
    // Two patterns in a modern Hopfield network, far apart: two minima and a saddle between, by symmetry at their middle.
    let two = Mat::from_fn(2, 2, |i, k| if i == k { 1.0 } else { 0.0 });
    let memory = ModernHopfield::new(two, vec![1.0; 2], 8.0, 0.0).unwrap();
    let built = certify(&memory, None).unwrap();
    assert_eq!(proven(&built.text).counts, [2, 1]);
    let saddle = built.certificate.zeros.iter().find(|z| z.index == 1).unwrap();
    assert!(saddle.center.0.iter().all(|x| (x - 0.5).abs() < 1e-12));
}

/// Six Gaussians at equal distances on a circle: by symmetry a minimum near each, a saddle between neighbours, a maximum in the middle; each
/// saddle leads to its two neighbours, so that two halves end at each minimum.
#[test]
fn equally_spaced_on_a_circle() {
    let turn = |k: usize| std::f64::consts::TAU * k as f64 / 6.0;
    let data = Mat::from_fn(2, 6, |i, k| if i == 0 { turn(k).cos() } else { turn(k).sin() });
    let noise = Noise::Fixed { a: 1.0, sigma: 0.35 };
    let built = certify(&Mixture::new(data, vec![1.0; 6], noise, 0.0).unwrap(), None).unwrap();
    let claim = proven(&built.text);
    assert_eq!((claim.level, claim.counts), (Level::Full, vec![6, 6, 1]));
    let c = &built.certificate;
    for (k, z) in c.zeros.iter().enumerate() {
        let ends = c.edges.iter().filter(|e| !e.up && e.end == Some(k)).count();
        assert_eq!(ends, if z.index == 0 { 2 } else { 0 });
    }
    assert_eq!(c.edges.iter().filter(|e| e.up && e.end.is_some()).count(), 6);
}

/// What is proven of all fields within a radius is proven of those within a smaller one, so that a file that says less must pass, too.
#[test]
fn what_holds_at_a_radius_holds_at_smaller_ones() {
    let turn = |k: usize| std::f64::consts::TAU * k as f64 / 5.0;
    let noise = Noise::Fixed { a: 1.0, sigma: 0.4 };
    let flat = Mat::from_fn(2, 5, |i, k| if i == 0 { turn(k).cos() } else { turn(k).sin() });
    let deep = Mat::from_fn(18, 5, |i, k| match i {
        0 => turn(k).cos(),
        1 => turn(k).sin(),
        _ => 0.01 * i as f64,
    });
    for data in [flat, deep] {
        let landscape = Mixture::new(data, vec![1.0; 5], noise, 0.0).unwrap();
        let built = certify(&landscape, None).unwrap();
        let claim = proven(&built.text);
        assert_eq!(claim.counts[..2], [5, 5], "{:?}", built.left_out);
        let mut smaller = built.certificate.clone();
        for _ in 0..80 {
            (smaller.e0, smaller.e1) = (Hex(0.93 * smaller.e0.0), Hex(0.93 * smaller.e1.0));
            let text = smaller.seal().unwrap();
            assert_eq!(proven(&text).counts, claim.counts, "at {:e}", smaller.e0.0);
        }
    }
}

/// In 4 dimensions minima and saddles only, without completeness: two Gaussians at distance 4 sigma on an axis.
#[test]
fn memories_in_more_dimensions() {
    let data = Mat::from_fn(4, 2, |i, k| if i == 0 { [-1.0, 1.0][k] } else { 0.1 * i as f64 });
    let landscape = Mixture::new(data, vec![1.0, 1.0], Noise::Fixed { a: 1.0, sigma: 0.5 }, 0.0).unwrap();
    let built = certify(&landscape, None).unwrap();
    let claim = proven(&built.text);
    assert_eq!((claim.level, claim.complete, claim.edges), (Level::Memories, false, 2));
    assert_eq!(claim.counts, [2, 1]);
    let set = points(&landscape, None);
    assert_eq!(set.points.len(), 3);
}

/// Eleven dimensions, where the checker computes with numbers and bounds of their errors: three Gaussians on an equilateral triangle, six sigma
/// apart, have three minima; the saddles between two of them lie at their middles, by symmetry nearly.
#[test]
fn memories_in_many_dimensions() {
    let corner = |i: usize, k: usize| match i {
        0..3 => 0.7 * f64::from(u8::from(i == k)),
        _ => 0.03 * i as f64,
    };
    let data = Mat::from_fn(11, 3, corner);
    let sigma = 0.7 * 2f64.sqrt() / 6.0;
    let landscape = Mixture::new(data, vec![1.0; 3], Noise::Fixed { a: 1.0, sigma }, 0.0).unwrap();
    let options = Options { level: Some(Level::Memories), ..Options::default() };
    let built = certify_with(&landscape, None, &options).unwrap();
    let claim = proven(&built.text);
    assert_eq!((claim.counts, claim.edges), (vec![3, 3], 6));
    assert!(built.left_out.is_empty() && claim.e0 > 0.0, "{:?}", built.left_out);
    for z in built.certificate.zeros.iter().filter(|z| z.index == 1) {
        let mut three: Vec<f64> = z.center.0[..3].to_vec();
        three.sort_by(f64::total_cmp);
        assert!(three[0].abs() < 1e-2 && (three[1] - 0.35).abs() < 1e-2 && (three[2] - 0.35).abs() < 1e-2);
    }
}

/// `3 |x|^2/4 - log cosh(2 x_1)` of two softplus units: `-log cosh v = v - softplus(2 v)` up to a constant, here as half the sum over both signs. The slope
/// along x_1, `1.5 x - 2 tanh 2x`, vanishes at 0, where the curvature is 1.5 - 4, and at +-1.3189..; across there is one well.
#[test]
fn a_network_with_two_wells() {
    for n in [2, 4] {
        let first = Mat::from_fn(2, n, |i, j| if j == 0 { [4.0, -4.0][i] } else { 0.0 });
        let last = Mat::from_fn(1, 2, |_, _| -0.5);
        let layers = vec![(first, vec![0.0; 2]), (last, vec![0.0])];
        let f = Neural::perceptron(layers, Activation::Softplus { beta: 1.0 }, 1.5).unwrap();
        let built = certify(&f, None).unwrap();
        let claim = proven(&built.text);
        assert_eq!(claim.counts, [2, 1]);
        assert_eq!(
            (claim.level, claim.complete),
            if n == 2 { (Level::Full, true) } else { (Level::Memories, false) }
        );
        for z in &built.certificate.zeros {
            let x = z.center.0[0];
            assert!((1.5 * x - 2.0 * (2.0 * x).tanh()).abs() < 1e-9);
            assert!((x.abs() > 1.0) == (z.index == 0), "{x} {}", z.index);
        }
    }
}

/// The network of four centroids at the end of its training (data/README.md): by another program 4 minima, 4 saddles, 1 maximum, in a ring.
#[test]
#[ignore = "two minutes"]
fn the_learned_centroids() {
    use smale::study::pipeline::{Part, execute};
    use smale::study::{Override, Study};
    let study =
        Study::read(std::path::Path::new("analyses/learned-centroids.toml"), &[] as &[Override]).unwrap();
    let outcome = execute(&study, Part::Certify, &smale::Control::quiet()).unwrap();
    let (_, bytes) = outcome.files.iter().find(|(name, _)| name == "certificate.json").unwrap();
    let claim = proven(std::str::from_utf8(bytes).unwrap());
    assert_eq!((claim.level, claim.complete, claim.counts), (Level::Full, true, vec![4, 4, 1]));
    assert!(claim.e0 > 0.0);
}

/// No perturbation within the radius may change the graph, and one not much larger does.
#[test]
fn attacks_within_the_radius_fail() {
    use smale::certificate::build::attack::attack;
    for landscape in [formula(HIMMELBLAU, &[]), formula(CUSP, &[("K", 0.15), ("f", 0.0)])] {
        let built = certify(&landscape, None).unwrap();
        let attack = attack(&landscape, &built, 10, 3).unwrap();
        assert_eq!((attack.tried, attack.broken), (20, 0));
        assert!(attack.gap.is_some_and(|g| g > 1.0), "{attack:?}");
    }
}

/// Weights and data that move by less than their radii move the gradient by less than e0, its derivative by less than e1.
#[test]
fn radii_in_weights_and_data() {
    use rand::{RngExt, SeedableRng};
    use smale::certificate::build::parameters::radii;
    use smale::landscape::Landscape;
    let data = Mat::from_fn(2, 3, |i, k| [[1.0, 0.0], [-0.5, 0.9], [-0.5, -0.8]][k][i]);
    let noise = Noise::Fixed { a: 0.9, sigma: 0.45 };
    let weights = vec![1.0, 2.0, 1.5];
    let landscape = Mixture::new(data.clone(), weights.clone(), noise, 0.0).unwrap();
    let built = certify(&landscape, None).unwrap();
    let (e0, e1) = (built.certificate.e0.0, built.certificate.e1.0);
    let r = radii(&built.certificate).unwrap();
    assert!(r.log_weights > 0.0 && r.data > 0.0);
    let region = landscape.region().unwrap();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    let mut most = [0.0f64; 2];
    for round in 0..200 {
        let mut sign = || if rng.random_range(0..2) == 0 { 1.0 } else { -1.0 };
        let moved = if round % 2 == 0 {
            let weights = weights.iter().map(|w: &f64| w * (sign() * r.log_weights).exp()).collect();
            Mixture::new(data.clone(), weights, noise, 0.0).unwrap()
        } else {
            let half = r.data / 2f64.sqrt();
            let data = Mat::from_fn(2, 3, |i, k| {
                data[(i, k)] + half * if (round >> (2 * k + i + 1)) % 2 == 0 { 1.0 } else { -1.0 }
            });
            Mixture::new(data, weights.clone(), noise, 0.0).unwrap()
        };
        let x = region.sample(&mut rng);
        let (mut g, mut h) = ([0.0; 2], [0.0; 2]);
        landscape.gradient(&x, &mut g);
        moved.gradient(&x, &mut h);
        let apart = (g[0] - h[0]).hypot(g[1] - h[1]);
        let (mut a, mut b) = (Mat::zeros(2, 2), Mat::zeros(2, 2));
        landscape.hessian(&x, a.as_mut());
        moved.hessian(&x, b.as_mut());
        let turned = (a - b).norm_l2();
        assert!(apart <= e0 && turned <= e1, "{apart} {e0}, {turned} {e1}");
        most = [most[0].max(apart / e0), most[1].max(turned / e1)];
    }
    // The bounds are not idle.
    assert!(most[0] > 0.05 || most[1] > 0.05, "{most:?}");
}
