//! Enclosures of dense memories and of Hopfield's networks, against the formulas in twice the precision.

#![allow(clippy::unwrap_used)]

use crate::common::double::{Double, LN_2, d};
use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use smale::landscape::dense_memory::{DenseMemory, Lagrangian, Separation};
use smale::landscape::{Enclose, Everywhere, Family, KINDS, Landscape};
use smale::rigor::{Expansion, Interval};
use smale::study::Section;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

fn hopfield(keys: &[&str]) -> Box<dyn Family> {
    let mut section = Section::from_pairs("landscape", keys).unwrap();
    let kind = KINDS.iter().find(|k| k.name == "hopfield").unwrap();
    (kind.build)(&mut section).unwrap_or_else(|e| panic!("{e}"))
}

/// A box and points of it, corners and inner ones; boxes are as often thin as wide.
fn boxes(rng: &mut ChaCha8Rng, n: usize, spread: f64) -> (Vec<Interval>, Vec<Vec<f64>>) {
    let width = if rng.random::<f64>() < 0.3 { 0.0 } else { 10f64.powf(-16.0 * rng.random::<f64>()) };
    let x: Vec<Interval> = (0..n)
        .map(|_| {
            let c = spread * normal(rng);
            let (a, b) = (c - width * rng.random::<f64>(), c + width * rng.random::<f64>());
            Interval::new(a, b)
        })
        .collect();
    let points = (0..4)
        .map(|k| {
            x.iter()
                .map(|x| match (k, rng.random::<bool>()) {
                    (0 | 1, true) => x.lo(),
                    (0 | 1, false) => x.hi(),
                    _ => (x.lo() + (x.hi() - x.lo()) * rng.random::<f64>()).clamp(x.lo(), x.hi()),
                })
                .collect()
        })
        .collect();
    (x, points)
}

fn point(x: &[f64]) -> Vec<Interval> {
    x.iter().map(|x| Interval::point(*x)).collect()
}

fn assert_in(truth: Double, enclosure: Interval, what: &str) {
    assert!(truth.within(enclosure.lo(), enclosure.hi()), "{what}: {truth:?} is not in {enclosure:?}");
}

fn dot(a: &[Double], b: &[Double]) -> Double {
    a.iter().zip(b).fold(d(0.0), |s, (a, b)| s + *a * *b)
}

/// Value, gradient, Hessian, and equations with their Jacobian, in twice the precision.
struct Truth {
    energy: Double,
    gradient: Vec<Double>,
    hessian: Vec<Vec<Double>>,
    equations: Vec<Double>,
    jacobian: Vec<Vec<Double>>,
}

/// A dense memory written out again.
#[derive(Clone)]
struct Dense {
    y: Vec<Vec<f64>>,
    w: Vec<f64>,
    separation: Separation,
    lagrangian: Lagrangian,
    scale: f64,
    confinement: f64,
}

impl Dense {
    fn build(&self) -> DenseMemory {
        let y = Mat::from_fn(self.y[0].len(), self.y.len(), |i, k| self.y[k][i]);
        DenseMemory::new(
            y.as_ref(),
            self.w.clone(),
            self.separation,
            self.lagrangian,
            self.scale,
            self.confinement,
        )
        .unwrap()
    }

    /// Derivative of `scale w F` of some order.
    fn stored(&self, order: i32, k: usize, z: Double) -> Double {
        let factor = d(self.scale) * d(self.w[k]);
        let falling = |p: f64| match order {
            0 => d(1.0) / d(p),
            1 => d(1.0),
            _ => d(p) - d(1.0),
        };
        match self.separation {
            Separation::Rectified { p } if z.0 > 0.0 => factor * falling(p) * z.pow(p - f64::from(order)),
            Separation::Rectified { .. } => d(0.0),
            Separation::Power { p } => {
                factor * falling(f64::from(p)) * z.pow(f64::from(p) - f64::from(order))
            }
            Separation::Exponential { beta } => {
                let e = factor * (d(beta) * z).exp();
                if order == 0 { e / d(beta) } else { e * d(beta).pow(f64::from(order - 1)) }
            }
        }
    }

