//! Enclosures of mixtures and modern Hopfield memories against values in double-double arithmetic.

use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use smale::landscape::mixture::{Mixture, Noise};
use smale::landscape::modern_hopfield::ModernHopfield;
use smale::landscape::{Enclose, Landscape};
use smale::rigor::prune::{Limits, zeros};
use smale::rigor::{Expansion, Interval};

/// A number of about 106 bits: the unevaluated sum of two (Dekker 1971, Knuth 1969).
#[derive(Clone, Copy, Debug)]
struct Twofold(f64, f64);

impl Twofold {
    fn new(x: f64) -> Self {
        Twofold(x, 0.0)
    }

    fn sum(a: f64, b: f64) -> Self {
        let s = a + b;
        let v = s - a;
        Twofold(s, (a - (s - v)) + (b - v))
    }

    fn add(self, o: Self) -> Self {
        let (s, t) = (Twofold::sum(self.0, o.0), Twofold::sum(self.1, o.1));
        let s = Twofold::sum(s.0, s.1 + t.0);
        Twofold::sum(s.0, s.1 + t.1)
    }

    fn neg(self) -> Self {
        Twofold(-self.0, -self.1)
    }

    fn sub(self, o: Self) -> Self {
        self.add(o.neg())
    }

    fn mul(self, o: Self) -> Self {
        let p = self.0 * o.0;
        let e = self.0.mul_add(o.0, -p) + (self.0 * o.1 + self.1 * o.0);
        Twofold::sum(p, e)
    }

    fn div(self, o: Self) -> Self {
        let q = self.0 / o.0;
        let r = self.sub(o.mul(Twofold::new(q)));
        let q2 = r.0 / o.0;
        let r = r.sub(o.mul(Twofold::new(q2)));
        Twofold::sum(q, q2).add(Twofold::new(r.0 / o.0))
    }

    fn scale(self, power: i32) -> Self {
        let half = 2.0_f64.powi(power / 2);
        let rest = 2.0_f64.powi(power - power / 2);
        Twofold(self.0 * half * rest, self.1 * half * rest)
    }

    fn exp(self) -> Self {
        if self.0 < -700.0 {
            return Twofold::new(0.0);
        }
        let ln2 = Twofold(std::f64::consts::LN_2, 2.319_046_813_846_299_6e-17);
        let n = (self.0 / ln2.0).round();
        let r = self.sub(ln2.mul(Twofold::new(n))).scale(-9);
        let (mut sum, mut term) = (Twofold::new(1.0), Twofold::new(1.0));
        for k in 1..12 {
            term = term.mul(r).div(Twofold::new(f64::from(k)));
            sum = sum.add(term);
        }
        for _ in 0..9 {
            sum = sum.mul(sum);
        }
        sum.scale(n as i32)
    }

    fn ln(self) -> Self {
        let mut y = Twofold::new(self.0.ln());
        for _ in 0..2 {
            y = y.add(self.mul(y.neg().exp())).sub(Twofold::new(1.0));
        }
        y
    }

    fn is_in(self, x: Interval) -> bool {
        // Compared at its own precision: the difference to an end decides.
        let below =
            Twofold::sum(self.0, -x.lo()).add(Twofold::new(self.1)).0 >= 0.0 || x.lo() == f64::NEG_INFINITY;
        let above =
            Twofold::sum(x.hi(), -self.0).add(Twofold::new(-self.1)).0 >= 0.0 || x.hi() == f64::INFINITY;
        below && above
    }
}

/// The kind's own formula, evaluated as it is written.
struct Oracle {
    data: Mat<f64>,
    weights: Vec<f64>,
    kind: Formula,
    confinement: f64,
}

#[derive(Clone, Copy)]
enum Formula {
    Mixture { a: f64, sigma: f64 },
    Hopfield { beta: f64 },
}

struct Value {
    energy: Twofold,
    gradient: Vec<Twofold>,
    hessian: Vec<Vec<Twofold>>,
}

impl Oracle {
    fn landscape(&self) -> Box<dyn Landscape> {
        let (data, weights) = (self.data.clone(), self.weights.clone());
        match self.kind {
            Formula::Mixture { a, sigma } => Box::new(
                Mixture::new(data, weights, Noise::Fixed { a, sigma }, self.confinement).expect("valid"),
            ),
            Formula::Hopfield { beta } => {
                Box::new(ModernHopfield::new(data, weights, beta, self.confinement).expect("valid"))
            }
        }
    }

