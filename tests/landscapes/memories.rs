//! Memories that bring their own dynamics: derivatives, the published equations written out again, limits in which
//! kinds coincide, equilibria where the metric is singular, and orbits against small steps of Runge-Kutta.

#![allow(clippy::unwrap_used)]

use crate::common::differences::richardson;
use crate::common::graphs::{assert_orbits, assert_same, shape, solve};
use faer::{Mat, MatRef};
use smale::connection::{Loose, MorseGraph};
use smale::landscape::{Family, KINDS, Landscape};
use smale::study::Section;

/// A landscape from the keys of its section.
fn family(kind: &str, keys: &[&str]) -> Box<dyn Family> {
    let mut section = Section::from_pairs("landscape", keys).unwrap();
    let kind = KINDS.iter().find(|k| k.name == kind).unwrap();
    let built = (kind.build)(&mut section).unwrap_or_else(|e| panic!("{e}"));
    section.finish(kind.keys).unwrap();
    built
}

fn complaint(kind: &str, keys: &[&str]) -> String {
    let mut section = Section::from_pairs("landscape", keys).unwrap();
    let kind = KINDS.iter().find(|k| k.name == kind).unwrap();
    (kind.build)(&mut section).err().map(|e| e.to_string()).unwrap_or_default()
}

/// A layer written out again: activity and Lagrangian from their definitions, without regard to overflow.
#[derive(Clone)]
enum Unit {
    Identity,
    Power(i32),
    Softmax(f64),
    Tanh(f64),
    Sigmoid(f64),
    LayerNorm { gamma: f64, e: f64, delta: f64 },
    Spherical { gamma: f64, e: f64 },
}

impl Unit {
    fn activity(&self, x: &[f64]) -> Vec<f64> {
        let d = x.len() as f64;
        match *self {
            Unit::Identity => x.to_vec(),
            Unit::Power(p) => x.iter().map(|x| x.max(0.0).powi(p - 1)).collect(),
            Unit::Softmax(beta) => {
                let e: Vec<f64> = x.iter().map(|x| (beta * x).exp()).collect();
                let sum: f64 = e.iter().sum();
                e.iter().map(|e| e / sum).collect()
            }
            Unit::Tanh(b) => x.iter().map(|x| (b * x).tanh()).collect(),
            Unit::Sigmoid(b) => x.iter().map(|x| 1.0 / (1.0 + (-b * x).exp())).collect(),
            Unit::LayerNorm { gamma, e, delta } => {
                let mean = x.iter().sum::<f64>() / d;
                let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / d;
                x.iter().map(|x| gamma * (x - mean) / (variance + e).sqrt() + delta).collect()
            }
            Unit::Spherical { gamma, e } => {
                let size = (x.iter().map(|x| x * x).sum::<f64>() + e).sqrt();
                x.iter().map(|x| gamma * x / size).collect()
            }
        }
    }

    fn lagrangian(&self, x: &[f64]) -> f64 {
        let d = x.len() as f64;
        match *self {
            Unit::Identity => x.iter().map(|x| x * x / 2.0).sum(),
            Unit::Power(p) => x.iter().map(|x| x.max(0.0).powi(p) / f64::from(p)).sum(),
            Unit::Softmax(beta) => x.iter().map(|x| (beta * x).exp()).sum::<f64>().ln() / beta,
            Unit::Tanh(b) => x.iter().map(|x| (b * x).cosh().ln() / b).sum(),
            Unit::Sigmoid(b) => x.iter().map(|x| (1.0 + (b * x).exp()).ln() / b).sum(),
            Unit::LayerNorm { gamma, e, delta } => {
                let mean = x.iter().sum::<f64>() / d;
                let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / d;
                d * gamma * (variance + e).sqrt() + delta * x.iter().sum::<f64>()
            }
            Unit::Spherical { gamma, e } => gamma * (x.iter().map(|x| x * x).sum::<f64>() + e).sqrt(),
        }
    }

    fn text(&self) -> String {
        match self {
            Unit::Identity => "lagrangian = \"identity\"".into(),
            Unit::Power(p) => format!("lagrangian = \"power\", power = {p}"),
            Unit::Softmax(beta) => format!("lagrangian = \"softmax\", beta = {beta}"),
            Unit::Tanh(b) => format!("lagrangian = \"tanh\", b = {b}"),
            Unit::Sigmoid(b) => format!("lagrangian = \"sigmoid\", b = {b}"),
            Unit::LayerNorm { gamma, e, delta } => {
                format!("lagrangian = \"layer-norm\", gamma = {gamma}, e = {e}, delta = {delta}")
            }
            Unit::Spherical { gamma, e } => format!("lagrangian = \"spherical\", gamma = {gamma}, e = {e}"),
        }
    }
}

/// A chain of layers: (units, number of them, tau).
#[derive(Clone)]
struct Chain {
    layers: Vec<(Unit, usize, f64)>,
    confinement: f64,
    seed: f64,
}

