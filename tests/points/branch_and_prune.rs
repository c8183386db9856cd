//! Complete searches for zeros, on systems whose zeros are known by other means.

use smale::rigor::prune::{Ended, Limits, SignedPermutation, Zeros, faces, meets_sphere, positive, zeros};
use smale::rigor::{Expansion, Interval, System};

/// A system given by its values over a box and, where asked for, its Jacobian.
struct Given<F: Fn(&[Interval], &mut [Interval], &mut [Interval]) + Sync> {
    n: usize,
    f: F,
}

impl<F: Fn(&[Interval], &mut [Interval], &mut [Interval]) + Sync> System for Given<F> {
    fn dim(&self) -> usize {
        self.n
    }

    fn range(&self, x: &[Interval], out: &mut [Interval]) {
        let mut jacobian = vec![Interval::ENTIRE; self.n * self.n];
        (self.f)(x, out, &mut jacobian);
    }

    fn expand(&self, x: &[Interval], at: &[f64], out: &mut Expansion) {
        let point: Vec<Interval> = at.iter().map(|c| Interval::point(*c)).collect();
        (self.f)(&point, &mut out.value, &mut out.jacobian);
        (self.f)(x, &mut out.range, &mut out.jacobian);
    }
}

fn p(c: f64) -> Interval {
    Interval::point(c)
}

/// One equation in one unknown, by its value and its derivative.
fn scalar(f: impl Fn(Interval) -> (Interval, Interval) + Sync) -> impl System {
    Given { n: 1, f: move |x: &[Interval], v: &mut [Interval], j: &mut [Interval]| (v[0], j[0]) = f(x[0]) }
}

fn cube(n: usize, lo: f64, hi: f64) -> Vec<Interval> {
    vec![Interval::new(lo, hi); n]
}

fn search(system: &dyn System, within: &[Interval]) -> Zeros {
    zeros(system, within, &Limits::default(), &|| false)
}

/// The gradient of `(x^2 + y - 11)^2 + (x + y^2 - 7)^2`.
fn himmelblau() -> impl System {
    Given {
        n: 2,
        f: |x: &[Interval], v: &mut [Interval], j: &mut [Interval]| {
            let (x, y) = (x[0], x[1]);
            let (a, b) = (x.sqr() + y - p(11.0), x + y.sqr() - p(7.0));
            v[0] = (x * a).scale(4.0) + b.scale(2.0);
            v[1] = a.scale(2.0) + (y * b).scale(4.0);
            j[0] = x.sqr().scale(12.0) + y.scale(4.0) - p(42.0);
            j[1] = (x + y).scale(4.0);
            j[2] = j[1];
            j[3] = y.sqr().scale(12.0) + x.scale(4.0) - p(26.0);
        },
    }
}

/// The gradient of `sum (x_i^4 - 16 x_i^2 + 5 x_i) / 2`.
fn styblinski_tang(n: usize) -> impl System {
    Given {
        n,
        f: move |x: &[Interval], v: &mut [Interval], j: &mut [Interval]| {
            j.fill(Interval::ZERO);
            for i in 0..n {
                v[i] = (x[i] * (x[i].sqr().scale(2.0) - p(16.0))) + p(2.5);
                j[i * n + i] = x[i].sqr().scale(6.0) - p(16.0);
            }
        },
    }
}

/// The gradient of the Mueller-Brown surface.
fn mueller_brown() -> impl System {
    const H: [f64; 4] = [-200.0, -100.0, -170.0, 15.0];
    const A: [f64; 4] = [-1.0, -1.0, -6.5, 0.7];
    const B: [f64; 4] = [0.0, 0.0, 11.0, 0.6];
    const C: [f64; 4] = [-10.0, -10.0, -6.5, 0.7];
    const X: [f64; 4] = [1.0, 0.0, -0.5, -1.0];
    const Y: [f64; 4] = [0.0, 0.5, 1.5, 1.0];
    Given {
        n: 2,
        f: |x: &[Interval], v: &mut [Interval], j: &mut [Interval]| {
            v.fill(Interval::ZERO);
            j.fill(Interval::ZERO);
            for k in 0..4 {
                let (s, t) = (x[0].shift(-X[k]), x[1].shift(-Y[k]));
                let e = (s.sqr().scale(A[k]) + (s * t).scale(B[k]) + t.sqr().scale(C[k])).exp().scale(H[k]);
                let (ds, dt) = (s.scale(2.0 * A[k]) + t.scale(B[k]), s.scale(B[k]) + t.scale(2.0 * C[k]));
                v[0] += e * ds;
                v[1] += e * dt;
                j[0] += e * (ds.sqr() + p(2.0 * A[k]));
                j[1] += e * (ds * dt + p(B[k]));
                j[3] += e * (dt.sqr() + p(2.0 * C[k]));
            }
            j[2] = j[1];
        },
    }
}

