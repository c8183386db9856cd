//! What can be proven of dense memories and Hopfield's networks by their enclosures: complete sets against closed forms
//! and the search, single points in many dimensions, and bounds that hold where they are nearly attained.

#![allow(clippy::unwrap_used)]

use faer::{Mat, Side};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use smale::Control;
use smale::critical::{Completeness, Method, Options, search};
use smale::landscape::dense_memory::{DenseMemory, Lagrangian, Separation};
use smale::landscape::{Enclose, Family, KINDS, Landscape};
use smale::rigor::prune::{Limits, zeros};
use smale::rigor::rounding::norm_up;
use smale::rigor::{Expansion, Interval, Inverse, inertia};
use smale::study::Section;

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

fn hopfield(keys: &[&str]) -> Box<dyn Family> {
    let mut section = Section::from_pairs("landscape", keys).unwrap();
    let kind = KINDS.iter().find(|k| k.name == "hopfield").unwrap();
    (kind.build)(&mut section).unwrap_or_else(|e| panic!("{e}"))
}

fn dense(
    y: &[&[f64]],
    separation: Separation,
    lagrangian: Lagrangian,
    scale: f64,
    confinement: f64,
) -> DenseMemory {
    let y = Mat::from_fn(y[0].len(), y.len(), |i, k| y[k][i]);
    let weights = vec![1.0; y.ncols()];
    DenseMemory::new(y.as_ref(), weights, separation, lagrangian, scale, confinement).unwrap()
}

fn point(x: &[f64]) -> Vec<Interval> {
    x.iter().map(|x| Interval::point(*x)).collect()
}

/// Proves all critical points of R^n: enclosures and indices, whose alternating sum must be that of a ball, and among which
/// are all that the search finds.
fn complete(landscape: &dyn Landscape, what: &str) -> Vec<usize> {
    let enclosed = landscape.enclose().unwrap();
    let all = enclosed.everywhere().unwrap();
    let set = zeros(all.system.as_ref(), &all.within, &Limits::default(), &|| false);
    assert!(set.is_complete(), "{what}: {} undecided of {:?}", set.undecided.len(), set.ended);
    let n = landscape.dim();
    let mut proven: Vec<(Vec<Interval>, usize)> = set
        .found
        .iter()
        .map(|zero| {
            let place = |i: usize| {
                let at = zero.enclosure.iter().enumerate();
                let x = at.fold(Interval::point(all.origin[i]), |x, (j, z)| x + z.scale(all.map[(i, j)]));
                // The map is approximate.
                Interval::new(x.lo() - 1e-12, x.hi() + 1e-12)
            };
            let x: Vec<Interval> = (0..n).map(place).collect();
            let index = inertia(&enclosed.hessian(&x)).unwrap_or_else(|| panic!("{what}: no index at {x:?}"));
            let size = norm_up(&x.iter().map(|x| x.mig()).collect::<Vec<_>>());
            assert!(size <= all.radius, "{what}: a point beyond the ball");
            (x, index)
        })
        .collect();
    let found = search(landscape, None, &Options::default(), &Control::quiet()).unwrap();
    // The proof may know more than the search; it is checked by itself.
    assert!(found.points.len() <= proven.len(), "{what}: the search has more");
    for (x, _) in &proven {
        let (x, mut g): (Vec<f64>, Vec<f64>) = (x.iter().map(|x| x.mid()).collect(), vec![0.0; n]);
        landscape.gradient(&x, &mut g);
        assert!(norm_up(&g) < 1e-9, "{what}: gradient {g:?} at {x:?}");
    }
    let counts: Vec<usize> = (0..=n).map(|k| proven.iter().filter(|p| p.1 == k).count()).collect();
    let euler: i64 = counts.iter().zip([1, -1].iter().cycle()).map(|(c, sign)| sign * *c as i64).sum();
    assert_eq!(euler, 1, "{what}: {counts:?}");
    for p in &found.points {
        let near = |(x, k): &(Vec<Interval>, usize)| {
            *k == p.index && x.iter().zip(&p.x).all(|(x, p)| (x.mid() - p).abs() < 1e-8)
        };
        let place = proven.iter().position(near).unwrap_or_else(|| panic!("{what}: {:?} is not proven", p.x));
        proven.remove(place);
    }
    counts
}