impl Chain {
    fn new(layers: &[(Unit, usize, f64)]) -> Self {
        Chain { layers: layers.to_vec(), confinement: 0.0, seed: 0.0 }
    }

    /// Synapses from layer `a` to `a + 1`.
    fn weight(&self, a: usize, row: usize, column: usize) -> f64 {
        (1.7 * (row * 5 + column * 3 + 7 * a) as f64 + 0.4 + self.seed).sin()
    }

    fn bias(&self, a: usize, i: usize) -> f64 {
        0.3 * ((a * 3 + i) as f64 + 0.2 + self.seed).cos()
    }

    fn build(&self) -> Box<dyn Family> {
        let mut text = String::from("layers={");
        for (a, (unit, size, tau)) in self.layers.iter().enumerate() {
            let bias: Vec<f64> = (0..*size).map(|i| self.bias(a, i)).collect();
            text += &format!("l{a} = {{ {}, tau = {tau:?}, bias = {bias:?}", unit.text());
            if a > 0 {
                let columns = self.layers[a - 1].1;
                let row = |i| (0..columns).map(|j| self.weight(a - 1, i, j)).collect::<Vec<_>>();
                text += &format!(", weights = {:?}", (0..*size).map(row).collect::<Vec<_>>());
            }
            text += " }, ";
        }
        text += "}";
        family("hierarchical", &[&text, &format!("confinement={:?}", self.confinement)])
    }

    /// Currents of all layers at a state that holds those with `tau > 0`.
    fn complete(&self, state: &[f64]) -> Vec<Vec<f64>> {
        let mut all: Vec<Vec<f64>> = vec![];
        let mut start = 0;
        for (_, size, tau) in &self.layers {
            all.push(if *tau > 0.0 { state[start..start + size].to_vec() } else { vec![0.0; *size] });
            start += if *tau > 0.0 { *size } else { 0 };
        }
        for a in (0..all.len()).filter(|a| self.layers[*a].2 == 0.0) {
            all[a] = self.input(&all, a);
        }
        all
    }

    fn input(&self, x: &[Vec<f64>], a: usize) -> Vec<f64> {
        let g = |b: usize| self.layers[b].0.activity(&x[b]);
        let mut input: Vec<f64> = (0..self.layers[a].1).map(|i| self.bias(a, i)).collect();
        if a > 0 {
            let below = g(a - 1);
            for (i, input) in input.iter_mut().enumerate() {
                *input += below.iter().enumerate().map(|(j, g)| self.weight(a - 1, i, j) * g).sum::<f64>();
            }
        }
        if a + 1 < self.layers.len() {
            let above = g(a + 1);
            for (j, input) in input.iter_mut().enumerate() {
                *input += above.iter().enumerate().map(|(i, g)| self.weight(a, i, j) * g).sum::<f64>();
            }
        }
        if a == 0 {
            let own = g(0);
            input.iter_mut().zip(&own).for_each(|(input, g)| *input -= self.confinement * g);
        }
        input
    }

    fn energy(&self, state: &[f64]) -> f64 {
        let x = self.complete(state);
        let g: Vec<Vec<f64>> = (0..x.len()).map(|a| self.layers[a].0.activity(&x[a])).collect();
        let mut energy = 0.5 * self.confinement * g[0].iter().map(|g| g * g).sum::<f64>();
        for a in 0..x.len() {
            let own = x[a].iter().enumerate().zip(&g[a]).map(|((i, x), g)| (x - self.bias(a, i)) * g);
            energy += own.sum::<f64>() - self.layers[a].0.lagrangian(&x[a]);
            if a > 0 {
                for (i, upper) in g[a].iter().enumerate() {
                    for (j, lower) in g[a - 1].iter().enumerate() {
                        energy -= upper * self.weight(a - 1, i, j) * lower;
                    }
                }
            }
        }
        energy
    }

    fn velocity(&self, state: &[f64]) -> Vec<f64> {
        let x = self.complete(state);
        let mut all = vec![];
        for a in (0..x.len()).filter(|a| self.layers[*a].2 > 0.0) {
            let input = self.input(&x, a);
            all.extend(input.iter().zip(&x[a]).map(|(i, x)| (i - x) / self.layers[a].2));
        }
        all
    }

    fn dim(&self) -> usize {
        self.layers.iter().filter(|l| l.2 > 0.0).map(|l| l.1).sum()
    }
}