/// Has the list one enclosure for each of these points, within `error`, and nothing else?
fn assert_points(found: &Zeros, points: &[Vec<f64>], error: f64) {
    assert!(found.is_complete() && found.ended == Ended::Finished, "{:?}", found.undecided);
    assert_eq!(found.found.len(), points.len());
    for point in points {
        let near = |z: &Interval, c: &f64| z.shift(-c).mag() <= error;
        let hits =
            found.found.iter().filter(|z| z.enclosure.iter().zip(point).all(|(z, c)| near(z, c))).count();
        assert_eq!(hits, 1, "{point:?}");
    }
    for zero in &found.found {
        assert!(zero.enclosure.iter().zip(&zero.unique).all(|(z, u)| z.is_in(*u)));
    }
}

#[test]
fn himmelblaus_nine_points() {
    let found = search(&himmelblau(), &cube(2, -6.0, 6.0));
    // Published to six digits: four minima, the maximum, four saddles; (3, 2) is exact.
    let published = [
        [3.0, 2.0],
        [-2.805118, 3.131312],
        [-3.779310, -3.283186],
        [3.584428, -1.848126],
        [-0.270845, -0.923039],
        [0.086678, 2.884255],
        [3.385154, 0.073852],
        [-0.127961, -1.953715],
        [-3.073026, -0.081353],
    ];
    assert_points(&found, &published.map(|x| x.to_vec()), 1e-6);
    assert!(found.found.iter().any(|z| z.enclosure[0].contains(3.0) && z.enclosure[1].contains(2.0)));
    assert!(found.boxes < 200, "{}", found.boxes);
}

#[test]
fn the_five_points_of_mueller_and_brown() {
    let found = search(&mueller_brown(), &[Interval::new(-1.8, 1.3), Interval::new(-0.6, 2.3)]);
    let published = [
        [-0.558224, 1.441726],
        [0.623499, 0.028038],
        [-0.050011, 0.466694],
        [-0.822002, 0.624313],
        [0.212487, 0.292988],
    ];
    assert_points(&found, &published.map(|x| x.to_vec()), 2e-6);
    assert!(found.boxes < 1000, "{}", found.boxes);
}

/// The three roots of `x^3 - 8 x + 5/4`, by cosines.
fn styblinski_roots() -> Vec<f64> {
    let (a, b) = (-8.0_f64, 1.25_f64);
    let angle = (1.5 * b / a * (-3.0 / a).sqrt()).acos() / 3.0;
    (0..3)
        .map(|k| 2.0 * (-a / 3.0).sqrt() * (angle - 2.0 * std::f64::consts::PI * f64::from(k) / 3.0).cos())
        .collect()
}

/// All points of R^n with coordinates from a list.
fn grid(values: &[f64], n: usize) -> Vec<Vec<f64>> {
    (0..n).fold(vec![Vec::new()], |points, _| {
        points.iter().flat_map(|x| values.iter().map(|v| [&x[..], &[*v]].concat())).collect()
    })
}