const TANH: Lagrangian = Lagrangian::Tanh { gain: 1.0 };

#[test]
fn units_that_act_on_themselves_alone_have_three_equilibria_each() {
    let w = "W=[[1.0,0.0,0.0],[0.0,1.0,0.0],[0.0,0.0,1.0]]";
    // u = tanh(2u) has three solutions, of which the middle one is unstable: binomial counts.
    assert_eq!(complete(hopfield(&[w, "gain=2.0"]).as_ref(), "three units"), [8, 12, 6, 1]);
    assert_eq!(complete(hopfield(&[w, "gain=2.0", "R=0.4"]).as_ref(), "leaky"), [1, 0, 0, 0]);
    assert_eq!(complete(hopfield(&[w, "gain=4.1", "activation=logistic"]).as_ref(), "logistic")[3], 0);
}

#[test]
fn complete_sets_of_small_networks_are_those_of_the_search() {
    // u1 = tanh(g u2), u2 = tanh(g u1): the origin and +-(a, a) for g > 1.
    let pair = "W=[[0.0,1.0],[1.0,0.0]]";
    assert_eq!(complete(hopfield(&[pair, "gain=2.0"]).as_ref(), "a pair"), [2, 1, 0]);
    assert_eq!(complete(hopfield(&[pair, "gain=0.9"]).as_ref(), "a weak pair"), [1, 0, 0]);
    // Saturated far beyond where 1 - tanh keeps a digit.
    assert_eq!(complete(hopfield(&[pair, "gain=30.0"]).as_ref(), "a steep pair"), [2, 1, 0]);
    let patterns = "data=[[1.0,1.0,-1.0],[1.0,-1.0,0.5]]";
    for keys in [
        &[patterns, "gain=2.5"][..],
        &[patterns, "gain=2.5", "diagonal=true", "C=[1.0,3.0,0.5]", "R=[1.0,2.0,0.7]"],
        &[patterns, "gain=6.0", "rule=pseudo-inverse", "I=[0.05,0.0,-0.02]"],
        &["W=[[0.3,0.8],[0.8,-0.5]]", "gain=7.0", "activation=logistic", "I=0.1", "confinement=0.2"],
    ] {
        complete(hopfield(keys).as_ref(), &format!("{keys:?}"));
    }
}

#[test]
fn complete_sets_of_small_dense_memories_are_those_of_the_search() {
    let pair: [&[f64]; 2] = [&[1.0, 0.4], &[-0.5, 0.9]];
    let space: [&[f64]; 2] = [&[1.0, 0.4, -0.3, 0.8, 0.1], &[-0.5, 0.9, 0.7, 0.2, -1.0]];
    let three: [&[f64]; 3] = [&[1.0, 0.2, -0.4], &[-0.6, 0.9, 0.1], &[0.3, -0.5, 1.1]];
    for separation in [
        Separation::Power { p: 2 },
        Separation::Power { p: 3 },
        Separation::Power { p: 4 },
        Separation::Rectified { p: 3.5 },
        Separation::Exponential { beta: 1.0 },
    ] {
        for (y, confinement) in [(&pair[..], 0.0), (&space[..], 0.0), (&three[..], 0.0), (&pair[..], 0.1)] {
            let memory = dense(y, separation, TANH, 2.0, confinement);
            let what = format!("{separation:?} {}x{} {confinement}", y[0].len(), y.len());
            complete(&memory, &what);
        }
    }
}