    /// Derivatives of `base - temperature log sum w_k exp(l_k(x))` by those of the logits, `v_k` the gradient of `l_k`.
    fn at(&self, x: &[f64]) -> Value {
        let (n, count) = self.data.shape();
        let zero = Twofold::new(0.0);
        let one = Twofold::new(1.0);
        let mut logits = vec![zero; count];
        let mut v = vec![vec![zero; n]; count];
        // The Hessian of each logit is -curvature I.
        let (temperature, curvature, quadratic) = match self.kind {
            Formula::Mixture { a, sigma } => {
                let s2 = Twofold::new(sigma).mul(Twofold::new(sigma));
                for k in 0..count {
                    for i in 0..n {
                        let d = Twofold::new(x[i]).sub(Twofold::new(a).mul(Twofold::new(self.data[(i, k)])));
                        logits[k] = logits[k].sub(d.mul(d).div(s2.scale(1)));
                        v[k][i] = d.neg().div(s2);
                    }
                }
                (one, one.div(s2), Twofold::new(self.confinement))
            }
            Formula::Hopfield { beta } => {
                let b = Twofold::new(beta);
                for k in 0..count {
                    for i in 0..n {
                        let y = b.mul(Twofold::new(self.data[(i, k)]));
                        logits[k] = logits[k].add(y.mul(Twofold::new(x[i])));
                        v[k][i] = y;
                    }
                }
                (one.div(b), zero, Twofold::new(self.confinement).add(one))
            }
        };
        let largest = logits.iter().fold(logits[0], |m, l| if l.0 > m.0 { *l } else { m });
        let p: Vec<Twofold> =
            (0..count).map(|k| logits[k].sub(largest).exp().mul(Twofold::new(self.weights[k]))).collect();
        let sum = p.iter().fold(zero, |s, p| s.add(*p));
        let p: Vec<Twofold> = p.iter().map(|p| p.div(sum)).collect();
        let mut energy = temperature.mul(sum.ln().add(largest)).neg();
        if matches!(self.kind, Formula::Mixture { .. }) {
            energy = energy.add(self.weights.iter().fold(zero, |s, w| s.add(Twofold::new(*w))).ln());
        }
        let mean: Vec<Twofold> =
            (0..n).map(|i| (0..count).fold(zero, |m, k| m.add(p[k].mul(v[k][i])))).collect();
        let mut gradient = vec![zero; n];
        let mut hessian = vec![vec![zero; n]; n];
        for i in 0..n {
            let xi = Twofold::new(x[i]);
            energy = energy.add(quadratic.mul(xi).mul(xi).scale(-1));
            gradient[i] = quadratic.mul(xi).sub(temperature.mul(mean[i]));
            for j in 0..n {
                let cov = (0..count)
                    .fold(zero, |c, k| c.add(p[k].mul(v[k][i].sub(mean[i])).mul(v[k][j].sub(mean[j]))));
                hessian[i][j] = temperature.mul(cov).neg();
                if i == j {
                    hessian[i][j] = hessian[i][j].add(quadratic).add(temperature.mul(curvature));
                }
            }
        }
        Value { energy, gradient, hessian }
    }
}

fn check(oracle: &Oracle, e: &dyn Enclose, x: &[Interval], rng: &mut ChaCha8Rng, samples: usize) -> usize {
    let n = x.len();
    let energy = e.energy(x);
    let mut gradient = vec![Interval::ENTIRE; n];
    e.gradient(x, &mut gradient);
    let hessian = e.hessian(x);
    for _ in 0..samples {
        let z: Vec<f64> = x
            .iter()
            .map(|x| match rng.random_range(0..4) {
                0 => x.lo(),
                1 => x.hi(),
                _ => (x.lo() + rng.random::<f64>() * (x.hi() - x.lo())).clamp(x.lo(), x.hi()),
            })
            .collect();
        let v = oracle.at(&z);
        assert!(v.energy.is_in(energy), "energy {:?} {energy:?} {x:?}", v.energy);
        for i in 0..n {
            assert!(v.gradient[i].is_in(gradient[i]), "gradient {:?} {:?} {x:?}", v.gradient[i], gradient[i]);
            for j in 0..n {
                let h = Interval::about(hessian.mid[(i, j)], hessian.rad[(i, j)]);
                // Where all wells agree in a coordinate the exact entry is zero, and the oracle's its rounding.
                assert!(
                    v.hessian[i][j].0.abs() < 1e-40 || v.hessian[i][j].is_in(h),
                    "hessian {:?} {h:?} {x:?}",
                    v.hessian[i][j]
                );
            }
        }
    }
    samples * (1 + n + n * n)
}