fn chains() -> Vec<Chain> {
    use Unit::{Identity, LayerNorm, Power, Sigmoid, Softmax, Spherical, Tanh};
    let norm = LayerNorm { gamma: 1.3, e: 0.2, delta: 0.1 };
    let ball = Spherical { gamma: 0.9, e: 0.3 };
    let mut chains = vec![
        Chain::new(&[(Identity, 2, 1.0), (Softmax(2.0), 3, 0.0)]),
        Chain::new(&[(Identity, 2, 1.0), (Softmax(2.0), 3, 0.7)]),
        Chain::new(&[(Identity, 2, 1.0), (Power(3), 2, 0.5), (Identity, 1, 2.0)]),
        Chain::new(&[(Tanh(1.5), 2, 1.0), (Power(4), 3, 0.4)]),
        Chain::new(&[(Tanh(1.5), 2, 1.0), (Identity, 3, 0.0)]),
        Chain::new(&[(norm.clone(), 3, 1.0), (Softmax(3.0), 3, 0.0), (Sigmoid(1.2), 2, 0.6)]),
        Chain::new(&[(ball.clone(), 3, 0.8), (Tanh(2.0), 2, 0.3), (norm, 3, 1.0)]),
        Chain::new(&[(Sigmoid(2.0), 2, 0.0), (ball, 3, 1.0), (Tanh(0.7), 2, 0.0)]),
    ];
    chains[3].confinement = 0.4;
    chains[0].confinement = 0.2;
    chains
}

fn point(n: usize, seed: f64) -> Vec<f64> {
    (0..n).map(|i| (2.3 * i as f64 + seed).sin()).collect()
}

fn moved(x: &[f64], t: f64, along: &[f64]) -> Vec<f64> {
    x.iter().zip(along).map(|(x, v)| x + t * v).collect()
}

fn gradient(landscape: &dyn Landscape, x: &[f64]) -> Vec<f64> {
    let mut g = vec![0.0; x.len()];
    landscape.gradient(x, &mut g);
    g
}

fn hessian(landscape: &dyn Landscape, x: &[f64]) -> Mat<f64> {
    let mut h = Mat::zeros(x.len(), x.len());
    landscape.hessian(x, h.as_mut());
    h
}

fn velocity(landscape: &dyn Landscape, x: &[f64]) -> Vec<f64> {
    let mut v = vec![0.0; x.len()];
    match landscape.dynamics() {
        Some(dynamics) => assert_eq!(dynamics.velocity(x, &mut v), landscape.energy(x)),
        None => v = gradient(landscape, x).iter().map(|g| -g).collect(),
    }
    v
}

fn close(a: f64, b: f64, tolerance: f64, what: &str) {
    assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}: {a} against {b}");
}

/// Gradient, Hessian, products and third derivative against differences of the one before.
fn assert_derivatives(landscape: &dyn Landscape, x: &[f64], what: &str) {
    let n = x.len();
    let (u, v) = (point(n, 0.9), point(n, 2.2));
    let (g, h) = (gradient(landscape, x), hessian(landscape, x));
    let mut third = vec![0.0; n];
    landscape.third(x, &u, &v, &mut third);
    let step = 0.05;
    for i in 0..n {
        let mut e = vec![0.0; n];
        e[i] = 1.0;
        close(g[i], richardson(|t| landscape.energy(&moved(x, t, &e)), step), 1e-8, what);
        let bend = richardson(
            |t| {
                let h = hessian(landscape, &moved(x, t, &v));
                (0..n).map(|j| h[(i, j)] * u[j]).sum()
            },
            step,
        );
        close(third[i], bend, 1e-7, what);
        for j in 0..n {
            close(h[(j, i)], richardson(|t| gradient(landscape, &moved(x, t, &e))[j], step), 1e-8, what);
            assert_eq!(h[(i, j)], h[(j, i)]);
        }
    }
    // Products at several points, and several vectors at one.
    let points = Mat::from_fn(n, 3, |i, j| x[i] + 0.1 * j as f64);
    let vectors = Mat::from_fn(n, 3, |i, j| u[i] + (i * j) as f64 * 0.3);
    let mut products = Mat::zeros(n, 3);
    landscape.linearize(points.as_ref()).apply(vectors.as_ref(), products.as_mut());
    let mut at_first = Mat::zeros(n, 3);
    landscape.linearize(points.as_ref().subcols(0, 1)).apply(vectors.as_ref(), at_first.as_mut());
    let (mut energies, mut gradients) = (vec![0.0; 3], Mat::zeros(n, 3));
    landscape.gradients(points.as_ref(), &mut energies, gradients.as_mut());
    for j in 0..3 {
        let column = |m: MatRef<'_, f64>| m.col(j).iter().copied().collect::<Vec<f64>>();
        let here = column(points.as_ref());
        let (expected, first) = (hessian(landscape, &here) * &vectors, &h * &vectors);
        let g = gradient(landscape, &here);
        close(energies[j], landscape.energy(&here), 1e-13, what);
        for i in 0..n {
            close(products[(i, j)], expected[(i, j)], 1e-12, what);
            close(at_first[(i, j)], first[(i, j)], 1e-12, what);
            close(gradients[(i, j)], g[i], 1e-13, what);
        }
    }
}

#[test]
fn chains_are_what_their_formulas_say() {
    for (k, chain) in chains().iter().enumerate() {
        let landscape = chain.build();
        assert_eq!(landscape.dim(), chain.dim());
        for seed in [0.3, 1.1] {
            let x = point(chain.dim(), seed);
            close(landscape.energy(&x), chain.energy(&x), 1e-12, &format!("energy of chain {k}"));
            for (a, b) in velocity(landscape.as_ref(), &x).iter().zip(chain.velocity(&x)) {
                close(*a, b, 1e-12, &format!("velocity of chain {k}"));
            }
        }
    }
}