    /// Activities, `x g - L`, and the first two derivatives of an activity, which for the softmax are made below.
    fn unit(&self, x: f64) -> [Double; 4] {
        let x = d(x);
        match self.lagrangian {
            Lagrangian::Identity => [x, x * x * d(0.5), d(1.0), d(0.0)],
            Lagrangian::Tanh { gain } => unit(true, gain, x),
            Lagrangian::Sigmoid { gain } => unit(false, gain, x),
            Lagrangian::Softmax { .. } => unreachable!(),
        }
    }

    fn loads(&self, x: &[Double]) -> Vec<Double> {
        let x: Vec<f64> = x.iter().map(|x| x.0).collect();
        let g: Vec<Double> = x.iter().map(|x| self.unit(*x)[0]).collect();
        (0..self.y.len()).map(|k| self.stored(1, k, dot(&self.pattern(k), &g))).collect()
    }

    fn pattern(&self, k: usize) -> Vec<Double> {
        self.y[k].iter().map(|y| d(*y)).collect()
    }

    fn truth(&self, x: &[f64]) -> Truth {
        let n = x.len();
        let c = d(self.confinement);
        let xd: Vec<Double> = x.iter().map(|x| d(*x)).collect();
        let total = xd.iter().fold(d(0.0), |s, x| s + *x);
        let softmax = if let Lagrangian::Softmax { gain } = self.lagrangian { Some(d(gain)) } else { None };
        let (g, mut energy, units): (Vec<Double>, Double, Vec<[Double; 4]>) = match softmax {
            Some(b) => {
                let e: Vec<Double> = xd.iter().map(|x| (b * *x).exp()).collect();
                let sum = e.iter().fold(d(0.0), |s, e| s + *e);
                let g: Vec<Double> = e.iter().map(|e| *e / sum).collect();
                (g.clone(), dot(&g, &xd) - sum.ln() / b, vec![])
            }
            None => {
                let units: Vec<[Double; 4]> = x.iter().map(|x| self.unit(*x)).collect();
                let energy = units.iter().fold(d(0.0), |s, u| s + u[1]);
                (units.iter().map(|u| u[0]).collect(), energy, units)
            }
        };
        let mut pull = vec![d(0.0); n];
        let mut a = vec![vec![d(0.0); n]; n];
        for k in 0..self.y.len() {
            let y = self.pattern(k);
            let z = dot(&y, &g);
            energy = energy - self.stored(0, k, z);
            let (first, second) = (self.stored(1, k, z), self.stored(2, k, z));
            for i in 0..n {
                pull[i] = pull[i] + first * y[i];
                for j in 0..n {
                    a[i][j] = a[i][j] + second * y[i] * y[j];
                }
            }
        }
        let mut f: Vec<Double> = xd.iter().zip(&pull).map(|(x, p)| *x - *p).collect();
        let m: Vec<Vec<Double>> = (0..n)
            .map(|i| {
                (0..n)
                    .map(|j| match softmax {
                        Some(b) if i == j => b * g[i] * (d(1.0) - g[i]),
                        Some(b) => -(b * g[i] * g[j]),
                        None if i == j => units[i][2],
                        None => d(0.0),
                    })
                    .collect()
            })
            .collect();
        let pin = if softmax.is_some() { d(1.0) / d(n as f64) } else { d(0.0) };
        energy = energy + (c * dot(&xd, &xd) + pin * total * total) * d(0.5);
        let gradient: Vec<Double> = (0..n).map(|i| dot(&m[i], &f) + c * xd[i] + pin * total).collect();
        if softmax.is_some() {
            let mean = dot(&g, &f);
            f.iter_mut().for_each(|f| *f = *f - mean);
        }
        let am: Vec<Vec<Double>> = (0..n)
            .map(|i| (0..n).map(|j| (0..n).fold(d(0.0), |s, l| s + a[i][l] * m[l][j])).collect())
            .collect();
        let hessian = (0..n)
            .map(|i| {
                (0..n)
                    .map(|j| {
                        let mam = (0..n).fold(d(0.0), |s, l| s + m[i][l] * am[l][j]);
                        let bent = match softmax {
                            Some(b) => {
                                let own = if i == j { g[i] * f[i] } else { d(0.0) };
                                b * b * (own - g[i] * g[j] * (f[i] + f[j]))
                            }
                            None if i == j => units[i][3] * f[i],
                            None => d(0.0),
                        };
                        let own = if i == j { c } else { d(0.0) };
                        m[i][j] + bent - mam + own + pin
                    })
                    .collect()
            })
            .collect();
        // The equations of the published flow, for softmax neurons with a pinned mean.
        let level = |v: &[Double], i: usize| {
            let mean = v.iter().fold(d(0.0), |s, v| s + *v) / d(n as f64);
            if softmax.is_some() { v[i] - mean } else { v[i] }
        };
        let own = if self.lagrangian == Lagrangian::Identity { d(1.0) + c } else { d(1.0) };
        let equations = (0..n).map(|i| own * xd[i] - level(&pull, i)).collect();
        let jacobian = (0..n)
            .map(|i| {
                (0..n)
                    .map(|j| {
                        let column: Vec<Double> = (0..n).map(|l| am[l][j]).collect();
                        (if i == j { own } else { d(0.0) }) - level(&column, i)
                    })
                    .collect()
            })
            .collect();
        Truth { energy, gradient, hessian, equations, jacobian }
    }
}