fn random_data(rng: &mut ChaCha8Rng, n: usize, count: usize, scale: f64, offset: f64) -> Mat<f64> {
    Mat::from_fn(n, count, |_, _| offset + scale * (2.0 * rng.random::<f64>() - 1.0))
}

/// Random landscapes of both kinds, boxes of all sizes: points, a few units in the last place, and as wide as the data.
#[test]
fn enclosures_contain_the_exact_values() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut checked = 0;
    for case in 0..240 {
        let n = [1, 2, 3, 6, 9, 17][case % 6];
        let count = rng.random_range(1..20);
        let offset = [0.0, 3.0, 1e4][case / 6 % 3];
        let data = random_data(&mut rng, n, count, 1.0, offset);
        let weights = (0..count).map(|_| 0.2 + rng.random::<f64>()).collect();
        let confinement = if case % 4 == 0 { 0.3 } else { 0.0 };
        let width = [0.05, 0.3, 1.0][case % 3];
        let kind = if case % 5 < 3 {
            Formula::Mixture { a: if case % 2 == 0 { 1.0 } else { 0.7 }, sigma: width }
        } else {
            Formula::Hopfield { beta: 1.0 / (width * width) }
        };
        let oracle = Oracle { data, weights, kind, confinement };
        let landscape = oracle.landscape();
        let e = landscape.enclose().unwrap();
        let wells = landscape.wells().unwrap();
        for _ in 0..6 {
            let size = 10.0_f64.powf(-17.0 + 17.5 * rng.random::<f64>());
            let k = rng.random_range(0..count);
            let spread = [0.01, 0.3, 1.5][rng.random_range(0..3)];
            let x: Vec<Interval> = (0..n)
                .map(|i| {
                    let c = wells[(i, k)] + spread * (rng.random::<f64>() - 0.5);
                    Interval::about(
                        c,
                        if rng.random_range(0..5) == 0 { 0.0 } else { size * rng.random::<f64>() },
                    )
                })
                .collect();
            checked += check(&oracle, e.as_ref(), &x, &mut rng, 4);
        }
    }
    assert!(checked > 300_000, "{checked}");
}

fn points(x: &[f64]) -> Vec<Interval> {
    x.iter().map(|x| Interval::point(*x)).collect()
}

fn gradient(e: &dyn Enclose, x: &[Interval]) -> Vec<Interval> {
    let mut out = vec![Interval::ENTIRE; x.len()];
    e.gradient(x, &mut out);
    out
}

/// At a point nothing but rounding is left: a few units in the last place of the terms, whatever the scale.
#[test]
fn at_points_enclosures_are_tight() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for (n, count, sigma, offset, tolerance) in [
        (2, 30, 0.35, 0.0, 1e-14),
        (3, 20, 0.35, 0.0, 1e-14),
        (2, 30, 0.35, 1e8, 1e-14),
        (2, 30, 1e-3, 0.0, 1e-9),
        (64, 200, 1.0, 0.0, 1e-12),
        (64, 200, 1.0, 1e8, 1e-12),
    ] {
        let data = random_data(&mut rng, n, count, 1.0, offset);
        // Between two data: where the weights are undecided.
        let x: Vec<f64> = (0..n).map(|i| 0.5 * (data[(i, 0)] + data[(i, 1)])).collect();
        let kind = Formula::Mixture { a: 1.0, sigma };
        let oracle = Oracle { data, weights: vec![1.0; count], kind, confinement: 0.0 };
        let landscape = oracle.landscape();
        let e = landscape.enclose().unwrap();
        let box_at = points(&x);
        check(&oracle, e.as_ref(), &box_at, &mut rng, 1);
        for g in gradient(e.as_ref(), &box_at) {
            assert!(g.rad() * sigma * sigma < tolerance, "{n} {sigma} {offset} {g:?}");
        }
        let h = e.hessian(&box_at);
        let size = h.mid.norm_max();
        assert!(h.rad.norm_max() <= 40.0 * tolerance * size, "{n} {sigma} {offset} {:e}", h.rad.norm_max());
    }
}

