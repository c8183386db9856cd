//! Enclosures of mixtures and modern Hopfield memories against values in double-double arithmetic.

use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use smale::landscape::mixture::{Mixture, Noise};
use smale::landscape::modern_hopfield::ModernHopfield;
use smale::landscape::{Enclose, Landscape};
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
            Formula::Mixture { a, sigma } => {
                Box::new(Mixture::new(data, weights, Noise::Fixed { a, sigma }, self.confinement).unwrap())
            }
            Formula::Hopfield { beta } => {
                Box::new(ModernHopfield::new(data, weights, beta, self.confinement).unwrap())
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
                assert!(v.hessian[i][j].is_in(h), "hessian {:?} {h:?} {x:?}", v.hessian[i][j]);
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