/// Activity of `b x`, `x g - L`, and the first two derivatives of the activity; tanh, or else the logistic function.
fn unit(tanh: bool, b: f64, x: Double) -> [Double; 4] {
    let b = d(b);
    let z = b * x;
    let size = z.abs();
    let one = d(1.0);
    if tanh {
        let e = (d(-2.0) * size).exp();
        let l = (size + (one + e).ln() - LN_2) / b;
        let s = d(4.0) * e / ((one + e) * (one + e));
        [z.tanh(), x * z.tanh() - l, b * s, d(-2.0) * b * b * z.tanh() * s]
    } else {
        let e = (-size).exp();
        let l = ((if z.0 > 0.0 { z } else { d(0.0) }) + (one + e).ln()) / b;
        let (g, s) = (z.sigmoid(), e / ((one + e) * (one + e)));
        [g, x * g - l, b * s, b * b * s * (one - g - g)]
    }
}

fn check(truth: &Truth, enclosed: &dyn Enclose, x: &[Interval], at: &[f64], what: &str) {
    let n = x.len();
    assert_in(truth.energy, enclosed.energy(x), what);
    let mut out = vec![Interval::ENTIRE; n];
    enclosed.gradient(x, &mut out);
    let h = enclosed.hessian(x);
    for i in 0..n {
        assert_in(truth.gradient[i], out[i], &format!("{what} gradient"));
        for j in 0..n {
            assert_in(
                truth.hessian[i][j],
                h.entry(i, j),
                &format!("{what} Hessian {i} {j} at {at:?} of {x:?}"),
            );
        }
    }
}

fn check_system(
    truth: &Truth,
    enclosed: &dyn Enclose,
    x: &[Interval],
    at: &[f64],
    confined: bool,
    what: &str,
) {
    let n = x.len();
    let system = enclosed.system();
    let mut out = vec![Interval::ENTIRE; n];
    system.range(x, &mut out);
    let mut e = Expansion::new(n);
    system.expand(x, at, &mut e);
    let (values, jacobian) =
        if confined { (&truth.gradient, &truth.hessian) } else { (&truth.equations, &truth.jacobian) };
    for i in 0..n {
        assert_in(values[i], out[i], &format!("{what} range"));
        assert_in(values[i], e.range[i], &format!("{what} expanded range"));
        assert_in(values[i], e.value[i], &format!("{what} value"));
        for j in 0..n {
            assert_in(jacobian[i][j], e.jacobian[i * n + j], &format!("{what} Jacobian"));
        }
    }
}