#[test]
fn derivatives_of_chains_and_of_what_is_searched_are_exact() {
    for (k, chain) in chains().iter().enumerate() {
        let landscape = chain.build();
        let x = point(chain.dim(), 0.3);
        assert_derivatives(landscape.as_ref(), &x, &format!("chain {k}"));
        let region = smale::landscape::Region::ball(vec![0.0; x.len()], 3.0);
        if let Some(equilibria) = landscape.equilibria(&region) {
            let z = point(equilibria.inner.dim(), 0.4);
            assert_derivatives(equilibria.inner.as_ref(), &z, &format!("searched for chain {k}"));
        }
        let Some(dynamics) = landscape.dynamics() else { continue };
        let n = x.len();
        let mut jacobian = Mat::zeros(n, n);
        dynamics.jacobian(&x, jacobian.as_mut());
        for j in 0..n {
            let mut e = vec![0.0; n];
            e[j] = 1.0;
            for i in 0..n {
                let slope = richardson(|t| velocity(landscape.as_ref(), &moved(&x, t, &e))[i], 0.05);
                close(jacobian[(i, j)], slope, 1e-9, "Jacobian");
            }
        }
    }
}

/// `dE/dt = -sum_A tau_A x'^A Hess L^A x'^A`, with `Hess L x'` as the change of the activities along the flow.
#[test]
fn energy_falls_at_the_rate_of_the_identity() {
    for (k, chain) in chains().iter().enumerate() {
        let landscape = chain.build();
        let x = point(chain.dim(), 1.7);
        let v = velocity(landscape.as_ref(), &x);
        let along: f64 = gradient(landscape.as_ref(), &x).iter().zip(&v).map(|(g, v)| g * v).sum();
        let (mut start, mut sum) = (0, 0.0);
        for (unit, size, tau) in chain.layers.iter().filter(|l| l.2 > 0.0) {
            let (x, v) = (&x[start..start + size], &v[start..start + size]);
            for i in 0..*size {
                sum += tau * v[i] * richardson(|t| unit.activity(&moved(x, t, v))[i], 0.02);
            }
            start += size;
        }
        close(along, -sum, 1e-8, &format!("chain {k}"));
        assert!(along <= 0.0);
    }
}

#[test]
fn gradients_change_with_the_parameters_as_told() {
    let mut all: Vec<Box<dyn Family>> = chains().iter().map(Chain::build).collect();
    all.push(family(
        "hopfield",
        &["data=[[1,1,-1],[1,-1,1]]", "gain=1.4", "R=1.5", "I=0.2", "confinement=0.1"],
    ));
    all.push(family("hopfield", &["W=[[0,1],[1,0.5]]", "gain=1.4", "activation=logistic", "C=0.3"]));
    for landscape in all {
        let x = point(landscape.dim(), 0.8);
        for (p, (name, value)) in landscape.parameters().into_iter().enumerate() {
            let mut told = vec![f64::NAN; x.len()];
            landscape.gradient_by(p, &x, &mut told);
            let centre = if name == "confinement" { value + 1.0 } else { value };
            let from = landscape.with_parameter(&name, centre).unwrap();
            from.gradient_by(p, &x, &mut told);
            for (i, told) in told.iter().enumerate() {
                let change =
                    |t: f64| gradient(from.with_parameter(&name, centre + t).unwrap().as_ref(), &x)[i];
                close(*told, richardson(change, 0.05), 1e-7, &name);
            }
        }
    }
}

const SQUARE: &str = "[[1.0, 0.1], [-0.8, 0.9], [-0.3, -1.1], [0.7, 0.8]]";

#[test]
fn two_layers_with_a_softmax_are_modern_hopfield() {
    for (beta, confinement) in [(2.0, 0.0), (6.0, 0.0), (9.0, 0.2)] {
        let modern = family(
            "modern-hopfield",
            &[&format!("data={SQUARE}"), &format!("beta={beta:?}"), &format!("confinement={confinement:?}")],
        );
        let layered = |tau: f64| {
            let layers = format!(
                "layers={{ visible = {{ lagrangian = \"identity\" }}, hidden = {{ lagrangian = \"softmax\", \
                 beta = {beta:?}, tau = {tau:?}, weights = {SQUARE} }} }}"
            );
            family("hierarchical", &[&layers, &format!("confinement={confinement:?}")])
        };
        let limit = layered(0.0);
        assert!(limit.dynamics().is_none());
        let x = [0.3, -0.7];
        close(limit.energy(&x), modern.energy(&x), 1e-13, "energy");
        let expected = shape(modern.as_ref());
        assert_same(&expected, &shape(limit.as_ref()), 0.0, 1e-9, "tau = 0");
        // With hidden units of their own speed: the same points and indices, in more dimensions.
        let (set, graph) = solve(layered(0.5).as_ref());
        let points: Vec<(usize, f64)> = set.points.iter().map(|p| (p.index, p.energy)).collect();
        assert_eq!(points.len(), expected.points.len());
        for (found, known) in points.iter().zip(&expected.points) {
            assert_eq!(found.0, known.0);
            close(found.1, known.1, 1e-9, "energy");
        }
        assert_ends(&graph);
    }
}

