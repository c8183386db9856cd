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

#[test]
fn all_nine_points_of_himmelblau() {
    let found = search(&himmelblau(), &cube(2, -6.0, 6.0));
    assert!(found.is_complete() && found.ended == Ended::Finished);
    assert_eq!(found.found.len(), 9);
    println!("{} {}", found.boxes, found.evaluations);
}

#[test]
fn all_points_of_mueller_brown() {
    let found = search(&mueller_brown(), &[Interval::new(-1.8, 1.3), Interval::new(-0.6, 2.3)]);
    assert!(found.is_complete());
    println!("{} {} {}", found.found.len(), found.boxes, found.evaluations);
}

#[test]
fn all_points_of_styblinski_and_tang() {
    for n in 1..=6 {
        let found = search(&styblinski_tang(n), &cube(n, -5.0, 5.0));
        assert!(found.is_complete());
        println!("{} {} {}", found.found.len(), found.boxes, found.evaluations);
        assert_eq!(found.found.len(), 3_usize.pow(n as u32));
    }
}

#[test]
fn zeros_that_fill_a_curve_end_soon() {
    let product = Given {
        n: 2,
        f: |x: &[Interval], v: &mut [Interval], j: &mut [Interval]| {
            (v[0], v[1]) = (x[1], x[0]);
            (v[0], v[1]) = (x[0] * x[1].sqr(), x[1] * x[0].sqr());
            j.copy_from_slice(&[x[1].sqr(), (x[0] * x[1]).scale(2.0), (x[0] * x[1]).scale(2.0), x[0].sqr()]);
        },
    };
    let start = std::time::Instant::now();
    let found = search(&product, &cube(2, -1.0, 1.5));
    println!(
        "{:?} {:?} {} {} {:?}",
        found.ended,
        found.undecided,
        found.boxes,
        found.found.len(),
        start.elapsed()
    );
    assert!(!found.is_complete());
}