/// Saturated softmax neurons have Hessians that are singular to working precision: a point may then be without a proof, and the
/// set is not proven. What is proven is not fewer points than the search knows.
#[test]
fn softmax_neurons_are_proven_or_left_open() {
    let space: [&[f64]; 2] = [&[1.0, 0.4, -0.3, 0.8, 0.1], &[-0.5, 0.9, 0.7, 0.2, -1.0]];
    for separation in [Separation::Power { p: 2 }, Separation::Exponential { beta: 1.0 }] {
        let memory = dense(&space, separation, Lagrangian::Softmax { gain: 4.0 }, 2.0, 0.0);
        let find =
            |method| search(&memory, None, &Options { method, ..Options::default() }, &Control::quiet());
        let (known, set) = (find(Method::Search).unwrap(), find(Method::Complete).unwrap());
        if set.completeness == Completeness::Proven {
            assert!(set.points.len() >= known.points.len() && set.euler_characteristic() == 1);
        } else {
            assert!(!set.coverage.undecided.is_empty() && set.coverage.open.is_some());
        }
    }
}

#[test]
fn the_flow_enters_every_larger_ball() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let y: [&[f64]; 2] = [&[1.0, 0.4, -0.3], &[-0.5, 0.9, 0.7]];
    let cube = Separation::Power { p: 3 };
    let mut all: Vec<Box<dyn Landscape>> = vec![hopfield(&[
        "W=[[0.0,2.0,0.1],[2.0,0.0,0.3],[0.1,0.3,0.5]]",
        "gain=3.0",
        "R=[1.0,5.0,0.3]",
        "C=[4.0,1.0,0.1]",
        "I=[0.5,0.0,-0.4]",
    ])];
    for lagrangian in [TANH, Lagrangian::Sigmoid { gain: 3.0 }, Lagrangian::Softmax { gain: 2.0 }] {
        for confinement in [0.0, 0.2] {
            all.push(Box::new(dense(&y, cube, lagrangian, 2.0, confinement)));
        }
    }
    for landscape in all {
        let enclosed = landscape.enclose().unwrap();
        let radius = 1.000_001 * enclosed.everywhere().unwrap().radius;
        for _ in 0..2000 {
            let u: Vec<f64> = (0..3).map(|_| normal(&mut rng)).collect();
            let size = norm_up(&u);
            let x: Vec<f64> = u.iter().map(|u| u * radius / size).collect();
            let mut v = vec![0.0; 3];
            if let Some(dynamics) = landscape.dynamics() {
                dynamics.velocity(&x, &mut v);
            } else {
                landscape.gradient(&x, &mut v);
                v.iter_mut().for_each(|v| *v = -*v);
            }
            assert!(x.iter().zip(&v).map(|(x, v)| x * v).sum::<f64>() < 0.0);
        }
    }
    let unbounded = dense(&y, cube, Lagrangian::Identity, 1.0, 1.0);
    assert!(unbounded.enclose().unwrap().everywhere().is_none());
    let free = hopfield(&["W=[[0.0,1.0],[1.0,0.0]]", "gain=1.0", "leak=[1.0,0.0]"]);
    assert!(free.enclose().unwrap().everywhere().is_none());
}

#[test]
fn kinks_are_seen() {
    let line = |p: f64| dense(&[&[1.0]], Separation::Rectified { p }, Lagrangian::Identity, 0.3, 0.0);
    let (across, right, left) =
        (Interval::new(-0.1, 0.2), Interval::new(0.1, 0.2), Interval::new(-0.2, -0.1));
    for (p, smooth, lipschitz) in
        [(2.0, false, false), (2.5, true, false), (3.0, true, true), (3.5, true, true)]
    {
        let memory = line(p);
        let enclosed = memory.enclose().unwrap();
        let mut e = Expansion::new(1);
        enclosed.system().expand(&[across], &[0.05], &mut e);
        assert_eq!(e.jacobian[0].is_bounded(), smooth, "{p}");
        assert_eq!(enclosed.hessian(&[across]).is_finite(), smooth, "{p}");
        assert_eq!(enclosed.hessian(&[Interval::ZERO]).is_finite(), smooth, "{p}");
        assert_eq!(enclosed.lipschitz(&[0.05], 0.1) < f64::INFINITY, lipschitz, "{p}");
        for side in [right, left] {
            assert!(enclosed.hessian(&[side]).is_finite());
            assert!(enclosed.lipschitz(&[side.mid()], 0.04) < f64::INFINITY);
        }
        // E'' = 1 - 0.3 (p - 1) relu(x)^(p - 2).
        assert!(enclosed.hessian(&[left]).entry(0, 0).contains(1.0));
    }
}

