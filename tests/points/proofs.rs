//! What is proven agrees with what is known: counts, places, indices, basins; and what is not true is not proven.
#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use crate::common::cases;
use crate::common::draw::distance;
use smale::Control;
use smale::critical::{Completeness, CriticalSet, Level, Method, Options, search};
use smale::landscape::formula::Formula;
use smale::landscape::{Landscape, Region};
use smale::rigor::Interval;
use smale::rigor::prune::SignedPermutation;

fn complete(landscape: &dyn Landscape, region: Option<&Region>) -> CriticalSet {
    let options = Options { method: Method::Complete, ..Options::default() };
    search(landscape, region, &options, &Control::quiet()).unwrap()
}

fn formula(n: usize, energy: &str) -> Formula {
    Formula::new(n, energy, &[], &[], None).unwrap()
}

/// All proven: that there are no others, and each by itself.
fn is_proven(set: &CriticalSet) -> bool {
    let each = set.points.iter().all(|p| p.level == Level::Proven && p.proof.is_some());
    set.completeness == Completeness::Proven && each && set.degenerate.is_empty()
}

/// Known answers of an independent program: the same counts, by proof, and each known point in the ball of its proof.
fn agree(prefix: &str) {
    let mut wrong = vec![];
    for case in cases(prefix) {
        let started = Instant::now();
        let set = complete(case.landscape.as_ref(), None);
        println!(
            "{}: {:?} in {:.3} s, {} boxes; {:?}",
            case.name,
            set.counts(),
            started.elapsed().as_secs_f64(),
            set.work.boxes,
            set.coverage.open
        );
        if !is_proven(&set) || !set.coverage.everywhere || set.counts() != case.counts {
            wrong.push(format!("{}: {:?}, {:?}", case.name, set.counts(), set.coverage));
            continue;
        }
        for known in &case.points {
            // Known to about 1e-12.
            let holds = set.points.iter().any(|p| {
                p.index == known.index && distance(&p.x, &known.x) <= p.radius + 1e-11 && p.radius < 1e-9
            });
            if !holds {
                wrong.push(format!("{}: index {} at {:?}", case.name, known.index, known.x));
            }
        }
        let distinct = |a: usize, b: usize| {
            let (a, b) = (&set.points[a], &set.points[b]);
            distance(&a.x, &b.x) >= a.proof.as_ref().unwrap().unique * (1.0 - 1e-12)
        };
        let n = set.points.len();
        if !(0..n).all(|a| (0..n).all(|b| a == b || distinct(a, b))) {
            wrong.push(format!("{}: two points in one ball of uniqueness", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn planar_mixtures() {
    agree("planar");
}

#[test]
fn mixtures_in_space() {
    agree("space");
}

#[test]
fn unequal_weights_and_duplicates() {
    agree("weighted");
}

#[test]
fn points_on_a_circle_and_a_triangle() {
    agree("circle");
    agree("triangle");
}

#[test]
fn hopfield_memories() {
    agree("hopfield");
}

/// Four points span three of the fifty dimensions.
#[test]
fn few_points_in_many_dimensions() {
    agree("fifty");
}

#[test]
fn polynomials() {
    let himmelblau = formula(2, "(x[0]^2 + x[1] - 11)^2 + (x[0] + x[1]^2 - 7)^2");
    let region = Region::cuboid(vec![-6.0; 2], vec![6.0; 2]);
    let set = complete(&himmelblau, Some(&region));
    assert!(is_proven(&set), "{:?}", set.coverage);
    assert_eq!(set.counts(), [4, 4, 1]);
    // The one minimum with whole coordinates.
    let near = set.points.iter().find(|p| distance(&p.x, &[3.0, 2.0]) < 1e-6).unwrap();
    assert!(distance(&near.x, &[3.0, 2.0]) <= near.radius && near.radius < 1e-13);

    // 3^n points, of index k as many as there are ways to choose k coordinates at the maximum and the others at one of two
    // minima.
    for (n, counts) in [(4, vec![16, 32, 24, 8, 1]), (5, vec![32, 80, 80, 40, 10, 1])] {
        let styblinski = formula(n, &format!("sum(i, 0, {}, x[i]^4 - 16*x[i]^2 + 5*x[i])/2", n - 1));
        let region = Region::cuboid(vec![-5.0; n], vec![5.0; n]);
        let set = complete(&styblinski, Some(&region));
        assert!(is_proven(&set), "{:?}", set.coverage);
        assert_eq!(set.counts(), counts);
    }
}

/// Potentials in the plane, with their counts: the dual cusp and the heteroclinic flip.
#[test]
fn cusps_and_flips() {
    let region = Region::cuboid(vec![-3.0; 2], vec![3.0; 2]);
    for (k, f, counts) in [(0.15, 0.0, vec![3, 2]), (0.15, 0.2, vec![2, 1]), (-0.3, 0.0, vec![2, 1])] {
        let cusp = formula(
            2,
            &format!("x[0]^4 + x[1]^4 - x[1]^3 + 4*x[0]^2*x[1] + x[1]^2 - ({k})*x[1] + ({f})*x[0]"),
        );
        let set = complete(&cusp, Some(&region));
        assert!(is_proven(&set), "{k} {f}: {:?}", set.coverage);
        assert_eq!(set.counts(), counts, "{k} {f}");
    }
    for (k, f, counts) in [
        (1.6, 0.0, vec![2, 1]),
        (0.75, 0.0, vec![3, 2]),
        (0.75, 0.01, vec![3, 2]),
        (0.75, -0.01, vec![3, 2]),
        (-0.2, 0.0, vec![3, 3, 1]),
        (-0.3, 0.0, vec![3, 2]),
    ] {
        let flip = formula(
            2,
            &format!("x[0]^4 + x[1]^4 - x[1]^3 + 2*x[0]^2*x[1] - x[1]^2 + ({k})*x[1] + ({f})*x[0]"),
        );
        let set = complete(&flip, Some(&region));
        assert!(is_proven(&set), "{k} {f}: {:?}", set.coverage);
        assert_eq!(set.counts(), counts, "{k} {f}");
    }
}

/// The usual four Gaussians; the minima and saddles of the literature.
#[test]
fn mueller_brown() {
    let energy = "-200*exp(-(x[0]-1)^2 - 10*x[1]^2) - 100*exp(-x[0]^2 - 10*(x[1]-0.5)^2) \
        - 170*exp(-6.5*(x[0]+0.5)^2 + 11*(x[0]+0.5)*(x[1]-1.5) - 6.5*(x[1]-1.5)^2) \
        + 15*exp(0.7*(x[0]+1)^2 + 0.6*(x[0]+1)*(x[1]-1) + 0.7*(x[1]-1)^2)";
    let region = Region::cuboid(vec![-1.8, -0.6], vec![1.3, 2.3]);
    let set = complete(&formula(2, energy), Some(&region));
    assert!(is_proven(&set), "{:?}", set.coverage);
    assert_eq!(set.counts(), [3, 2]);
    for known in [
        [-0.5582236346, 1.4417258418],
        [0.6234994049, 0.0280377585],
        [-0.0500108230, 0.4666941049],
        [-0.8220015587, 0.6243128028],
        [0.2124865820, 0.2929883251],
    ] {
        assert!(set.points.iter().any(|p| distance(&p.x, &known) < 1e-9));
    }
}

/// What must not be proven, each within a time that nobody minds: `true` only where a proof would be right.
#[test]
fn attacks() {
    let square = || Some(Region::cuboid(vec![-2.0; 2], vec![2.0; 2]));
    let line = |reach: f64| Some(Region::cuboid(vec![-reach], vec![reach]));
    /// A name, the dimension, the energy, the region, and the counts that a proof would have to come to, if there can be one.
    type Attack = (&'static str, usize, String, Option<Region>, Option<Vec<usize>>);
    let cases: Vec<Attack> = vec![
        ("a quadruple root", 1, "x[0]^4".into(), line(2.0), None),
        ("a quadruple root off the grid", 2, "(x[0]-0.1)^4 + x[1]^2".into(), square(), None),
        ("the dual cusp", 2, "x[0]^4 + x[1]^4 - x[1]^3 + 4*x[0]^2*x[1] + x[1]^2".into(), square(), None),
        ("two points 1e-9 apart", 1, "x[0]^3/3 - 2.5e-19*x[0]".into(), line(1.0), Some(vec![1, 1])),
        ("a valley that is not isolated", 2, "x[0]^2*x[1]^2".into(), square(), None),
        ("a ring about the origin, which is a maximum", 2, "(x[0]^2 + x[1]^2 - 1)^2".into(), square(), None),
        ("an eigenvalue of 1e-14", 2, "x[0]^2 + 5e-15*x[1]^2".into(), square(), Some(vec![1])),
        ("a pole", 1, "1/x[0] + x[0]".into(), line(3.0), Some(vec![1, 1])),
        ("a pole of second order", 1, "1/x[0]^2 + x[0]^2".into(), line(3.0), Some(vec![2])),
        ("an essential singularity", 1, "sin(1/x[0])".into(), line(1.0), None),
        ("a plateau", 1, "max(x[0]^2 - 1, 0)".into(), line(2.0), None),
        ("a flat plateau of a relu", 2, "relu(x[0]-1)^2 + x[1]^2".into(), square(), None),
        ("a kink", 1, "abs(x[0]) + x[0]^2".into(), line(1.0), None),
        (
            "coordinates of 1e8",
            1,
            "(x[0]-1e8)^2*(x[0]-1e8-1)^2".into(),
            Some(Region::cuboid(vec![1e8 - 3.0], vec![1e8 + 3.0])),
            Some(vec![2, 1]),
        ),
        ("coordinates of 1e-8", 1, "(x[0]^2 - 1e-16)^2".into(), line(1e-7), Some(vec![2, 1])),
    ];
    let mut wrong = vec![];
    for (name, n, energy, region, truth) in cases {
        let started = Instant::now();
        let set = complete(&formula(n, &energy), region.as_ref());
        let took = started.elapsed();
        println!("{name}: {:?} {:?} {} boxes, {took:?}", set.counts(), set.completeness, set.work.boxes);
        let right = match &truth {
            _ if set.completeness != Completeness::Proven => true,
            Some(truth) => set.counts() == *truth && is_proven(&set),
            None => false,
        };
        if !right || took > Duration::from_secs(300) {
            wrong.push(format!("{name}: {:?} in {took:?}", set.counts()));
        }
        if set.completeness != Completeness::Proven && set.coverage.undecided.is_empty() {
            wrong.push(format!("{name}: nothing proven, and it does not say where"));
        }
        // Whatever is left open, a single point is proven only where it is one.
        for p in set.points.iter().filter(|p| p.level == Level::Proven) {
            if truth.is_none()
                && !name.starts_with("a ring")
                && !matches!(name, "an essential singularity" | "the dual cusp")
            {
                wrong.push(format!("{name}: a point at {:?} is proven", p.x));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A ball about a minimum that is proven to lie in its basin holds no other critical point, and orbits from its edge end there.
#[test]
fn basins_hold_what_they_claim() {
    for case in cases("planar-k10").into_iter().chain(cases("space-k8")) {
        let set = complete(case.landscape.as_ref(), None);
        for p in set.points.iter().filter(|p| p.index == 0) {
            let basin = p.proof.as_ref().unwrap().basin.unwrap();
            assert!(basin > 0.0);
            for q in set.points.iter().filter(|q| q.x != p.x) {
                assert!(distance(&p.x, &q.x) > basin, "{}", case.name);
            }
            for k in 0..16 {
                let angle = f64::from(k) * std::f64::consts::FRAC_PI_8;
                let mut x = p.x.clone();
                x[0] += basin * angle.cos();
                x[1] += basin * angle.sin();
                let mut g = vec![0.0; x.len()];
                for _ in 0..200_000 {
                    case.landscape.gradient(&x, &mut g);
                    let step = 0.02 * basin / g.iter().map(|g| g * g).sum::<f64>().sqrt().max(basin);
                    x.iter_mut().zip(&g).for_each(|(x, g)| *x -= step * g);
                    if distance(&x, &p.x) < 0.05 * basin {
                        break;
                    }
                }
                assert!(distance(&x, &p.x) < 0.05 * basin, "{}: an orbit left the basin", case.name);
            }
        }
    }
}

#[test]
fn declared_symmetries_save_work_and_change_nothing() {
    let turn = |places: &[usize], negative: &[bool]| {
        SignedPermutation::new(places.to_vec(), negative.to_vec()).unwrap()
    };
    let with = |landscape: &dyn Landscape, region: &Region, symmetry: Vec<SignedPermutation>| {
        let options = Options { method: Method::Complete, symmetry, ..Options::default() };
        search(landscape, Some(region), &options, &Control::quiet())
    };
    // Three coupled double wells on a ring: 27 points, with 12 symmetries.
    let ring = "sum(i, 0, 2, x[i]^4/4 - x[i]^2/2 + 0.05*(x[i] - x[mod(i+1, 3)])^2)";
    let (ring, region) = (formula(3, ring), Region::cuboid(vec![-2.0; 3], vec![2.0; 3]));
    let group =
        vec![turn(&[1, 2, 0], &[false; 3]), turn(&[1, 0, 2], &[false; 3]), turn(&[0, 1, 2], &[true; 3])];
    let (plain, reduced) =
        (with(&ring, &region, vec![]).unwrap(), with(&ring, &region, group.clone()).unwrap());
    for set in [&plain, &reduced] {
        assert!(is_proven(set), "{:?}", set.coverage);
        assert_eq!(set.counts(), [8, 12, 6, 1]);
    }
    assert!(reduced.work.boxes < plain.work.boxes, "{} {}", reduced.work.boxes, plain.work.boxes);
    for p in &plain.points {
        assert!(
            reduced.points.iter().any(|q| q.index == p.index && distance(&p.x, &q.x) <= p.radius + q.radius)
        );
    }
    // What the landscape or the region does not have is refused: with it, zeros would be invented.
    let skew = formula(3, "x[0]^4 - x[0]^2 + x[1]^4 - 1.1*x[1]^2 + x[2]^2");
    assert!(with(&skew, &region, vec![turn(&[1, 0, 2], &[false; 3])]).is_err());
    let off = Region::cuboid(vec![-2.0; 3], vec![2.0, 2.0, 2.5]);
    assert!(with(&ring, &off, group).is_err());
    assert!(with(&ring, &region, vec![turn(&[1, 0], &[false; 2])]).is_err());
    // The corners of a square, in a region that holds them all.
    for case in cases("planar-k5").into_iter().take(1) {
        assert!(
            with(case.landscape.as_ref(), &Region::ball(vec![0.0; 2], 5.0), vec![turn(&[1, 0], &[false; 2])])
                .is_err()
        );
    }
}

#[test]
fn the_flow_is_proven_to_enter_where_it_does() {
    let himmelblau = formula(2, "(x[0]^2 + x[1] - 11)^2 + (x[0] + x[1]^2 - 7)^2");
    for (landscape, region, enters) in [
        (&himmelblau, Region::ball(vec![0.0; 2], 6.0), true),
        (&himmelblau, Region::cuboid(vec![-6.0; 2], vec![6.0; 2]), true),
        // Through the minimum at (3, 2).
        (&himmelblau, Region::ball(vec![0.0; 2], 13f64.sqrt()), false),
        (&himmelblau, Region::cuboid(vec![-6.0; 2], vec![3.0, 6.0]), false),
        (&formula(2, "-x[0]^2 - x[1]^2"), Region::ball(vec![0.0; 2], 1.0), false),
        (&formula(2, "x[0]^2 - x[1]^2"), Region::cuboid(vec![-1.0; 2], vec![1.0; 2]), false),
        (&formula(1, "x[0]^2"), Region::cuboid(vec![-1.0], vec![1.0]), true),
        (&formula(1, "x[0]^2"), Region::cuboid(vec![0.0], vec![1.0]), false),
    ] {
        assert_eq!(complete(landscape, Some(&region)).coverage.entered, enters, "{region:?}");
    }
}

/// A region that leaves points out, or has one on its boundary.
#[test]
fn the_region_decides_what_is_counted() {
    let wells = formula(1, "(x[0]^2 - 1)^2");
    let within = |lower: f64, upper: f64| complete(&wells, Some(&Region::cuboid(vec![lower], vec![upper])));
    assert_eq!((is_proven(&within(-0.5, 2.0)), within(-0.5, 2.0).counts()), (true, vec![1, 1]));
    assert_eq!((is_proven(&within(0.5, 0.9)), within(0.5, 0.9).points.len()), (true, 0));
    for (lower, upper) in [(-1.0, 2.0), (0.0, 2.0), (-2.0, 1.0), (1.0, 1.0 + 1e-9)] {
        assert!(!is_proven(&within(lower, upper)), "{lower} {upper}");
    }
    let ball = complete(&formula(2, "(x[0]^2 - 1)^2 + x[1]^2"), Some(&Region::ball(vec![1.0, 0.0], 1.5)));
    assert_eq!((is_proven(&ball), ball.counts()), (true, vec![1, 1]));
    let touching = complete(&formula(2, "(x[0]^2 - 1)^2 + x[1]^2"), Some(&Region::ball(vec![1.0, 0.0], 2.0)));
    assert!(!is_proven(&touching));
}

/// A limit ends the work, and no more is claimed than was done.
#[test]
fn few_boxes_prove_little() {
    let himmelblau = formula(2, "(x[0]^2 + x[1] - 11)^2 + (x[0] + x[1]^2 - 7)^2");
    let options = Options { method: Method::Complete, boxes: Some(10), ..Options::default() };
    let region = Region::cuboid(vec![-6.0; 2], vec![6.0; 2]);
    let set = search(&himmelblau, Some(&region), &options, &Control::quiet()).unwrap();
    assert!(set.completeness != Completeness::Proven && !set.coverage.undecided.is_empty());
    assert_eq!(set.counts(), [4, 4, 1]);
}

/// Constants that have the same enclosure are different numbers, and functions with the same range different functions.
#[test]
fn what_looks_the_same_is_not_taken_for_the_same() {
    // The constants differ by 1.8e-17: the slope at 0 is -1.78, and no place near it is a critical point.
    let constants = "x^2 + 1e17*(exp(x*(0.1*3)) - exp(x*(0.30000000000000004-1e-17)))";
    let set = complete(
        &formula(1, &constants.replace('x', "x[0]").replace("ex[0]p", "exp")),
        Some(&Region::ball(vec![0.0], 3.0)),
    );
    assert!(!is_proven(&set) && set.points.iter().all(|p| p.level != Level::Proven || p.x[0].abs() > 0.1));
    // Besides the origin a saddle and a deep minimum at about (2.96, 2.96).
    let step = "0.05*(x[0]^2+x[1]^2)-3*(1/(1+exp(20-4*x[0]-4*x[1]))-1/(1+exp(40-4*x[0]-4*x[1])))";
    let sigmoid = "0.05*(x[0]^2+x[1]^2)-3*(sigmoid(4*x[0]+4*x[1]-20)-sigmoid(4*x[0]+4*x[1]-40))";
    for energy in [step, sigmoid] {
        let set = complete(&formula(2, energy), Some(&Region::ball(vec![0.0; 2], 40.0)));
        assert!(!is_proven(&set) || set.counts() == [2, 1], "{:?}", set.counts());
    }
    // The gradient at the origin is (1, 1), and the energy grows: there is a critical point.
    let wave = formula(2, "0.01*(x[0]^2+x[1]^2)+sin(x[0]+x[1])-cos(x[0]+x[1])");
    let set = complete(&wave, Some(&Region::ball(vec![0.0; 2], 0.1)));
    assert!(!set.coverage.entered && !set.coverage.everywhere);
    assert_eq!((is_proven(&set), set.points.len()), (true, 0));
    let set = search(&wave, Some(&Region::ball(vec![0.0; 2], 200.0)), &Options::default(), &Control::quiet())
        .unwrap();
    assert!(!set.points.is_empty());
}

/// A period is a promise that is looked at, and moving a point by it takes rounding into account.
#[test]
fn periods_are_checked() {
    let circle = |energy: &str, period: f64| {
        let f = Formula::new(1, energy, &[], &[Some(period)], None);
        f.ok().map(|f| complete(&f, None))
    };
    let tau = std::f64::consts::TAU;
    let set = circle("cos(x[0]+0.01)", tau).unwrap();
    assert!(is_proven(&set));
    assert_eq!(set.counts(), [1, 1]);
    for p in &set.points {
        // pi - 0.01 and 2 pi - 0.01, to more digits than a double has: both lie above the sum of doubles.
        let exact: Interval = if p.index == 0 { Interval::PI } else { Interval::TAU } - Interval::point(0.01);
        assert!((exact - Interval::point(p.x[0])).mig() <= p.radius, "{p:?}");
        assert!(p.radius > 0.0 && p.radius < 1e-14);
    }
    for (energy, period) in [
        ("cos(x[0]+0.01)", tau - 7e-9),
        ("cos(x[0]+0.3)+1e-7*cos(x[0]/2)", tau),
        ("sin(x[0])^3/3-1e-18*sin(x[0])", tau + 3e-9),
    ] {
        if let Some(set) = circle(energy, period) {
            assert!(set.completeness != Completeness::Proven, "{energy} with {period}");
        }
    }
    // A zero on the edge of the coordinate that does not repeat itself.
    let tube = Formula::new(2, "cos(x[0]+0.3)+(x[1]-1)^2", &[], &[Some(tau), None], None).unwrap();
    let region = Region::cuboid(vec![0.0, -1.0], vec![tau, 1.0]);
    assert!(!is_proven(&complete(&tube, Some(&region))));
    let region = Region::cuboid(vec![0.0, -1.0], vec![tau, 2.0]);
    assert_eq!(complete(&tube, Some(&region)).counts(), [1, 1]);
}