#[test]
fn styblinski_and_tangs_points_are_a_grid() {
    for n in 1..=5 {
        let found = search(&styblinski_tang(n), &cube(n, -5.0, 5.0));
        assert_points(&found, &grid(&styblinski_roots(), n), 1e-12);
    }
    // Linear mixtures of the equations have the same zeros, but each meets all unknowns.
    let n = 3;
    let plain = styblinski_tang(n);
    let mixed = Given {
        n,
        f: |x: &[Interval], v: &mut [Interval], j: &mut [Interval]| {
            let mut e = Expansion::new(n);
            plain.expand(x, &x.iter().map(|x| x.mid()).collect::<Vec<_>>(), &mut e);
            let c = [[1.0, 0.5, -0.25], [-0.5, 1.0, 0.5], [0.25, -0.5, 1.0]];
            for i in 0..n {
                v[i] = (0..n).fold(Interval::ZERO, |s, k| s + e.range[k].scale(c[i][k]));
                for l in 0..n {
                    j[i * n + l] =
                        (0..n).fold(Interval::ZERO, |s, k| s + e.jacobian[k * n + l].scale(c[i][k]));
                }
            }
        },
    };
    assert_points(&search(&mixed, &cube(n, -5.0, 5.0)), &grid(&styblinski_roots(), n), 1e-12);
}

#[test]
fn roots_of_every_scale_and_distance() {
    let product = |a: f64, b: f64| {
        // (x - a)(x - b) and its derivative.
        scalar(move |x| (x.shift(-a) * x.shift(-b), x.shift(-a) + x.shift(-b)))
    };
    // Nearly a double root at zero, with the rule for squares.
    let found = search(&scalar(|x| (x.sqr() - p(1e-18), x.scale(2.0))), &cube(1, -1.0, 1.0));
    assert_points(&found, &[vec![-1e-9], vec![1e-9]], 1e-22);
    // Two roots 1e-9 apart, at one.
    let found = search(&product(1.0, 1.0 + 1e-9), &cube(1, -3.0, 4.0));
    assert_points(&found, &[vec![1.0], vec![1.0 + 1e-9]], 1e-14);
    // At 1e8, where numbers are 1.5e-8 apart, and at 1e-8.
    let found = search(&product(1e8, 1e8 + 1.0), &cube(1, 0.9e8, 1.2e8));
    assert_points(&found, &[vec![1e8], vec![1e8 + 1.0]], 1e-6);
    let found = search(&product(1e-8, 3e-8), &cube(1, -1e-7, 1e-7));
    assert_points(&found, &[vec![1e-8], vec![3e-8]], 1e-22);
    let found = search(&product(-1e-200, 1e-200), &cube(1, -1e-199, 1e-199));
    assert!(found.found.len() == 2 || !found.is_complete());
    // Two roots at neighbouring numbers: if they are told apart, rightly; else it is said.
    let found = search(&product(1e8, 1e8_f64.next_up()), &cube(1, 0.9e8, 1.2e8));
    assert!(found.found.len() == 2 || !found.is_complete());
}

#[test]
fn enclosures_hold_the_root_however_it_is_rounded() {
    // 1/3 lies strictly between two neighbours.
    let third: f64 = 1.0 / 3.0;
    let found = search(&scalar(|x| (x.scale(3.0) - p(1.0), p(3.0))), &cube(1, -1.0, 1.0));
    let z = found.found[0].enclosure[0];
    assert!(found.is_complete() && z.lo() <= third && z.hi() >= third.next_up() && z.width() < 1e-14);
    // The square root of two, against its square in integers: 1.414213562373095048801688724209698..
    let found = search(&scalar(|x| (x.sqr() - p(2.0), x.scale(2.0))), &cube(1, 0.5, 2.5));
    let (z, root) = (found.found[0].enclosure[0], 2.0_f64.sqrt());
    // root^2 > 2, so that the root of two lies below it.
    assert!(z.lo() <= root.next_down() && z.hi() >= root && z.width() < 1e-14);
}

