//! Learned energies: small perceptrons with every activation.

use faer::Mat;
use rug::Float;
use rug::float::Constant;
use smale::landscape::Family;
use smale::landscape::Landscape;
use smale::landscape::neural::Neural;
use smale::landscape::neural::activation::Activation;

use crate::boxes::Draw;
use crate::check::{Demands, Subject, Truth, test};
use crate::jet::{Jet, dot, sum};

/// `f(x) + (lambda/2) |x|^2 + quartic sum_i x_i^4 + tilt.x`.
#[derive(Clone, Debug)]
struct Perceptron {
    /// Weights, one row a unit, and biases.
    layers: Vec<(Vec<Vec<f64>>, Vec<f64>)>,
    activation: Activation,
    lambda: f64,
    quartic: f64,
    tilt: Vec<f64>,
}

fn activate(activation: Activation, z: &Jet) -> Jet {
    let positive = z.value > 0;
    match activation {
        Activation::Softplus { beta } => &(z.scale(beta)).softplus() / &z.constant(beta),
        Activation::Tanh => z.tanh(),
        Activation::Silu => z * &z.sigmoid(),
        // 1 + erf(z/sqrt 2) = erfc(-z/sqrt 2).
        Activation::Gelu => {
            let root = Jet::of(z.constant(2.0).value.sqrt());
            (z * &(-&(z / &root)).erfc()).scale(0.5)
        }
        // (1 + tanh u)/2 = 1/(1 + exp(-2u)).
        Activation::GeluTanh => {
            let pi = Float::with_val(z.bits(), Constant::Pi);
            let slope = Jet::of((Float::with_val(z.bits(), 2) / pi).sqrt());
            let cubic = &z.constant(44715.0) / &z.constant(1e6);
            let u = &slope * &(z + &(&cubic * &z.powi(3)));
            z * &u.scale(2.0).sigmoid()
        }
        Activation::Elu { .. } if positive => z.clone(),
        Activation::Elu { alpha } => z.exp_m1().scale(alpha),
        Activation::SquaredRelu => z.relu().square(),
        Activation::Relu => z.relu(),
        Activation::Sin { omega } => z.scale(omega).sin(),
        Activation::Cos => z.cos(),
        Activation::Identity => z.clone(),
    }
}

impl Truth for Perceptron {
    fn energy(&self, x: &[Jet]) -> Jet {
        let mut state = x.to_vec();
        for (k, (weights, bias)) in self.layers.iter().enumerate() {
            if k > 0 {
                state = state.iter().map(|z| activate(self.activation, z)).collect();
            }
            let unit = |(row, b): (&Vec<f64>, &f64)| dot(&state, row).shift(*b);
            state = weights.iter().zip(bias).map(unit).collect();
        }
        let squares: Vec<Jet> = x.iter().map(Jet::square).collect();
        let fourth: Vec<Jet> = squares.iter().map(Jet::square).collect();
        let confined =
            &sum(&squares, &x[0]).scale(self.lambda).scale(0.5) + &sum(&fourth, &x[0]).scale(self.quartic);
        &(&state[0] + &confined) + &dot(x, &self.tilt)
    }
}

fn neural(draw: &mut Draw) -> Option<Subject> {
    let (n, depth) = (draw.dimension(7), 1 + draw.below(3));
    let mut widths = vec![n];
    (0..depth).for_each(|_| widths.push(1 + draw.below(5)));
    widths.push(1);
    let reach = if draw.chance(0.5) { 1.0 } else { draw.power(-3.0, 3.0) };
    let gain = if draw.chance(0.7) { 1.0 } else { draw.power(-2.0, 1.0) };
    let layers: Vec<(Vec<Vec<f64>>, Vec<f64>)> = widths
        .windows(2)
        .enumerate()
        .map(|(k, w)| {
            let size = gain / (w[0] as f64).sqrt() / if k == 0 { reach } else { 1.0 };
            let rows = (0..w[1]).map(|_| draw.normals(w[0]).iter().map(|z| size * z).collect());
            (rows.collect(), draw.normals(w[1]))
        })
        .collect();
    let beta = draw.pick(&[1.0, 2.0, 0.3]);
    let activation = draw.pick(&[
        Activation::Softplus { beta },
        Activation::Tanh,
        Activation::Silu,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Elu { alpha: beta },
        Activation::SquaredRelu,
        Activation::Relu,
        Activation::Sin { omega: beta },
        Activation::Cos,
        Activation::Identity,
    ]);
    let lambda = if draw.chance(0.3) { 0.0 } else { draw.power(-2.0, 1.0) / (reach * reach) };
    let quartic = if draw.chance(0.7) { 0.0 } else { draw.power(-2.0, 0.0) / reach.powi(4) };
    let tilt = (0..n).map(|_| if draw.chance(0.7) { 0.0 } else { draw.normal() / reach }).collect();
    let truth = Perceptron { layers, activation, lambda, quartic, tilt };
    let matrices = truth
        .layers
        .iter()
        .map(|(rows, bias)| (Mat::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j]), bias.clone()));
    let plain = Neural::perceptron(matrices.collect(), activation, lambda).unwrap();
    let mut built: Box<dyn Family> = Box::new(plain);
    built = built.with_parameter("quartic", quartic).unwrap();
    for (i, tilt) in truth.tilt.iter().enumerate() {
        built = built.with_parameter(&format!("tilt{i}"), *tilt).unwrap();
    }
    let mut centers = vec![vec![0.0; n]];
    for by in [0.3, 1.0, 1.0, 3.0, 100.0] {
        centers.push(draw.normals(n).iter().map(|x| by * reach * x).collect());
    }
    let text = format!("{truth:?}");
    let landscape: Box<dyn Landscape> = built;
    Some(Subject { landscape, truth: Box::new(truth), centers, scale: 0.3 * reach, text })
}

#[test]
fn learned_energies() {
    test("neural", 5, &Demands { bounded: 0.6, widths: [1e-12, 1e-12, 1e-12] }, neural);
}