#[test]
fn tanh_units_over_quadratic_ones_are_hopfield() {
    // W = Y'Y for hidden units that pass on what they get.
    let y = [[1.0, 0.6, -0.4], [-0.5, 0.9, 0.7]];
    let w: Vec<Vec<f64>> =
        (0..3).map(|i| (0..3).map(|j| y[0][i] * y[0][j] + y[1][i] * y[1][j]).collect()).collect();
    let hopfield = family("hopfield", &[&format!("W={w:?}"), "gain=1.6", "C=0.7", "I=[0.05, -0.1, 0.02]"]);
    let layers = format!(
        "layers={{ visible = {{ lagrangian = \"tanh\", b = 1.6, tau = 0.7, bias = [0.05, -0.1, 0.02] }}, \
         hidden = {{ lagrangian = \"identity\", tau = 0.0, weights = {y:?} }} }}"
    );
    let layered = family("hierarchical", &[&layers]);
    let x = [0.4, -0.2, 1.1];
    close(layered.energy(&x), hopfield.energy(&x), 1e-13, "energy");
    for (a, b) in velocity(layered.as_ref(), &x).iter().zip(velocity(hopfield.as_ref(), &x)) {
        close(*a, b, 1e-13, "velocity");
    }
    let expected = shape(hopfield.as_ref());
    assert!(expected.points.len() >= 3, "{:?}", expected.points);
    assert_same(&expected, &shape(layered.as_ref()), 0.0, 1e-9, "hierarchical");
}

/// Classical Runge-Kutta with small steps until nothing moves.
fn follow(field: &dyn Fn(&[f64]) -> Vec<f64>, start: &[f64], step: f64) -> Vec<Vec<f64>> {
    let mut path = vec![start.to_vec()];
    let mut x = start.to_vec();
    for _ in 0..200_000 {
        let k1 = field(&x);
        let k2 = field(&moved(&x, 0.5 * step, &k1));
        let k3 = field(&moved(&x, 0.5 * step, &k2));
        let k4 = field(&moved(&x, step, &k3));
        for i in 0..x.len() {
            x[i] += step / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
        }
        path.push(x.clone());
        if k1.iter().all(|v| v.abs() < 1e-9) {
            break;
        }
    }
    path
}