#[test]
fn zeros_on_edges_corners_and_splits() {
    let cubic = |n: usize| Given {
        n,
        f: move |x: &[Interval], v: &mut [Interval], j: &mut [Interval]| {
            j.fill(Interval::ZERO);
            for i in 0..n {
                v[i] = x[i] * (x[i].sqr() - p(1.0));
                j[i * n + i] = x[i].sqr().scale(3.0) - p(1.0);
            }
        },
    };
    for n in 1..=3 {
        // Zero is the middle of the box, and of all of its edges.
        assert_points(&search(&cubic(n), &cube(n, -2.0, 2.0)), &grid(&[-1.0, 0.0, 1.0], n), 1e-15);
        // All zeros on edges and corners but the one in the middle: which side they are on can not be told.
        let found = search(&cubic(n), &cube(n, -1.0, 1.0));
        assert_eq!(found.found.len() + found.on_edge.len(), 3_usize.pow(n as u32));
        assert!(found.undecided.is_empty() && !found.is_complete());
        // One unit further each is inside, or may still not be told; never is one lost.
        let found = search(&cubic(n), &cube(n, -1.0 - 1e-14, 1.0 + 1e-14));
        assert_points(&found, &grid(&[-1.0, 0.0, 1.0], n), 1e-15);
        // Zeros a little outside are not in the list, though their boxes of uniqueness reach inside.
        let found = search(&cubic(n), &cube(n, -0.999_999_999, 0.999_999_999));
        assert_points(&found, &[vec![0.0; n]], 1e-15);
    }
}

#[test]
fn no_zero_is_proven_where_there_is_none() {
    let found = search(&scalar(|x| (x.sqr() + p(1e-30), x.scale(2.0))), &cube(1, -1.0, 1.0));
    assert!(found.is_complete() && found.found.is_empty());
    let far = Given {
        n: 2,
        f: |x: &[Interval], v: &mut [Interval], j: &mut [Interval]| {
            v[0] = x[0].sqr() + x[1].sqr() - p(1.0);
            v[1] = x[0] + x[1] - p(1.5);
            j.copy_from_slice(&[x[0].scale(2.0), x[1].scale(2.0), p(1.0), p(1.0)]);
        },
    };
    // The line misses the circle, by .06.
    let found = search(&far, &cube(2, -10.0, 10.0));
    assert!(found.is_complete() && found.found.is_empty());
    // A pole changes its sign without a zero.
    let found = search(&scalar(|x| (p(1.0) / x, -(p(1.0) / x.sqr()))), &cube(1, -1.0, 1.5));
    assert!(found.found.is_empty() && found.undecided.len() == 1 && found.undecided[0][0].contains(0.0));
    assert!(found.undecided[0][0].width() < 1e-9);
}

/// What is not a regular zero is left undecided, in a box about it, soon.
fn assert_refused(system: &dyn System, within: &[Interval], place: &[f64], width: f64) {
    let found = search(system, within);
    assert!(found.found.is_empty() && found.on_edge.is_empty() && !found.is_complete());
    assert!(found.boxes < 20_000, "{}", found.boxes);
    assert_eq!(found.undecided.len(), 1, "{:?}", found.undecided);
    for (x, c) in found.undecided[0].iter().zip(place) {
        assert!(x.contains(*c) && x.width() <= width, "{x:?}");
    }
}

#[test]
fn degenerate_zeros_are_left_undecided() {
    assert_refused(&scalar(|x| (x.sqr(), x.scale(2.0))), &cube(1, -1.0, 1.3), &[0.0], 1e-9);
    assert_refused(&scalar(|x| (-x.sqr(), x.scale(-2.0))), &cube(1, -1.0, 1.3), &[0.0], 1e-9);
    let cube_root = |x: Interval| (x.powi(3), x.sqr().scale(3.0));
    assert_refused(&scalar(cube_root), &cube(1, -1.0, 1.3), &[0.0], 1e-9);
    // Multiplied out, it is lost in rounding far earlier.
    let expanded = |x: Interval| {
        let y = ((x - p(3.0)) * x + p(3.0)) * x - p(1.0);
        (y, (x.shift(-1.0)).sqr().scale(3.0))
    };
    assert_refused(&scalar(expanded), &cube(1, -1.0, 3.3), &[1.0], 1e-3);
    let monkey_saddle = Given {
        n: 2,
        f: |x: &[Interval], v: &mut [Interval], j: &mut [Interval]| {
            v[0] = x[0].sqr() - x[1].sqr();
            v[1] = (x[0] * x[1]).scale(-2.0);
            j.copy_from_slice(&[x[0].scale(2.0), x[1].scale(-2.0), x[1].scale(-2.0), x[0].scale(-2.0)]);
        },
    };
    assert_refused(&monkey_saddle, &cube(2, -1.0, 1.3), &[0.0, 0.0], 1e-8);
    // Regular but for a kink in it, which no Jacobian tells of.
    let kink = |x: Interval| {
        let slope = if x.contains(0.0) { Interval::ENTIRE } else { p(if x.lo() > 0.0 { 1.0 } else { 2.0 }) };
        (x.max(p(0.0)) + x.min(p(0.0)).scale(2.0), slope)
    };
    assert_refused(&scalar(kink), &cube(1, -1.0, 1.3), &[0.0], 1e-9);
}