/// So many wells that their moments are summed up group by group, at points and over boxes, and more coordinates than fit a group of the
/// cache's.
#[test]
fn moments_of_many_wells_are_enclosed() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for (n, count, a) in [(9, 450, 1.0), (9, 450, 0.7), (61, 120, 1.0), (129, 40, 0.7), (131, 300, 1.0)] {
        let data = random_data(&mut rng, n, count, 1.0, 0.5);
        let x: Vec<f64> = (0..n).map(|_| 0.5 + 0.3 * (rng.random::<f64>() - 0.5)).collect();
        let weights = (0..count).map(|_| 0.2 + rng.random::<f64>()).collect();
        let kind = Formula::Mixture { a, sigma: (n as f64).sqrt() };
        let oracle = Oracle { data, weights, kind, confinement: 0.0 };
        let landscape = oracle.landscape();
        let e = landscape.enclose().unwrap();
        for size in [0.0, 1e-3] {
            let at: Vec<Interval> = x.iter().map(|x| Interval::about(*x, size)).collect();
            check(&oracle, e.as_ref(), &at, &mut rng, 1);
            // And not by an enclosure of anything: over a box as wide as a thousandth the Hessian moves by about as much.
            let hessian = e.hessian(&at);
            assert!(hessian.rad.norm_max() <= (1e-12 + 10.0 * size) * hessian.mid.norm_max(), "{n} {count}");
        }
    }
}

/// Scales at which a density underflows, far data, unequal weights, and boxes as wide as all data.
#[test]
fn extreme_scales_are_enclosed() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let two = Mat::from_fn(2, 2, |i, k| if i == 0 { k as f64 } else { 0.0 });
    for (weights, kind, confinement, at, size) in [
        (vec![1.0, 1.0], Formula::Mixture { a: 1.0, sigma: 1e-3 }, 0.0, [0.5, 0.0], 1e-7),
        (vec![1.0, 1.0], Formula::Mixture { a: 1.0, sigma: 1e-3 }, 0.0, [0.4, 0.3], 0.2),
        (vec![1e-100, 1e100], Formula::Mixture { a: 1.0, sigma: 0.1 }, 0.0, [0.5, 0.0], 1e-3),
        (vec![1.0, 3.0], Formula::Hopfield { beta: 1e6 }, 0.1, [0.5, 0.0], 1e-7),
        (vec![1.0, 3.0], Formula::Hopfield { beta: 40.0 }, 0.0, [1e3, -20.0], 1e-2),
        (vec![1.0, 3.0], Formula::Mixture { a: 0.0, sigma: 1.0 }, 0.0, [0.1, 0.2], 0.1),
        (vec![1.0, 2.0], Formula::Mixture { a: 1.0 / 3.0, sigma: 0.2 }, 7.0, [0.1, 0.1], 0.5),
        (vec![1.0, 2.0], Formula::Mixture { a: 1e8, sigma: 1e7 }, 0.0, [4e7, 1e6], 1e5),
    ] {
        let oracle = Oracle { data: two.clone(), weights, kind, confinement };
        let landscape = oracle.landscape();
        let e = landscape.enclose().unwrap();
        for shrink in [0.0, 1e-8, 1e-3, 1.0] {
            let x: Vec<Interval> = at.iter().map(|x| Interval::about(*x, size * shrink)).collect();
            check(&oracle, e.as_ref(), &x, &mut rng, 20);
        }
    }
    // A thousand copies of one datum are one datum of that weight.
    let copies = Mat::from_fn(2, 1001, |i, k| if k == 0 { 1.0 } else { 0.25 * i as f64 });
    let merged = Mat::from_fn(2, 2, |i, k| copies[(i, k)]);
    let noise = Noise::Fixed { a: 1.0, sigma: 0.4 };
    let many = Mixture::new(copies, vec![1.0; 1001], noise, 0.0).unwrap();
    let few = Mixture::new(merged, vec![1.0, 1000.0], noise, 0.0).unwrap();
    let x = points(&[0.6, 0.5]);
    let (a, b) = (many.enclose().unwrap(), few.enclose().unwrap());
    let (a, b) = (gradient(a.as_ref(), &x), gradient(b.as_ref(), &x));
    assert!(a.iter().zip(&b).all(|(a, b)| a.meet(*b).is_some() && a.rad() < 1e-11 && b.rad() < 1e-13));
}