/// Orbits run into points or, uphill, out of the region.
fn assert_ends(graph: &MorseGraph) {
    assert!(graph.loose.iter().all(|l| matches!(l, Loose::Exit { backward: true, .. })));
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

/// Every connection from a saddle of index 1 is an orbit of `field`: from a point near its upper end small steps run
/// along it to its lower end. Returns their number.
fn assert_orbits_of(landscape: &dyn Landscape, field: &dyn Fn(&[f64]) -> Vec<f64>, step: f64) -> usize {
    let (set, graph) = solve(landscape);
    assert_ends(&graph);
    assert_orbits(landscape, &set, &graph);
    let mut count = 0;
    for c in graph.connections.iter().filter(|c| set.points[c.from].index == 1) {
        let points = &c.orbit.points;
        let path = follow(field, &points[2], step);
        let (lower, whole) = (&set.points[c.to].x, distance(&points[0], &set.points[c.to].x));
        assert!(distance(path.last().unwrap(), lower) < 1e-6, "{} to {}", c.from, c.to);
        for p in points.iter().skip(2) {
            let away = path.iter().map(|q| distance(p, q)).fold(f64::INFINITY, f64::min);
            assert!(away < 0.01 * whole, "{} to {}: {away}", c.from, c.to);
        }
        count += 1;
    }
    count
}

/// The potentials of Hopfield's equation, written out.
fn hopfield_field(w: [[f64; 3]; 3], input: [f64; 3], c: [f64; 3], gain: f64) -> impl Fn(&[f64]) -> Vec<f64> {
    move |u: &[f64]| {
        (0..3)
            .map(|i| {
                let sum: f64 = (0..3).map(|j| w[i][j] * (gain * u[j]).tanh()).sum();
                (sum - u[i] + input[i]) / c[i]
            })
            .collect()
    }
}

/// The same network with slow first units: the same points, indices and energies, but one saddle leads elsewhere.
#[test]
fn the_metric_decides_where_saddles_lead() {
    let w = [[0.55, -0.06, 0.24], [-0.06, 0.97, 0.48], [0.24, 0.48, 1.12]];
    let input = [-0.09, 0.09, 0.14];
    let mut found = vec![];
    for c in [[1.0, 1.0, 1.0], [15.0, 1.0, 1.0]] {
        let keys = [format!("W={w:?}"), "gain=3".into(), format!("I={input:?}"), format!("C={c:?}")];
        let network = family("hopfield", &keys.each_ref().map(String::as_str));
        assert_eq!(assert_orbits_of(network.as_ref(), &hopfield_field(w, input, c, 3.0), 0.02), 10);
        let (set, graph) = solve(network.as_ref());
        assert_eq!(set.counts(), [4, 5, 2]);
        let energies: Vec<f64> = set.points.iter().map(|p| p.energy).collect();
        let mut edges: Vec<(usize, usize)> = graph.connections.iter().map(|c| (c.from, c.to)).collect();
        edges.retain(|e| set.points[e.0].index == 1);
        edges.sort_unstable();
        found.push((energies, edges));
    }
    for (a, b) in found[0].0.iter().zip(&found[1].0) {
        close(*a, *b, 1e-10, "energy");
    }
    assert_ne!(found[0].1, found[1].1);
}

#[test]
fn orbits_of_layers_are_those_of_their_equations() {
    let chains = chains();
    let mut count = 0;
    let mut seed = 0.0;
    for k in [1, 3, 4, 5, 6, 7] {
        seed += 0.7;
        let mut chain = chains[k].clone();
        // Strong enough to have several minima.
        for layer in &mut chain.layers {
            layer.0 = match layer.0.clone() {
                Unit::Tanh(b) => Unit::Tanh(2.0 * b),
                Unit::Softmax(b) => Unit::Softmax(3.0 * b),
                Unit::Sigmoid(b) => Unit::Sigmoid(3.0 * b),
                Unit::Spherical { gamma, e } => Unit::Spherical { gamma: 2.0 * gamma, e: 0.3 * e },
                other => other,
            };
        }
        chain.seed = seed;
        let landscape = chain.build();
        count += assert_orbits_of(landscape.as_ref(), &|x| chain.velocity(x), 0.01);
    }
    assert!(count >= 8, "{count}");
}

/// Without leak and with fewer patterns than units, whatever is orthogonal to the patterns may be added to the outputs:
/// `W V = 0` on a subspace of dimension n minus their number.
#[test]
fn networks_without_leak_rest_on_families() {
    for (data, n, rank) in
        [("[[1,1,-1],[1,-1,1]]", 3, 2), ("[[1,1,-1,-1],[1,-1,1,-1]]", 4, 2), ("[[1,-1,1]]", 3, 1)]
    {
        let network = family("hopfield", &[&format!("data={data}"), "diagonal=true", "leak=0", "gain=1.5"]);
        let (set, graph) = solve(network.as_ref());
        assert!(set.points.is_empty(), "{:?}", set.points);
        assert_eq!(set.degenerate.len(), 1);
        assert_eq!(set.degenerate[0].dimension, n - rank);
        for s in &set.degenerate[0].samples {
            assert!(velocity(network.as_ref(), s).iter().all(|v| v.abs() < 1e-8));
        }
        assert!(matches!(graph.morse_smale, smale::connection::MorseSmale::No(_)));
    }
    // With all directions stored W is regular, and V = 0 is the only equilibrium, unstable in all of them.
    let network = family("hopfield", &["data=[[1,1],[1,-1]]", "diagonal=true", "leak=0", "gain=1.5"]);
    let (set, _) = solve(network.as_ref());
    assert_eq!(set.counts(), [0, 0, 1]);
    assert!(set.degenerate.is_empty());
}

/// Orthogonal patterns at a gain at which units are on or off to all digits: u = W V with V = sign(u), so that each
/// stored pattern, and its negative, rests at u = R W xi, and all rates are 1/(R C). There g'(u) is zero in floating
/// point, and so is the gradient of E all around.
#[test]
fn saturation_makes_no_equilibria() {
    let patterns = [[1.0, 1.0, 1.0, 1.0], [1.0, -1.0, 1.0, -1.0]];
    let keys = [
        format!("data={patterns:?}"),
        "diagonal=true".into(),
        "gain=500".into(),
        "R=2".into(),
        "C=0.5".into(),
    ];
    let network = family("hopfield", &keys.each_ref().map(String::as_str));
    let (set, graph) = solve(network.as_ref());
    assert!(set.degenerate.is_empty());
    assert_ends(&graph);
    let minima: Vec<_> = set.points.iter().filter(|p| p.index == 0).collect();
    for xi in patterns {
        for sign in [1.0, -1.0] {
            // W xi = xi for orthogonal patterns of length sqrt(n).
            let goal: Vec<f64> = xi.iter().map(|x| 2.0 * sign * x).collect();
            let near = minima.iter().find(|p| distance(&p.x, &goal) < 1e-12).expect("a stored pattern");
            assert!(near.eigenvalues.iter().all(|v| (v - 1.0).abs() < 1e-12), "{:?}", near.eigenvalues);
        }
    }
    for p in &set.points {
        assert!(velocity(network.as_ref(), &p.x).iter().all(|v| v.abs() < 1e-9), "{:?}", p.x);
        assert_eq!(p.eigenvalues.iter().filter(|v| **v < 0.0).count(), p.index);
    }
}

/// A rectified layer has Hess L = 0 where it is cut off; with or without it in the state the equilibria are the same.
#[test]
fn cut_off_units_are_no_flat_directions() {
    let weights = "[[1.0, 0.9], [-1.0, 1.0], [-0.9, -1.0], [1.0, -1.1]]";
    let layers = |tau: f64| {
        let text = format!(
            "layers={{ v = {{ lagrangian = \"tanh\" }}, h = {{ lagrangian = \"power\", power = 3, tau = {tau:?}, \
             weights = {weights} }} }}"
        );
        solve(family("hierarchical", &[&text]).as_ref())
    };
    let (eliminated, graph) = layers(0.0);
    assert!(eliminated.counts().len() == 3 && eliminated.euler_characteristic() == 1);
    assert!(eliminated.degenerate.is_empty());
    assert_ends(&graph);
    // At tau = 1 the Jacobian has Jordan blocks: visible and cut-off units share a rate.
    for tau in [0.8, 1.0] {
        let (full, graph) = layers(tau);
        assert!(full.degenerate.is_empty());
        assert_eq!(eliminated.counts(), full.counts());
        for (a, b) in eliminated.points.iter().zip(&full.points) {
            close(a.energy, b.energy, 1e-10, "energy");
            assert!(distance(&a.x, &b.x[..2]) < 1e-8);
            assert_eq!(b.eigenvalues.iter().filter(|v| **v < 0.0).count(), a.index);
            assert_eq!(b.eigenvalues.len(), 6);
        }
        assert_ends(&graph);
    }
    // The origin: no hidden unit active, every rate that of its leak.
    let rest = eliminated.points.iter().find(|p| distance(&p.x, &[0.0, 0.0]) < 1e-9).unwrap();
    assert!(rest.index == 0 && rest.energy.abs() < 1e-30);
}

/// Beyond 200 dimensions orbits take other methods.
#[test]
fn many_hidden_units_arrive_as_well() {
    let (visible, hidden) = (6, 220);
    let weights: Vec<Vec<f64>> = (0..hidden)
        .map(|k| (0..visible).map(|i| if (k * 7 + i * 3 + k * i) % 5 < 2 { 1.0 } else { -1.0 }).collect())
        .collect();
    let layers = |tau: f64| {
        let text = format!(
            "layers={{ v = {{ lagrangian = \"identity\" }}, h = {{ lagrangian = \"softmax\", beta = 1.5, \
             tau = {tau:?}, weights = {weights:?} }} }}"
        );
        solve(family("hierarchical", &[&text]).as_ref())
    };
    let ((eliminated, _), (full, graph)) = (layers(0.0), layers(0.3));
    assert_eq!(eliminated.counts(), full.counts());
    assert!(full.counts()[0] >= 2 && full.counts()[1] >= 1, "{:?}", full.counts());
    assert_ends(&graph);
    assert_eq!(graph.components, 1);
}

/// Across the span of the memories a network with identity units at rest above is a plain quadratic.
#[test]
fn reductions_are_exact() {
    let rows =
        |k: usize| (0..6).map(|i| (1.3 * (k * k + 3 * i * i + k * i) as f64).sin()).collect::<Vec<f64>>();
    let weights: Vec<Vec<f64>> = (0..3).map(rows).collect();
    let bias = [0.1, 0.0, 0.0, -0.2, 0.0, 0.3];
    let layers = format!(
        "layers={{ v = {{ lagrangian = \"identity\", bias = {bias:?} }}, \
         h = {{ lagrangian = \"softmax\", beta = 5.0, tau = 0.0, weights = {weights:?} }} }}"
    );
    let network = family("hierarchical", &[&layers, "confinement=0.3"]);
    let reduced = network.reduce().expect("six dimensions, four directions");
    assert_eq!(reduced.basis.ncols(), 4);
    let z = point(4, 0.6);
    let inside = reduced.lift(&z);
    let raw = point(6, 1.9);
    let part = reduced.project(&moved(&reduced.origin, 1.0, &raw));
    let across: Vec<f64> =
        (0..6).map(|i| raw[i] - (0..4).map(|j| reduced.basis[(i, j)] * part[j]).sum::<f64>()).collect();
    let square: f64 = across.iter().map(|a| a * a).sum();
    let split = reduced.offset + reduced.inner.energy(&z) + 0.5 * reduced.normal * square;
    close(network.energy(&moved(&inside, 1.0, &across)), split, 1e-13, "energy");
    // As modern Hopfield, in as many dimensions.
    let plain = format!(
        "layers={{ v = {{ lagrangian = \"identity\" }}, h = {{ lagrangian = \"softmax\", beta = 9.0, tau = 0.0, \
         weights = {weights:?} }} }}"
    );
    let modern = family("modern-hopfield", &[&format!("data={weights:?}"), "beta=9"]);
    // That runs in the affine hull, a dimension less, where stable manifolds of saddles are curves as well.
    let downhill = |landscape: &dyn Landscape| {
        let mut all = shape(landscape);
        all.edges.retain(|e| e.0 == 1);
        all
    };
    let layered = family("hierarchical", &[&plain]);
    assert_same(&downhill(modern.as_ref()), &downhill(layered.as_ref()), 0.0, 1e-9, "reduced");
}

/// A landscape that does not depend on its last coordinate.
struct Flat(Box<dyn Family>);

impl Landscape for Flat {
    fn dim(&self) -> usize {
        self.0.dim() + 1
    }

    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], mut gradients: faer::MatMut<'_, f64>) {
        let n = self.0.dim();
        gradients.fill(0.0);
        self.0.gradients(points.subrows(0, n), energies, gradients.subrows_mut(0, n));
    }

    fn linearize<'a>(&'a self, _: MatRef<'_, f64>) -> Box<dyn smale::landscape::Linearization + 'a> {
        unreachable!("what is reduced is searched reduced")
    }

    fn hessian(&self, x: &[f64], mut out: faer::MatMut<'_, f64>) {
        let n = self.0.dim();
        out.fill(0.0);
        self.0.hessian(&x[..n], out.submatrix_mut(0, 0, n, n));
    }

    fn third(&self, _: &[f64], _: &[f64], _: &[f64], _: &mut [f64]) {}

    fn region(&self) -> Option<smale::landscape::Region> {
        Some(smale::landscape::Region::ball(vec![0.0; self.dim()], 3.0))
    }

    fn reduce(&self) -> Option<smale::landscape::Reduced> {
        let (n, build) = (self.0.dim(), |value| self.0.with_parameter("confinement", value).unwrap());
        Some(smale::landscape::Reduced {
            inner: build(0.0),
            origin: vec![0.0; n + 1],
            basis: Mat::identity(n + 1, n),
            offset: 0.0,
            normal: 0.0,
        })
    }
}