#[test]
fn an_unbounded_derivative_is_not_hidden_by_a_vanishing_factor() {
    // f = (x, y + step(x)), where the step's derivative is unknown at zero: with an inverse that is lower triangular, the
    // unbounded entry meets zeros only.
    let step = Given {
        n: 2,
        f: |x: &[Interval], v: &mut [Interval], j: &mut [Interval]| {
            let (low, high) =
                (if x[0].lo() > 0.0 { 1.0 } else { -1.0 }, if x[0].hi() > 0.0 { 1.0 } else { -1.0 });
            v[0] = x[0];
            v[1] = x[1] + Interval::new(low, high);
            let jump = if x[0].contains(0.0) { Interval::ENTIRE } else { Interval::ZERO };
            j.copy_from_slice(&[p(1.0), p(0.0), jump, p(1.0)]);
        },
    };
    let found = search(&step, &cube(2, -3.0, 3.1));
    assert!(found.found.is_empty() && !found.is_complete());
}

#[test]
fn zeros_that_fill_a_curve_or_a_plane_end_soon() {
    let lines = Given {
        n: 2,
        f: |x: &[Interval], v: &mut [Interval], j: &mut [Interval]| {
            // The gradient of (x y)^2 / 2.
            v[0] = x[0] * x[1].sqr();
            v[1] = x[1] * x[0].sqr();
            let mixed = (x[0] * x[1]).scale(2.0);
            j.copy_from_slice(&[x[1].sqr(), mixed, mixed, x[0].sqr()]);
        },
    };
    let circle = Given {
        n: 2,
        f: |x: &[Interval], v: &mut [Interval], j: &mut [Interval]| {
            // The gradient of (x^2 + y^2 - 1)^2 / 4, a hat.
            let r = x[0].sqr() + x[1].sqr() - p(1.0);
            v[0] = x[0] * r;
            v[1] = x[1] * r;
            let mixed = (x[0] * x[1]).scale(2.0);
            j.copy_from_slice(&[r + x[0].sqr().scale(2.0), mixed, mixed, r + x[1].sqr().scale(2.0)]);
        },
    };
    let plane = Given {
        n: 4,
        f: |x: &[Interval], v: &mut [Interval], j: &mut [Interval]| {
            // Zeros where x0 + x1 = x2 and x2 x3 = 1: a surface.
            let (a, b) = (x[0] + x[1] - x[2], x[2] * x[3] - p(1.0));
            v.copy_from_slice(&[a, b, a + b, a - b]);
            let (da, db) = ([p(1.0), p(1.0), p(-1.0), p(0.0)], [p(0.0), p(0.0), x[3], x[2]]);
            for k in 0..4 {
                j[k] = da[k];
                j[4 + k] = db[k];
                j[8 + k] = da[k] + db[k];
                j[12 + k] = da[k] - db[k];
            }
        },
    };
    for (system, within, ended) in [
        (&lines as &dyn System, cube(2, -1.0, 1.5), Ended::Crowded),
        (&circle, cube(2, -2.0, 2.1), Ended::Crowded),
        (&plane, cube(4, -2.0, 2.1), Ended::Boxes),
    ] {
        let found = zeros(system, &within, &Limits { boxes: 300_000, ..Limits::default() }, &|| false);
        assert_eq!(found.ended, ended);
        assert!(!found.is_complete() && found.undecided.len() <= 4096);
    }
    // The middle of the hat is a zero of its own, found all the same.
    let found = search(&circle, &cube(2, -2.0, 2.1));
    assert_eq!(found.found.len(), 1);
    assert!(found.found[0].enclosure.iter().all(|z| z.contains(0.0)));
    // Points on the circle are in what is undecided.
    for k in 0..100 {
        let (s, c) = (0.0628 * f64::from(k)).sin_cos();
        assert!(found.undecided.iter().any(|u| u[0].shift(-s).mig() < 1e-15 && u[1].shift(-c).mig() < 1e-15));
    }
}