fn dense(n: usize, k: usize, separation: Separation, lagrangian: Lagrangian, seed: u64) -> Dense {
    let mut rng = rng(seed);
    Dense {
        y: (0..k).map(|_| (0..n).map(|_| normal(&mut rng)).collect()).collect(),
        w: (0..k).map(|_| 0.5 + rng.random::<f64>()).collect(),
        separation,
        lagrangian,
        scale: 0.4,
        confinement: 0.0,
    }
}

const SEPARATIONS: [Separation; 6] = [
    Separation::Rectified { p: 3.0 },
    Separation::Rectified { p: 2.7 },
    Separation::Power { p: 2 },
    Separation::Power { p: 3 },
    Separation::Power { p: 4 },
    Separation::Exponential { beta: 0.7 },
];
const LAGRANGIANS: [Lagrangian; 4] = [
    Lagrangian::Identity,
    Lagrangian::Tanh { gain: 1.7 },
    Lagrangian::Sigmoid { gain: 1.4 },
    Lagrangian::Softmax { gain: 1.2 },
];

#[test]
fn dense_memories_are_enclosed() {
    let mut rng = rng(1);
    let mut samples = 0;
    for separation in SEPARATIONS {
        for lagrangian in LAGRANGIANS {
            for confinement in [0.0, 0.3] {
                let dense = Dense { confinement, ..dense(3, 4, separation, lagrangian, 7) };
                let memory = dense.build();
                let enclosed = memory.enclose().unwrap();
                let what = format!("{separation:?} {lagrangian:?} {confinement}");
                let total = confinement > 0.0 && lagrangian != Lagrangian::Identity;
                for round in 0..60 {
                    let (x, points) = boxes(&mut rng, 3, if round % 4 == 0 { 8.0 } else { 1.0 });
                    for p in points {
                        let truth = dense.truth(&p);
                        check(&truth, enclosed.as_ref(), &x, &p, &what);
                        check_system(&truth, enclosed.as_ref(), &x, &p, total, &what);
                        samples += 4 + 9 * 2;
                        // The formulas here and those of the landscape are the same.
                        if round % 4 > 0 {
                            let (mut g, mut h) = (vec![0.0; 3], Mat::zeros(3, 3));
                            let energy = memory.gradient(&p, &mut g);
                            memory.hessian(&p, h.as_mut());
                            let off = (energy - truth.energy.0).abs()
                                + (0..3).map(|i| (g[i] - truth.gradient[i].0).abs()).sum::<f64>()
                                + (0..9)
                                    .map(|e| (h[(e / 3, e % 3)] - truth.hessian[e / 3][e % 3].0).abs())
                                    .sum::<f64>();
                            assert!(
                                off < 1e-10 * (1.0 + truth.energy.0.abs() + h.norm_l1()),
                                "{what}: {off:e}"
                            );
                        }
                    }
                }
            }
        }
    }
    assert!(samples > 200_000);
}

#[test]
fn large_matrices_are_enclosed_as_small_ones_are() {
    // n n K beyond what is multiplied by intervals, and patterns more and fewer than neurons.
    let mut rng = rng(2);
    for (n, k) in [(12, 40), (24, 9)] {
        for lagrangian in [Lagrangian::Tanh { gain: 0.8 }, Lagrangian::Softmax { gain: 2.0 }] {
            let dense = dense(n, k, Separation::Power { p: 3 }, lagrangian, 5);
            let memory = dense.build();
            let enclosed = memory.enclose().unwrap();
            for _ in 0..3 {
                let (x, points) = boxes(&mut rng, n, 0.5);
                let truth = dense.truth(&points[0]);
                check(&truth, enclosed.as_ref(), &x, &points[0], "large");
                check_system(&truth, enclosed.as_ref(), &x, &points[0], false, "large");
            }
        }
    }
}