/// In wide boxes the forms that use monotony and convexity must pay: in one dimension the range of the mean is exact.
#[test]
fn ranges_are_exact_in_one_dimension() {
    let data = Mat::from_fn(1, 2, |_, k| 2.0 * k as f64 - 1.0);
    let m = Mixture::new(data, vec![1.0, 1.0], Noise::Fixed { a: 1.0, sigma: 1.0 }, 0.0).unwrap();
    let e = m.enclose().unwrap();
    // m(x) = tanh x increases, so x - m(x) on [1, 2] is within [1 - tanh 2, 2 - tanh 1], which naive weights exceed.
    let g = gradient(e.as_ref(), &[Interval::new(1.0, 2.0)])[0];
    assert!(g.lo() <= 1.0 - 1.0_f64.tanh() && g.lo() >= 1.0 - 2.0_f64.tanh() - 1e-13, "{g:?}");
    assert!(g.hi() >= 2.0 - 2.0_f64.tanh() && g.hi() <= 2.0 - 1.0_f64.tanh() + 1e-13, "{g:?}");
    // The energy lies below the parabola that touches it in the middle.
    let energy = e.energy(&[Interval::new(1.0, 2.0)]);
    let at = e.energy(&[Interval::point(1.5)]).mid();
    let (x, mean): (f64, f64) = (1.5, 1.5_f64.tanh());
    let parabola = at + 0.5 * ((2.0 - mean).powi(2) - (x - mean).powi(2));
    assert!(energy.hi() <= parabola + 1e-12 && energy.hi() >= e.energy(&[Interval::point(2.0)]).mid());
}

/// The value of the system is a positive multiple of the gradient, its Jacobian at a critical point one of the Hessian.
#[test]
fn the_system_has_the_directions_of_the_gradient_and_the_hessian() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for case in 0..60 {
        let n = 2 + case % 2;
        let count = 5 + case % 7;
        let sigma = [0.2, 0.4][case % 2];
        let data = random_data(&mut rng, n, count, 1.0, 0.0);
        let weights: Vec<f64> = (0..count).map(|_| 0.2 + rng.random::<f64>()).collect();
        let kind = Formula::Mixture { a: 1.0, sigma };
        let oracle = Oracle { data, weights, kind, confinement: 0.0 };
        let landscape = oracle.landscape();
        let e = landscape.enclose().unwrap();
        let system = e.system();
        let mut out = Expansion::new(n);
        let x: Vec<f64> = (0..n).map(|_| 1.6 * rng.random::<f64>() - 0.8).collect();
        let here = oracle.at(&x).gradient;
        for size in [0.0, 1e-9, 1e-3, 0.1, 0.4] {
            let within: Vec<Interval> = x.iter().map(|x| Interval::about(*x, size)).collect();
            system.expand(&within, &x, &mut out);
            for _ in 0..10 {
                let z: Vec<f64> = x.iter().map(|x| x + size * (1.98 * rng.random::<f64>() - 0.99)).collect();
                let g = oracle.at(&z).gradient;
                for (r, g) in out.range.iter().zip(&g) {
                    assert!(!(r.lo() > 0.0 && g.0 <= 0.0 || r.hi() < 0.0 && g.0 >= 0.0), "{r:?} {g:?}");
                }
            }
            for i in 0..n {
                // value_i g_0 = value_0 g_i.
                let apart = out.value[i].scale(here[0].0) - out.value[0].scale(here[i].0);
                let slack = 1e-12 * here[0].0.abs().max(here[i].0.abs());
                assert!(apart.lo() <= slack && apart.hi() >= -slack, "{apart:?}");
                assert!(out.value[i].mid() * here[i].0 > 0.0 && out.value[i].rad() <= 1e-12);
            }
        }
        // Mean shift reaches a minimum; it is slow but sure.
        let mut x: Vec<f64> = landscape.wells().unwrap().col(case % count).iter().copied().collect();
        for _ in 0..200 {
            let v = oracle.at(&x);
            (0..n).for_each(|i| x[i] -= sigma * sigma * v.gradient[i].0);
        }
        let v = oracle.at(&x);
        if v.gradient.iter().any(|g| g.0.abs() > 1e-9) {
            continue;
        }
        for size in [1e-9, 1e-3, 0.05] {
            let within: Vec<Interval> = x.iter().map(|x| Interval::about(*x, size)).collect();
            // Expanded about another point than the critical one.
            let at: Vec<f64> = x.iter().map(|x| x + 0.3 * size).collect();
            system.expand(&within, &at, &mut out);
            for entry in 0..n * n {
                let ratio = out.jacobian[entry] / out.jacobian[0];
                let truth = v.hessian[entry / n][entry % n].0 / v.hessian[0][0].0;
                assert!((ratio.lo() - 1e-5..=ratio.hi() + 1e-5).contains(&truth), "{ratio:?} {truth}");
            }
        }
    }
}