#[test]
fn zeros_without_number() {
    // sin(1/x): its zeros 1 / (k pi) crowd at 0, where it is undefined.
    let waves = scalar(|x| {
        let t = p(1.0) / x;
        let (s, c) = (sine(t), sine(t + half_pi()));
        (s, -(c / x.sqr()))
    });
    let found = search(&waves, &cube(1, 0.0, 1.0));
    assert!(!found.is_complete() && found.undecided.iter().any(|u| u[0].lo() == 0.0));
    let end = found.undecided.iter().map(|u| u[0].hi()).fold(0.0, f64::max);
    assert!(end < 0.01, "{end}");
    // Above what is undecided all are there, each at its place.
    let last = (1.0 / (std::f64::consts::PI * end)).floor() as usize;
    let above: Vec<f64> =
        found.found.iter().map(|z| z.enclosure[0].mid()).filter(|x| *x > end).rev().collect();
    assert_eq!(above.len(), last);
    for (k, x) in above.iter().enumerate() {
        assert!((x * std::f64::consts::PI * (k + 1) as f64 - 1.0).abs() < 1e-13);
    }
}

fn half_pi() -> Interval {
    Interval::new(std::f64::consts::FRAC_PI_2, std::f64::consts::FRAC_PI_2.next_up())
}

/// The sine, crudely: by its values at the ends and at an extremum between them.
fn sine(t: Interval) -> Interval {
    let whole = Interval::new(-1.0, 1.0);
    // Counts the extrema below t, with a margin for the rounding of its argument.
    let extrema = |t: f64| (t / std::f64::consts::PI - 0.5).floor();
    let (first, last) = (extrema(t.lo() - 1e-8), extrema(t.hi() + 1e-8));
    if !(t.mag() < 1e6) || last > first + 1.0 {
        return whole;
    }
    let (a, b) = (t.lo().sin(), t.hi().sin());
    let ends = Interval::new(a.min(b).next_down().next_down(), a.max(b).next_up().next_up());
    let extremum = p(if last % 2.0 == 0.0 { 1.0 } else { -1.0 });
    let range = if last > first { ends.hull(extremum) } else { ends };
    range.meet(whole).unwrap_or(whole)
}

#[test]
fn limits_end_a_search_without_a_false_claim() {
    let all = cube(3, -5.0, 5.0);
    let system = styblinski_tang(3);
    let stopped = zeros(&system, &all, &Limits::default(), &|| true);
    assert!(
        stopped.ended == Ended::Stopped && !stopped.is_complete() && stopped.undecided == vec![all.clone()]
    );
    for boxes in [1, 10, 50] {
        let some = zeros(&system, &all, &Limits { boxes, ..Limits::default() }, &|| false);
        assert!(some.ended == Ended::Boxes && !some.is_complete() && some.boxes <= boxes);
        // Each point of the grid is found or in what is undecided.
        for point in grid(&styblinski_roots(), 3) {
            let holds = |x: &[Interval]| {
                x.iter().zip(&point).all(|(x, c)| x.shift(-c).mig() < 1e-12 && x.is_bounded())
            };
            assert!(
                some.undecided.iter().any(|x| holds(x)) || some.found.iter().any(|z| holds(&z.enclosure))
            );
        }
    }
    let unbounded = search(&system, &[Interval::ENTIRE, Interval::ONE, Interval::ONE]);
    assert!(unbounded.ended == Ended::Domain && !unbounded.is_complete());
    assert!(search(&system, &cube(2, 0.0, 1.0)).ended == Ended::Domain);
    // Of no unknowns there is one value each.
    let empty = Given { n: 0, f: |_: &[Interval], _: &mut [Interval], _: &mut [Interval]| {} };
    let found = search(&empty, &[]);
    assert!(found.is_complete() && found.found.len() == 1);
}