#[test]
fn loads_are_enclosed_and_map_onto_the_critical_points() {
    for lagrangian in [Lagrangian::Tanh { gain: 1.7 }, Lagrangian::Sigmoid { gain: 3.0 }] {
        let dense = dense(5, 2, Separation::Power { p: 3 }, lagrangian, 3);
        let memory = dense.build();
        let enclosed = memory.enclose().unwrap();
        let Everywhere { system, within, map, .. } = enclosed.everywhere().unwrap();
        assert_eq!((system.dim(), within.len(), map.ncols()), (2, 2, 2));
        let mut rng = rng(4);
        for _ in 0..300 {
            let (a, points) = boxes(&mut rng, 2, 0.7);
            let mut e = Expansion::new(2);
            for p in points {
                // x is rounded here, which moves the right-hand sides by less than 1e-14.
                let x: Vec<Double> =
                    (0..5).map(|i| d(dense.y[0][i]) * d(p[0]) + d(dense.y[1][i]) * d(p[1])).collect();
                let driven = dense.loads(&x);
                system.expand(&a, &p, &mut e);
                for k in 0..2 {
                    let wide = Interval::new(e.range[k].lo() - 1e-13, e.range[k].hi() + 1e-13);
                    assert_in(d(p[k]) - driven[k], wide, "loads");
                }
                // The Jacobian by differences.
                for j in 0..2 {
                    let h = 1e-5;
                    let moved = |s: f64| {
                        let mut q = p.clone();
                        q[j] += s * h;
                        let mut out = vec![Interval::ENTIRE; 2];
                        system.range(&point(&q), &mut out);
                        [out[0].mid(), out[1].mid()]
                    };
                    let (up, down) = (moved(1.0), moved(-1.0));
                    for i in 0..2 {
                        let slope = (up[i] - down[i]) / (2.0 * h);
                        let j = e.jacobian[i * 2 + j];
                        assert!(j.lo() - 1e-5 <= slope && slope <= j.hi() + 1e-5, "{slope} {j:?}");
                    }
                }
            }
        }
    }
}

/// A network of Hopfield's written out again.
#[derive(Clone)]
struct Network {
    tanh: bool,
    gain: f64,
    /// Times `share`, so that they are known exactly.
    w: Vec<Vec<f64>>,
    share: f64,
    r: f64,
    current: Vec<f64>,
    confinement: f64,
}

impl Network {
    fn truth(&self, u: &[f64]) -> Truth {
        let n = u.len();
        let units: Vec<[Double; 4]> = u.iter().map(|u| unit(self.tanh, self.gain, d(*u))).collect();
        let s = |i: usize, j: usize| {
            let w = d(self.w[i][j]) / d(self.share);
            if i == j { w - d(self.confinement) } else { w }
        };
        let leak = d(1.0) / d(self.r);
        let sent = |i: usize| (0..n).fold(d(0.0), |t, j| t + s(i, j) * units[j][0]);
        let r: Vec<Double> = (0..n).map(|i| leak * d(u[i]) - sent(i) - d(self.current[i])).collect();
        let energy = (0..n).fold(d(0.0), |e, i| {
            e + leak * units[i][1] - units[i][0] * (sent(i) * d(0.5) + d(self.current[i]))
        });
        let entry = |i: usize, j: usize| {
            let own = if i == j { leak } else { d(0.0) };
            own - s(i, j) * units[j][2]
        };
        let all = |f: &dyn Fn(usize, usize) -> Double| -> Vec<Vec<Double>> {
            (0..n).map(|i| (0..n).map(|j| f(i, j)).collect()).collect()
        };
        Truth {
            energy,
            gradient: (0..n).map(|i| units[i][2] * r[i]).collect(),
            hessian: all(&|i, j| {
                let bent = if i == j { units[i][3] * r[i] } else { d(0.0) };
                units[i][2] * entry(i, j) + bent
            }),
            equations: r.clone(),
            jacobian: all(&entry),
        }
    }
}

