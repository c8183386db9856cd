//! Dense memories and Hopfield's networks.

use faer::Mat;
use rug::Float;
use smale::landscape::dense_memory::{DenseMemory, Lagrangian, Separation};
use smale::landscape::{KINDS, Landscape};
use smale::study::Section;

use crate::boxes::Draw;
use crate::check::{Demands, Equations, Subject, Truth, test};
use crate::jet::{Jet, dot, log_sum_exp, sum};

fn squares(x: &[Jet]) -> Jet {
    sum(&x.iter().map(Jet::square).collect::<Vec<_>>(), &x[0])
}

/// `sum_i [x_i g_i - L(x_i)] - scale sum_k w_k F(y_k.g) + (confinement/2) |x|^2`; of softmax neurons the sum of x is pinned
/// by `(sum x)^2 / (2n)`.
#[derive(Clone, Debug)]
struct Dense {
    patterns: Vec<Vec<f64>>,
    weights: Vec<f64>,
    separation: Separation,
    lagrangian: Lagrangian,
    scale: f64,
    confinement: f64,
}

impl Dense {
    /// Activities and the sum of the Lagrangians.
    fn neurons(&self, x: &[Jet]) -> (Vec<Jet>, Jet) {
        let gained = |gain: f64| -> Vec<Jet> { x.iter().map(|x| x.scale(gain)).collect() };
        let each = |gain: f64, g: fn(&Jet) -> Jet, l: fn(&Jet) -> Jet| {
            let z = gained(gain);
            let total = sum(&z.iter().map(l).collect::<Vec<_>>(), &x[0]);
            (z.iter().map(g).collect(), &total / &x[0].constant(gain))
        };
        match self.lagrangian {
            Lagrangian::Identity => (x.to_vec(), squares(x).scale(0.5)),
            Lagrangian::Tanh { gain } => each(gain, Jet::tanh, Jet::log_cosh),
            Lagrangian::Sigmoid { gain } => each(gain, Jet::sigmoid, Jet::softplus),
            Lagrangian::Softmax { gain } => {
                let z = gained(gain);
                let log = log_sum_exp(&z, &vec![1.0; z.len()]);
                (z.iter().map(|z| (z - &log).exp()).collect(), &log / &x[0].constant(gain))
            }
        }
    }

    /// `scale w_k F(z)` and `scale w_k F'(z)`.
    fn stored(&self, k: usize, z: &Jet) -> (Jet, Jet) {
        let factor = z.constant(self.scale).scale(self.weights[k]);
        let (f, slope) = match self.separation {
            Separation::Rectified { .. } if !(z.value > 0) => (z.constant(0.0), z.constant(0.0)),
            Separation::Rectified { p } => (&z.powf(p) / &z.constant(p), z.powf(p - 1.0)),
            Separation::Power { p } => (&z.powi(p as i32) / &z.constant(f64::from(p)), z.powi(p as i32 - 1)),
            Separation::Exponential { beta } => {
                let e = (&z.constant(beta) * z).exp();
                (&e / &z.constant(beta), e)
            }
        };
        (&factor * &f, &factor * &slope)
    }

    fn is_softmax(&self) -> bool {
        matches!(self.lagrangian, Lagrangian::Softmax { .. })
    }
}

impl Truth for Dense {
    fn energy(&self, x: &[Jet]) -> Jet {
        let (g, lagrangians) = self.neurons(x);
        let mut energy = &squares(x).scale(0.5).scale(self.confinement) - &lagrangians;
        for (x, g) in x.iter().zip(&g) {
            energy = &energy + &(x * g);
        }
        for (k, y) in self.patterns.iter().enumerate() {
            energy = &energy - &self.stored(k, &dot(&g, y)).0;
        }
        if self.is_softmax() {
            let pin = &sum(x, &x[0]).square().scale(0.5) / &x[0].constant(x.len() as f64);
            energy = &energy + &pin;
        }
        energy
    }