#[test]
fn guesses_save_work_and_change_nothing() {
    let (system, all) = (himmelblau(), cube(2, -6.0, 6.0));
    let plain = search(&system, &all);
    let mut guesses = vec![vec![50.0, 50.0], vec![f64::NAN, 1.0], vec![1.0], vec![3.0, 2.0]];
    guesses.extend(plain.found.iter().map(|z| z.enclosure.iter().map(|z| z.mid() + 1e-3).collect()));
    let guessed = zeros(&system, &all, &Limits { guesses, ..Limits::default() }, &|| false);
    assert!(guessed.is_complete() && guessed.found.len() == 9);
    assert!(guessed.boxes <= plain.boxes, "{} {}", guessed.boxes, plain.boxes);
    for (a, b) in plain.found.iter().zip(&guessed.found) {
        assert!(a.enclosure.iter().zip(&b.enclosure).all(|(a, b)| a.meet(*b).is_some()));
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let styblinski = search(&styblinski_tang(5), &cube(5, -5.0, 5.0));
            let mueller = search(&mueller_brown(), &[Interval::new(-1.8, 1.3), Interval::new(-0.6, 2.3)]);
            format!("{styblinski:?}{mueller:?}")
        })
    };
    let one = run(1);
    assert!(one == run(2) && one == run(5));
}

fn swap(n: usize, a: usize, b: usize) -> SignedPermutation {
    let mut places: Vec<usize> = (0..n).collect();
    places.swap(a, b);
    SignedPermutation::new(places, vec![false; n]).expect("a permutation")
}

fn flip(n: usize, a: usize) -> SignedPermutation {
    SignedPermutation::new((0..n).collect(), (0..n).map(|i| i == a).collect()).expect("a permutation")
}

#[test]
fn symmetry_saves_boxes_and_loses_no_zero() {
    for n in 2..=5 {
        let (system, all) = (styblinski_tang(n), cube(n, -5.0, 5.0));
        let symmetry: Vec<SignedPermutation> = (1..n).map(|k| swap(n, k - 1, k)).collect();
        let part = zeros(&system, &all, &Limits { symmetry, ..Limits::default() }, &|| false);
        let plain = search(&system, &all);
        assert_points(&part, &grid(&styblinski_roots(), n), 1e-12);
        assert!(n < 3 || part.boxes < plain.boxes * 2 / 3, "{n}: {} of {}", part.boxes, plain.boxes);
    }
    // All changes of signs and permutations; most zeros lie on walls, the middle on all of them.
    for n in 1..=3 {
        let double_wells = Given {
            n,
            f: move |x: &[Interval], v: &mut [Interval], j: &mut [Interval]| {
                j.fill(Interval::ZERO);
                for i in 0..n {
                    v[i] = x[i] * (x[i].sqr() - p(2.0));
                    j[i * n + i] = x[i].sqr().scale(3.0) - p(2.0);
                }
            },
        };
        let mut symmetry: Vec<SignedPermutation> = (1..n).map(|k| swap(n, k - 1, k)).collect();
        symmetry.push(flip(n, 0));
        let all = cube(n, -3.0, 3.0);
        let found = zeros(&double_wells, &all, &Limits { symmetry, ..Limits::default() }, &|| false);
        let root = 2.0_f64.sqrt();
        assert_points(&found, &grid(&[-root, 0.0, root], n), 1e-14);
    }
    // A domain that is not symmetric is searched as it is.
    let all = [Interval::new(-5.0, 5.0), Interval::new(-5.0, 1.0)];
    let limits = Limits { symmetry: vec![swap(2, 0, 1)], ..Limits::default() };
    let found = zeros(&styblinski_tang(2), &all, &limits, &|| false);
    assert!(found.is_complete() && found.found.len() == 6);
    // What is undecided is undecided in all images.
    let stopped = zeros(
        &styblinski_tang(2),
        &cube(2, -5.0, 5.0),
        &Limits { boxes: 8, symmetry: vec![swap(2, 0, 1)], ..Limits::default() },
        &|| false,
    );
    for point in grid(&styblinski_roots(), 2) {
        let holds = |x: &[Interval]| x.iter().zip(&point).all(|(x, c)| x.shift(-c).mig() < 1e-12);
        let found = stopped.found.iter().any(|z| holds(&z.enclosure));
        assert!(found || stopped.undecided.iter().any(|x| holds(x)));
    }
    assert!(SignedPermutation::new(vec![0, 0], vec![false; 2]).is_none());
    assert!(SignedPermutation::new(vec![0, 1], vec![false; 1]).is_none());
    assert!(SignedPermutation::new(vec![0, 2], vec![false; 2]).is_none());
}