#[test]
fn hopfield_networks_are_enclosed_from_the_numbers_given() {
    let patterns = "data=[[1.0,1.0,-1.0],[1.0,-1.0,1.0],[2.0,0.0,3.0]]";
    // 3 W: y1 y1' + y2 y2' + y3 y3'.
    let hebb = vec![vec![6.0, 0.0, 6.0], vec![0.0, 2.0, -2.0], vec![6.0, -2.0, 11.0]];
    let plane = vec![vec![5.0, -2.0, 4.0], vec![-2.0, 8.0, 2.0], vec![4.0, 2.0, 5.0]];
    let mut bare = hebb.clone();
    (0..3).for_each(|i| bare[i][i] = 0.0);
    let identity = (0..3).map(|i| (0..3).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    type Case<'a> = (Vec<&'a str>, Vec<Vec<f64>>, f64);
    let cases: Vec<Case<'_>> = vec![
        (vec![patterns, "diagonal=true"], hebb, 3.0),
        (vec![patterns], bare, 3.0),
        // The projector across (2, 1, -2)/3, on the span of (1, 2, 2) and (1, -4, -1), is I - n n'.
        (vec!["data=[[1.0,2.0,2.0],[1.0,-4.0,-1.0]]", "rule=pseudo-inverse"], plane, 9.0),
        (vec!["data=[[1.0,2.0,0.0],[1.0,-4.0,-1.0],[0.0,1.0,5.0]]", "rule=pseudo-inverse"], identity, 1.0),
        (
            vec!["W=[[0.7,-0.1,0.3],[-0.1,-0.9,0.2],[0.3,0.2,0.0]]"],
            vec![vec![0.7, -0.1, 0.3], vec![-0.1, -0.9, 0.2], vec![0.3, 0.2, 0.0]],
            1.0,
        ),
    ];
    let mut rng = rng(6);
    for (keys, w, share) in cases {
        for (activation, confinement) in [("tanh", 0.1), ("logistic", 0.0)] {
            let settings =
                [format!("activation={activation}"), format!("confinement={confinement}"), "R=3.0".into()];
            let mut all: Vec<&str> = keys.clone();
            all.extend(settings.iter().map(String::as_str));
            all.extend(["gain=2.3", "I=[0.1,-0.2,0.0]", "C=[1.0,2.0,3.0]"]);
            let truth = Network {
                tanh: activation == "tanh",
                gain: 2.3,
                w: w.clone(),
                share,
                r: 3.0,
                current: vec![0.1, -0.2, 0.0],
                confinement,
            };
            let built = hopfield(&all);
            for (network, r) in [(&built, 3.0), (&built.with_parameter("R", 0.7).unwrap(), 0.7)] {
                let truth = Network { r, ..truth.clone() };
                let enclosed = network.enclose().unwrap();
                for round in 0..60 {
                    let (u, points) = boxes(&mut rng, 3, if round % 4 == 0 { 9.0 } else { 1.0 });
                    for p in points {
                        let t = truth.truth(&p);
                        check(&t, enclosed.as_ref(), &u, &p, &format!("{all:?}"));
                        check_system(&t, enclosed.as_ref(), &u, &p, false, &format!("{all:?}"));
                        let mut g = vec![0.0; 3];
                        let energy = network.gradient(&p, &mut g);
                        assert!((energy - t.energy.0).abs() < 1e-12 * (1.0 + energy.abs()), "{all:?}");
                        assert!((0..3).all(|i| (g[i] - t.gradient[i].0).abs() < 1e-12), "{all:?}");
                    }
                }
            }
        }
    }
    let twice = hopfield(&["data=[[1.0,2.0,3.0],[2.0,4.0,6.0]]", "rule=pseudo-inverse", "gain=1.0"]);
    assert!(twice.enclose().err().unwrap().contains("dependent"));
}