/// Directions that the energy does not see by its form have no eigenvalue, and make no point degenerate.
#[test]
fn flat_directions_are_left_out() {
    let inner = || family("modern-hopfield", &[&format!("data={SQUARE}"), "beta=6"]);
    let (set, graph) = solve(&Flat(inner()));
    let (expected, known) = solve(inner().as_ref());
    assert_eq!(set.counts(), expected.counts());
    assert!(set.degenerate.is_empty());
    assert_eq!(graph.connections.len(), known.connections.len());
    for (a, b) in set.points.iter().zip(&expected.points) {
        assert_eq!(a.x.len(), 3);
        assert_eq!(a.eigenvalues.len(), b.eigenvalues.len());
        assert!(a.eigenvalues.iter().zip(&b.eigenvalues).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}

#[test]
fn wrong_networks_are_refused_in_a_sentence() {
    let hopfield = |keys: &[&str]| complaint("hopfield", keys);
    assert!(hopfield(&["W=[[0,1,0],[1,0,2],[0,2.5,0]]", "gain=1"]).contains("row 3, column 2 is 2.5"));
    assert!(hopfield(&["W=[[0,1]]", "gain=1"]).contains("square"));
    assert!(hopfield(&["gain=1"]).contains("`data`"));
    assert!(hopfield(&["data=[[1,1]]", "gain=-1"]).contains("positive"));
    assert!(hopfield(&["data=[[1,1]]", "gain=1", "R=0"]).contains("positive"));
    assert!(hopfield(&["data=[[1,1]]", "gain=1", "R=1", "leak=1"]).contains("not both"));
    assert!(hopfield(&["data=[[1,1]]", "gain=1", "I=[1,2,3]"]).contains("3 numbers for 2 units"));
    assert!(hopfield(&["data=[[1,1]]", "gain=1", "rule=storkey"]).contains("pseudo-inverse"));
    let layers = |text: &str| complaint("hierarchical", &[&format!("layers={{{text}}}")]);
    let v = "v = { lagrangian = \"tanh\" }";
    let h = |keys: &str| format!("{v}, h = {{ weights = [[1.0, 2.0]], {keys} }}");
    assert!(layers(v).contains("two or more"));
    assert!(layers(&h("lagrangian = \"relu\"")).contains("relu"));
    assert!(layers(&h("lagrangian = \"power\", power = 1")).contains("2 or more"));
    assert!(layers(&h("lagrangian = \"softmax\"")).contains("`beta` is missing"));
    assert!(layers(&h("lagrangian = \"tanh\", tau = -1")).contains("`tau`"));
    assert!(
        layers(&h("lagrangian = \"tanh\", taus = 1")).contains("did you mean")
            || layers(&h("lagrangian = \"tanh\", taus = 1")).contains("unknown key")
    );
    assert!(layers(&format!("{v}, h = {{ lagrangian = \"tanh\" }}")).contains("`weights` is missing"));
    let third = "k = { lagrangian = \"tanh\", weights = [[1.0, 2.0]] }";
    assert!(layers(&format!("{}, {third}", h("lagrangian = \"tanh\""))).contains("2 columns"));
    let still =
        "v = { lagrangian = \"tanh\", tau = 0 }, h = { lagrangian = \"tanh\", tau = 0, weights = [[1.0]] }";
    assert!(layers(still).contains("no state"));
}