/// `|H(x) - H(y)| / |x - y|` over pairs of points of a ball: the largest seen.
fn seen(landscape: &dyn Landscape, center: &[f64], radius: f64, rng: &mut ChaCha8Rng) -> f64 {
    let n = center.len();
    let mut sample = || -> Vec<f64> {
        let u: Vec<f64> = (0..n).map(|_| normal(rng)).collect();
        let r = radius * rng.random::<f64>() / norm_up(&u);
        center.iter().zip(&u).map(|(c, u)| c + r * u).collect()
    };
    let mut most = 0.0_f64;
    for _ in 0..100 {
        let (x, y) = (sample(), sample());
        let (mut a, mut b) = (Mat::zeros(n, n), Mat::zeros(n, n));
        landscape.hessian(&x, a.as_mut());
        landscape.hessian(&y, b.as_mut());
        let values = (&a - &b).self_adjoint_eigenvalues(Side::Lower).unwrap();
        let step: Vec<f64> = x.iter().zip(&y).map(|(x, y)| x - y).collect();
        most = most.max(values[0].abs().max(values[n - 1].abs()) / norm_up(&step));
    }
    most
}

#[test]
fn hessians_change_no_faster_than_their_bound() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let y: [&[f64]; 2] = [&[1.0, 0.4, -0.3], &[-0.5, 0.9, 0.7]];
    let mut all: Vec<Box<dyn Landscape>> =
        vec![hopfield(&["W=[[0.0,2.0,0.1],[2.0,0.0,0.3],[0.1,0.3,0.5]]", "gain=1.5", "R=2.0"])];
    for lagrangian in
        [Lagrangian::Identity, TANH, Lagrangian::Sigmoid { gain: 3.0 }, Lagrangian::Softmax { gain: 3.0 }]
    {
        for separation in [
            Separation::Power { p: 3 },
            Separation::Rectified { p: 3.0 },
            Separation::Exponential { beta: 1.5 },
        ] {
            all.push(Box::new(dense(&y, separation, lagrangian, 1.5, 0.0)));
        }
    }
    for landscape in all {
        let enclosed = landscape.enclose().unwrap();
        for radius in [1e-3, 0.1, 1.0] {
            for _ in 0..10 {
                let center: Vec<f64> = (0..3).map(|_| normal(&mut rng)).collect();
                let (bound, seen) = (
                    enclosed.lipschitz(&center, radius),
                    seen(landscape.as_ref(), &center, radius, &mut rng),
                );
                assert!(bound.is_finite() && bound >= seen * (1.0 - 1e-6), "{bound} {seen}");
            }
        }
    }
}