    /// The published flow `x' = -x + scale sum_k w_k F'(y_k.g) y_k` is at rest, of softmax neurons up to a shift, which the
    /// pin decides. A confinement adds its force to that of identity neurons; else it leaves `-grad E`.
    fn equations(&self, x: &[Jet]) -> Equations {
        let identity = self.lagrangian == Lagrangian::Identity;
        if self.confinement > 0.0 && !identity {
            return Equations::Gradient;
        }
        let (g, _) = self.neurons(x);
        let mut pull = vec![x[0].constant(0.0); x.len()];
        for (k, y) in self.patterns.iter().enumerate() {
            let slope = self.stored(k, &dot(&g, y)).1;
            pull.iter_mut().zip(y).for_each(|(p, y)| *p = &*p + &slope.scale(*y));
        }
        if self.is_softmax() {
            let mean = &sum(&pull, &x[0]) / &x[0].constant(x.len() as f64);
            pull.iter_mut().for_each(|p| *p = &*p - &mean);
        }
        let own = x[0].constant(1.0).shift(if identity { self.confinement } else { 0.0 });
        Equations::Own(x.iter().zip(&pull).map(|(x, p)| &(x * &own) - p).collect())
    }

    /// With fewer patterns than neurons the loads `a_k = scale w_k F'(y_k.g(sum a y))`.
    fn loads(&self, a: &[Jet]) -> Option<Vec<Jet>> {
        let (n, count) = (self.patterns[0].len(), self.patterns.len());
        if self.confinement > 0.0 || self.lagrangian == Lagrangian::Identity || count >= n {
            return None;
        }
        let column = |i: usize| self.patterns.iter().map(|y| y[i]).collect::<Vec<f64>>();
        let x: Vec<Jet> = (0..n).map(|i| dot(a, &column(i))).collect();
        let (g, _) = self.neurons(&x);
        let driven = self.patterns.iter().enumerate().map(|(k, y)| self.stored(k, &dot(&g, y)).1);
        Some(a.iter().zip(driven).map(|(a, d)| a - &d).collect())
    }
}

fn dense_memory(draw: &mut Draw) -> Option<Subject> {
    let (n, count) = (draw.dimension(12), draw.dimension(12));
    let size = if draw.chance(0.5) { 1.0 } else { draw.power(-3.0, 3.0) };
    let signs = draw.chance(0.2);
    let entry = |draw: &mut Draw| {
        let z = draw.normal();
        if signs { z.signum() } else { size * z }
    };
    let mut patterns: Vec<Vec<f64>> = (0..count).map(|_| (0..n).map(|_| entry(draw)).collect()).collect();
    if draw.chance(0.2) {
        let copy = patterns[0].clone();
        patterns.push(copy);
    }
    let equal = draw.chance(0.5);
    let weights = patterns.iter().map(|_| if equal { 1.0 } else { draw.power(-2.0, 2.0) }).collect();
    let gain = if draw.chance(0.5) { draw.uniform(0.5, 3.0) } else { draw.power(-2.0, 2.0) };
    let lagrangian = draw.pick(&[
        Lagrangian::Identity,
        Lagrangian::Tanh { gain },
        Lagrangian::Sigmoid { gain },
        Lagrangian::Softmax { gain },
    ]);
    let overlap = if lagrangian == Lagrangian::Identity { size * size } else { size };
    let beta = draw.power(-1.0, 0.5) / overlap;
    let separation = match draw.below(4) {
        0 => Separation::Rectified { p: draw.pick(&[2.0, 2.5, 3.0, 3.7, 4.0, 7.0]) },
        1 => Separation::Rectified { p: draw.uniform(2.0, 6.0) },
        2 => Separation::Power { p: 2 + draw.below(5) as u32 },
        _ => Separation::Exponential { beta },
    };
    let scale = draw.power(-2.0, 1.0);
    let confinement = if draw.chance(0.4) { draw.power(-2.0, 1.0) } else { 0.0 };
    let dense = Dense { patterns, weights, separation, lagrangian, scale, confinement };
    let y = Mat::from_fn(n, dense.patterns.len(), |i, k| dense.patterns[k][i]);
    let weights = dense.weights.clone();
    let built = DenseMemory::new(y.as_ref(), weights, separation, lagrangian, scale, confinement).ok()?;
    let reach = if lagrangian == Lagrangian::Identity { size } else { 1.0 / gain };
    let mut centers = vec![vec![0.0; n], dense.patterns[0].clone()];
    for by in [0.3, 1.0, 1.0, 3.0, 30.0] {
        centers.push(draw.normals(n).iter().map(|x| by * reach * x).collect());
    }
    let text = format!("{dense:?}");
    Some(Subject { landscape: Box::new(built), truth: Box::new(dense), centers, scale: reach, text })
}