/// Every critical point that plain Newton iterations find is among those proven, and indices alternate to one.
#[test]
fn complete_sets_agree_with_newton_from_many_starts() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for (n, count, sigma) in [(2, 30, 0.35), (2, 12, 0.2), (2, 10, 0.01), (3, 8, 0.3)] {
        let data = random_data(&mut rng, n, count, 1.0, 0.0);
        let noise = Noise::Fixed { a: 1.0, sigma };
        let m = Mixture::new(data.clone(), vec![1.0; count], noise, 0.0).unwrap();
        let e = m.enclose().unwrap();
        let place = e.everywhere().unwrap();
        let found = zeros(place.system.as_ref(), &place.within, &Limits::default(), &|| false);
        assert!(found.is_complete(), "{n} {count} {sigma}: {:?}", found.ended);
        assert!(found.boxes < 20_000, "{} boxes", found.boxes);
        let mut sum = 0;
        for zero in &found.found {
            let h = e.hessian(&zero.enclosure);
            let values = h.mid.self_adjoint_eigenvalues(faer::Side::Lower).unwrap();
            let least = values.iter().fold(f64::INFINITY, |m: f64, v| m.min(v.abs()));
            assert!(h.rad.norm_max() < 1e-2 * least);
            sum += if values.iter().filter(|v| **v < 0.0).count() % 2 == 0 { 1 } else { -1 };
        }
        assert_eq!(sum, 1);
        for _ in 0..300 {
            let (a, b) = (rng.random_range(0..count), rng.random_range(0..count));
            let mut x: Vec<f64> = (0..n).map(|i| 0.5 * (data[(i, a)] + data[(i, b)])).collect();
            let mut g = vec![0.0; n];
            let mut step = f64::INFINITY;
            for _ in 0..60 {
                m.gradient(&x, &mut g);
                let mut h = Mat::zeros(n, n);
                Landscape::hessian(&m, &x, h.as_mut());
                let g = faer::MatRef::from_column_major_slice(&g, n, 1);
                let d = faer::linalg::solvers::Solve::solve(&h.partial_piv_lu(), g);
                step = d.norm_max();
                (0..n).for_each(|i| x[i] -= d[(i, 0)]);
            }
            if step < 1e-13 && x.iter().all(|x| x.abs() < 2.0) {
                let known =
                    found.found.iter().any(|zero| zero.unique.iter().zip(&x).all(|(u, x)| u.contains(*x)));
                assert!(known, "{x:?} is not among them");
            }
        }
    }
}

/// Few points in R^100: zeros of the reduced system are critical points there, and at noise so small that all wells are
/// apart there are as many as a simplex has faces.
#[test]
fn few_points_in_many_dimensions_are_complete() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let n = 100;
    for (count, sigma, all) in [(5, 3.0, None), (4, 0.8, Some(15)), (2, 1.0, Some(3)), (1, 1.0, Some(1))] {
        // A level coordinate besides.
        let data = Mat::from_fn(n, count, |i, _| if i == 7 { 0.1 } else { 2.0 * rng.random::<f64>() - 1.0 });
        let m = Mixture::new(data, vec![1.0; count], Noise::Fixed { a: 1.0, sigma }, 0.0).unwrap();
        let e = m.enclose().unwrap();
        let place = e.everywhere().unwrap();
        assert_eq!(place.system.dim(), (count - 1).max(1));
        let found = zeros(place.system.as_ref(), &place.within, &Limits::default(), &|| false);
        assert!(found.is_complete() && found.found.len() % 2 == 1, "{count} {sigma}");
        assert!(all.is_none_or(|all| all == found.found.len()), "{count}: {}", found.found.len());
        for zero in &found.found {
            let z: Vec<f64> = zero.enclosure.iter().map(|x| x.mid()).collect();
            let along = |i: usize| (0..z.len()).map(|j| place.map[(i, j)] * z[j]).sum::<f64>();
            let x: Vec<f64> = (0..n).map(|i| place.origin[i] + along(i)).collect();
            let g = gradient(e.as_ref(), &points(&x));
            assert!(g.iter().all(|g| g.mag() < 1e-9), "{g:?}");
            let apart = x.iter().zip(&place.center).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            assert!(apart <= place.radius + 1e-9);
        }
    }
    // Affinely dependent: nothing is claimed. Few coordinates that vary: those are the unknowns.
    let noise = |a: f64| Noise::Fixed { a, sigma: 1.0 };
    let line = Mat::from_fn(n, 4, |i, k| (1.0 + i as f64) * k as f64);
    let m = Mixture::new(line, vec![1.0; 4], noise(1.0), 0.0).unwrap();
    assert!(m.enclose().unwrap().everywhere().is_none());
    let flat = Mat::from_fn(n, 4, |i, k| if i < 2 { ((1 + i * k) * k) as f64 } else { 0.25 });
    let m = Mixture::new(flat, vec![1.0; 4], noise(0.7), 0.0).unwrap();
    assert_eq!(m.enclose().unwrap().everywhere().unwrap().system.dim(), 2);
    let wide = random_data(&mut rng, 20, 40, 1.0, 0.0);
    let m = Mixture::new(wide, vec![1.0; 40], noise(1.0), 0.0).unwrap();
    assert!(m.enclose().unwrap().everywhere().is_none());
}