#[test]
fn positive_functions() {
    let everywhere = |_: &[Interval]| true;
    let proof = |f: &(dyn Fn(&[Interval]) -> Interval + Sync), x: Vec<Interval>| {
        positive(f, vec![x], &everywhere, 100_000, 1e-9, &|| false)
    };
    let bowl = |c: f64| move |x: &[Interval]| x[0].sqr() - x[0] * x[1] + x[1].sqr() + p(c);
    assert!(proof(&bowl(1e-3), cube(2, -1.0, 1.2)).is_proven());
    // Zero at one point, and a little below.
    assert!(!proof(&bowl(0.0), cube(2, -1.0, 1.2)).is_proven());
    let refuted = proof(&bowl(-1e-3), cube(2, -1.0, 1.2));
    assert!(refuted.failed.is_some_and(|x| bowl(-1e-3)(&x).lo() <= 0.0));
    // Zero at an end is not positive.
    assert!(!proof(&|x| x[0], cube(1, 0.0, 1.0)).is_proven());
    assert!(proof(&|x| x[0], cube(1, 1e-300, 1.0)).is_proven());
    assert!(!proof(&|x| p(1.0) / x[0], cube(1, -1.0, 1.5)).is_proven());
    // Nothing is proven without time, and all about nothing.
    assert!(!positive(&|x| x[0], vec![cube(1, 1.0, 2.0)], &everywhere, 0, 1e-9, &|| false).is_proven());
    assert!(!positive(&|x| x[0], vec![cube(1, 1.0, 2.0)], &everywhere, 10, 1e-9, &|| true).is_proven());
    assert!(positive(&|x| x[0], Vec::new(), &everywhere, 0, 1e-9, &|| false).is_proven());
}

#[test]
fn a_function_on_faces_and_on_a_sphere() {
    // Himmelblau's gradient points out of [-6, 6]^2.
    let system = himmelblau();
    for (axis, upper, face) in faces(&cube(2, -6.0, 6.0)) {
        assert!(face[axis].is_point() && face[1 - axis].width() >= 12.0);
        assert_eq!(face[axis].hi(), if upper { 6.0 } else { -6.0 });
        let outward = |x: &[Interval]| {
            let mut g = [Interval::ENTIRE; 2];
            system.range(x, &mut g);
            if upper { g[axis] } else { -g[axis] }
        };
        assert!(positive(&outward, vec![face], &|_| true, 1000, 1e-6, &|| false).is_proven());
    }
    // Positive on the unit circle, negative in its middle and far out.
    let hill = |x: &[Interval]| {
        let s = x[0].sqr() + x[1].sqr();
        (s - p(0.81)) * (p(1.21) - s)
    };
    let on = |r: f64| {
        let circle = move |x: &[Interval]| meets_sphere(x, &[0.0, 0.0], r);
        positive(&hill, vec![cube(2, -1.5, 1.6)], &circle, 100_000, 1e-9, &|| false)
    };
    assert!(on(1.0).is_proven() && on(0.91).is_proven() && on(1.09).is_proven());
    assert!(!on(0.89).is_proven() && !on(1.11).is_proven() && !on(0.9).is_proven());
    // A point at just that distance: twice .1 less .1.
    assert!(meets_sphere(&[p(0.2), p(0.7)], &[0.1, 0.7], 0.1));
    assert!(!meets_sphere(&[p(0.2), p(0.7)], &[0.1, 0.7], 0.1 + 1e-14));
    assert!(!meets_sphere(&[p(0.2), p(0.7)], &[0.1, 0.7], 0.1 - 1e-14));
    assert!(meets_sphere(&cube(2, -1.0, 1.0), &[0.0, 0.0], 1.4));
    assert!(!meets_sphere(&cube(2, -1.0, 1.0), &[0.0, 0.0], 1.5));
    assert!(!meets_sphere(&cube(2, 1.0, 2.0), &[0.0, 0.0], 1.4));
}