/// How synapses are given.
#[derive(Clone, Debug)]
enum Synapses {
    Matrix(Vec<Vec<f64>>),
    /// `Y Y'/n` of these rows.
    Hebb(Vec<Vec<f64>>),
    /// The projector on the span of these rows.
    Projector(Vec<Vec<f64>>),
}

/// `-V'W V/2 - I.V + sum_i (1/R_i) int^(V_i) g^-1 + (confinement/2) |V|^2`, `V = g(u)`, the integral from a zero of its
/// Lagrangian: `u V - L(u)`.
#[derive(Clone, Debug)]
struct Network {
    synapses: Synapses,
    diagonal: bool,
    tanh: bool,
    gain: f64,
    resistance: Vec<f64>,
    current: Vec<f64>,
    confinement: f64,
}

impl Network {
    fn weights(&self, like: &Jet) -> Vec<Vec<Jet>> {
        let n = self.current.len();
        let bits = like.bits();
        let product = |a: f64, b: f64| Float::with_val(bits, a) * b;
        let mut w = vec![vec![Float::new(bits); n]; n];
        match &self.synapses {
            Synapses::Matrix(rows) => {
                w = rows.iter().map(|r| r.iter().map(|x| Float::with_val(bits, *x)).collect()).collect();
            }
            Synapses::Hebb(rows) => {
                for y in rows {
                    (0..n * n).for_each(|e| w[e / n][e % n] += product(y[e / n], y[e % n]) / n as f64);
                }
            }
            Synapses::Projector(rows) => {
                // Gram and Schmidt: far more bits than the patterns can lose.
                let mut basis: Vec<Vec<Float>> = vec![];
                for y in rows {
                    let mut v: Vec<Float> = y.iter().map(|y| Float::with_val(bits, *y)).collect();
                    for q in &basis {
                        let along = v.iter().zip(q).fold(Float::new(bits), |s, (v, q)| s + v.clone() * q);
                        v.iter_mut().zip(q).for_each(|(v, q)| *v -= along.clone() * q);
                    }
                    let size = v.iter().fold(Float::new(bits), |s, v| s + v.clone().square()).sqrt();
                    v.iter_mut().for_each(|v| *v /= &size);
                    basis.push(v);
                }
                for q in &basis {
                    (0..n * n).for_each(|e| w[e / n][e % n] += q[e / n].clone() * &q[e % n]);
                }
            }
        }
        if !self.diagonal {
            (0..n).for_each(|i| w[i][i] = Float::new(bits));
        }
        w.into_iter().map(|row| row.into_iter().map(Jet::of).collect()).collect()
    }

    /// V and the Lagrangians, unit by unit.
    fn units(&self, u: &[Jet]) -> (Vec<Jet>, Vec<Jet>) {
        let gain = u[0].constant(self.gain);
        let z: Vec<Jet> = u.iter().map(|u| u * &gain).collect();
        let over = |f: fn(&Jet) -> Jet| -> Vec<Jet> { z.iter().map(|z| &f(z) / &gain).collect() };
        if self.tanh {
            (z.iter().map(Jet::tanh).collect(), over(Jet::log_cosh))
        } else {
            (z.iter().map(Jet::sigmoid).collect(), over(Jet::softplus))
        }
    }

    /// `W V`.
    fn sent(&self, v: &[Jet]) -> Vec<Jet> {
        let w = self.weights(&v[0]);
        let row = |w: &Vec<Jet>| w.iter().zip(v).fold(v[0].constant(0.0), |s, (w, v)| &s + &(w * v));
        w.iter().map(row).collect()
    }

    fn text(&self) -> Vec<String> {
        let table = |rows: &[Vec<f64>]| format!("{rows:?}");
        let mut keys = match &self.synapses {
            Synapses::Matrix(rows) => vec![format!("W={}", table(rows))],
            Synapses::Hebb(rows) => {
                vec![format!("data={}", table(rows)), format!("diagonal={}", self.diagonal)]
            }
            Synapses::Projector(rows) => vec![
                format!("data={}", table(rows)),
                "rule=pseudo-inverse".into(),
                format!("diagonal={}", self.diagonal),
            ],
        };
        keys.push(format!("activation={}", if self.tanh { "tanh" } else { "logistic" }));
        keys.push(format!("gain={:?}", self.gain));
        keys.push(format!("R={:?}", self.resistance));
        keys.push(format!("I={:?}", self.current));
        keys.push(format!("confinement={:?}", self.confinement));
        keys
    }
}