/// Differences of Hessians stay below the bound; near a memory far from all others it is tiny, and of two equal wells the
/// global one is sharp.
#[test]
fn the_hessian_is_lipschitz_with_the_bound() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for case in 0..200 {
        let n = [1, 2, 3, 12][case % 4];
        let count = rng.random_range(2..8);
        let data = random_data(&mut rng, n, count, 1.0, 0.0);
        let sigma: f64 = [0.2, 0.5, 1.0][case % 3];
        let landscape: Box<dyn Landscape> = if case / 4 % 2 == 0 {
            let noise = Noise::Fixed { a: 1.0, sigma };
            Box::new(Mixture::new(data, vec![1.0; count], noise, 0.0).unwrap())
        } else {
            Box::new(ModernHopfield::new(data, vec![1.0; count], 1.0 / (sigma * sigma), 0.2).unwrap())
        };
        let e = landscape.enclose().unwrap();
        let center: Vec<f64> = (0..n).map(|_| 1.4 * rng.random::<f64>() - 0.7).collect();
        for radius in [1e-3, 0.1, 1.0, f64::INFINITY] {
            let bound = e.lipschitz(&center, radius);
            assert!(bound.is_finite());
            for _ in 0..10 {
                let place = |rng: &mut ChaCha8Rng| -> Vec<f64> {
                    let d: Vec<f64> = (0..n).map(|_| 2.0 * rng.random::<f64>() - 1.0).collect();
                    let scale = radius.min(2.0) / d.iter().map(|d| d * d).sum::<f64>().sqrt().max(1.0);
                    center.iter().zip(&d).map(|(c, d)| c + scale * d).collect()
                };
                let (x, y) = (place(&mut rng), place(&mut rng));
                let (mut a, mut b) = (Mat::<f64>::zeros(n, n), Mat::<f64>::zeros(n, n));
                landscape.hessian(&x, a.as_mut());
                landscape.hessian(&y, b.as_mut());
                let apart = x.iter().zip(&y).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt();
                let values = (&a - &b).self_adjoint_eigenvalues(faer::Side::Lower).unwrap();
                let change = values.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
                assert!(change <= bound * apart * (1.0 + 1e-9) + 1e-9, "{change} {bound} {apart}");
            }
        }
    }
    let two = Mat::from_fn(2, 2, |i, k| if i == 0 { 2.0 * k as f64 - 1.0 } else { 0.0 });
    let m = Mixture::new(two, vec![1.0; 2], Noise::Fixed { a: 1.0, sigma: 0.2 }, 0.0).unwrap();
    let e = m.enclose().unwrap();
    assert!(e.lipschitz(&[1.0, 0.0], 0.01) < 1e-12);
    // Of a variable with two values, 2 apart, the third central moment is at most 2^3 / (6 sqrt 3).
    let global = e.lipschitz(&[0.0, 0.0], f64::INFINITY);
    let sharp = 25.0_f64.powi(3) * 8.0 / (6.0 * 3.0_f64.sqrt());
    assert!(global >= sharp && global < 1.001 * sharp, "{global} {sharp}");
}