#[test]
fn each_term_of_the_bound_is_attained_where_it_stands_alone() {
    let close = |bound: f64, truth: f64| {
        assert!(bound >= truth * (1.0 - 1e-9) && bound <= truth * (1.0 + 1e-3) + 1e-9, "{bound} {truth}");
    };
    // x^2/2 - 0.3 z^4/4, z = 2 x: the third derivative is -0.3 6 z 8.
    let cubic = dense(&[&[2.0]], Separation::Power { p: 4 }, Lagrangian::Identity, 0.3, 0.0);
    close(cubic.enclose().unwrap().lipschitz(&[1.5], 1e-6), 0.3 * 6.0 * 3.0 * 8.0);
    // No synapses: P'' r + 2 leak P' with r = u at R = 1.
    let (u, sech) = (0.4_f64, |u: f64| 1.0 - u.tanh().powi(2));
    let alone = hopfield(&["W=[[0.0]]", "gain=1.0"]);
    let (first, second) = (-2.0 * u.tanh() * sech(u), sech(u) * (4.0 - 6.0 * sech(u)));
    close(alone.enclose().unwrap().lipschitz(&[u], 1e-6), (second * u + 2.0 * first).abs());
    // Without leak, at the equilibrium: -3 P' W P.
    let current = -0.7 * u.tanh();
    let turned = hopfield(&["W=[[0.7]]", "gain=1.0", "leak=0.0", &format!("I={current:e}")]);
    close(turned.enclose().unwrap().lipschitz(&[u], 1e-6), 3.0 * first.abs() * 0.7 * sech(u));
}

/// Newton & Kantorovich at an approximate critical point: the radius of a ball with exactly one, and its index.
fn kantorovich(enclosed: &dyn Enclose, x: &[f64]) -> Option<(f64, usize)> {
    let mut g = vec![Interval::ENTIRE; x.len()];
    enclosed.gradient(&point(x), &mut g);
    let residual = norm_up(&g.iter().map(|g| g.mag()).collect::<Vec<_>>());
    let h = enclosed.hessian(&point(x));
    let b = Inverse::of(&h)?.norm_two;
    let radius = 3.0 * b * residual;
    let l = enclosed.lipschitz(x, radius);
    let around: Vec<Interval> = x.iter().map(|x| Interval::about(*x, radius)).collect();
    // b L r^2/2 - r + b |g| < 0, with room for rounding.
    (b * l * radius < 0.5).then_some((radius, inertia(&enclosed.hessian(&around))?))
}

#[test]
fn retrieved_patterns_in_many_dimensions_are_proven_minima() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let (n, k) = (100, 30);
    let y = Mat::from_fn(n, k, |_, _| if rng.random::<bool>() { 1.0 } else { -1.0 });
    let cube = Separation::Power { p: 3 };
    let scale = 2.0 / (n * n) as f64;
    let memory = DenseMemory::new(y.as_ref(), vec![1.0; k], cube, TANH, scale, 0.0).unwrap();
    let enclosed = memory.enclose().unwrap();
    for j in 0..5 {
        let mut x: Vec<f64> = y.col_as_slice(j).to_vec();
        for _ in 0..300 {
            x = memory.recall(&memory.activation(&x));
        }
        let (radius, index) = kantorovich(enclosed.as_ref(), &x).unwrap();
        assert!(radius < 1e-11 && index == 0, "{radius:e} {index}");
        // The equations, in which nothing saturates, are enclosed to the last digits.
        let mut f = vec![Interval::ENTIRE; n];
        enclosed.system().range(&point(&x), &mut f);
        assert!(f.iter().all(|f| f.mag() < 1e-11 && f.width() < 1e-11));
    }
    let rows: Vec<String> = (0..4)
        .map(|j| {
            format!("[{}]", y.col_as_slice(j).iter().map(|y| format!("{y:.1}")).collect::<Vec<_>>().join(","))
        })
        .collect();
    let network = hopfield(&[&format!("data=[{}]", rows.join(",")), "gain=2.0"]);
    let enclosed = network.enclose().unwrap();
    let wells = network.wells().unwrap();
    for start in wells.col_iter() {
        let mut x: Vec<f64> = start.iter().copied().collect();
        for _ in 0..300 {
            let mut v = vec![0.0; n];
            network.dynamics().unwrap().velocity(&x, &mut v);
            x.iter_mut().zip(&v).for_each(|(x, v)| *x += v);
        }
        let (radius, index) = kantorovich(enclosed.as_ref(), &x).unwrap();
        assert!(radius < 1e-11 && index == 0, "{radius:e} {index}");
    }
}