impl Truth for Network {
    fn energy(&self, u: &[Jet]) -> Jet {
        let (v, lagrangians) = self.units(u);
        let sent = self.sent(&v);
        let mut energy = squares(&v).scale(0.5).scale(self.confinement);
        for i in 0..u.len() {
            let charge = &(&(&u[i] * &v[i]) - &lagrangians[i]) / &u[i].constant(self.resistance[i]);
            let driven = &(&v[i] * &sent[i]).scale(0.5) + &v[i].scale(self.current[i]);
            energy = &energy + &(&charge - &driven);
        }
        energy
    }

    /// The published flow is at rest: `u_i/R_i = (W V)_i + I_i - confinement V_i`.
    fn equations(&self, u: &[Jet]) -> Equations {
        let (v, _) = self.units(u);
        let rest = self.sent(&v).into_iter().enumerate().map(|(i, sent)| {
            let leak = &u[i] / &u[i].constant(self.resistance[i]);
            &(&leak - &sent.shift(self.current[i])) + &v[i].scale(self.confinement)
        });
        Equations::Own(rest.collect())
    }
}

fn hopfield(draw: &mut Draw) -> Option<Subject> {
    let n = draw.dimension(8);
    let size = if draw.chance(0.6) { 1.0 } else { draw.power(-3.0, 3.0) };
    let count = 1 + draw.below(n);
    let rows = |draw: &mut Draw| -> Vec<Vec<f64>> {
        let signs = draw.chance(0.5);
        let one = |draw: &mut Draw| if signs { draw.normal().signum() } else { size * draw.normal() };
        (0..count).map(|_| (0..n).map(|_| one(draw)).collect()).collect()
    };
    let synapses = match draw.below(4) {
        0 => Synapses::Hebb(rows(draw)),
        1 => Synapses::Projector((0..count).map(|_| draw.normals(n)).collect()),
        _ => {
            let mut w = vec![vec![0.0; n]; n];
            for i in 0..n {
                for j in 0..=i {
                    let entry = if draw.chance(0.1) { 0.0 } else { size * draw.normal() };
                    (w[i][j], w[j][i]) = (entry, entry);
                }
            }
            Synapses::Matrix(w)
        }
    };
    let given = matches!(synapses, Synapses::Matrix(_));
    let one = draw.chance(0.5);
    let gain = draw.power(-1.0, 1.0);
    let network = Network {
        synapses,
        diagonal: given || draw.chance(0.5),
        tanh: draw.chance(0.5),
        gain,
        resistance: (0..n).map(|_| if one { 1.0 } else { draw.power(-1.5, 1.5) }).collect(),
        current: (0..n).map(|_| if draw.chance(0.5) { 0.0 } else { size * draw.normal() }).collect(),
        confinement: if draw.chance(0.3) { draw.power(-2.0, 1.0) } else { 0.0 },
    };
    let text = network.text();
    let mut section =
        Section::from_pairs("landscape", &text.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    let kind = KINDS.iter().find(|k| k.name == "hopfield").unwrap();
    let built: Box<dyn Landscape> = (kind.build)(&mut section).unwrap();
    let mut centers = vec![vec![0.0; n]];
    for by in [0.3, 1.0, 1.0, 3.0, 30.0, 1e3] {
        centers.push(draw.normals(n).iter().map(|x| by * x / gain).collect());
    }
    Some(Subject {
        landscape: built,
        truth: Box::new(network),
        centers,
        scale: 1.0 / gain,
        text: text.join(" "),
    })
}

#[test]
fn dense_memories() {
    test("dense-memory", 3, &Demands { bounded: 0.6, widths: [1e-12, 1e-12, 1e-12] }, dense_memory);
}

#[test]
fn hopfield_networks() {
    test("hopfield", 4, &Demands { bounded: 0.7, widths: [1e-12, 1e-12, 1e-12] }, hopfield);
}
