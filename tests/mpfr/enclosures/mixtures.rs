//! Mixtures and modern Hopfield memories.

use faer::Mat;
use smale::landscape::Landscape;
use smale::landscape::mixture::{Mixture, Noise};
use smale::landscape::modern_hopfield::ModernHopfield;

use crate::boxes::Draw;
use crate::check::{Demands, Equations, Subject, Truth, test};
use crate::jet::{Jet, dot, log_sum_exp, sum};

/// Data, one a row, with what both kinds have in common.
#[derive(Clone, Debug)]
struct Common {
    data: Vec<Vec<f64>>,
    weights: Vec<f64>,
    confinement: f64,
    /// The spread of the data.
    spread: f64,
}

impl Common {
    /// Few or many data, also far from the origin, equal, or equal in a coordinate.
    fn draw(draw: &mut Draw) -> Self {
        let (n, count) = (draw.dimension(10), draw.dimension(30));
        let spread = if draw.chance(0.5) { 1.0 } else { draw.power(-3.0, 3.0) };
        let far = draw.pick(&[0.0, 0.0, 0.0, 1.0, 1e3, 1e8]);
        let middle: Vec<f64> = (0..n).map(|_| far * spread * draw.normal()).collect();
        let mut data: Vec<Vec<f64>> =
            (0..count).map(|_| middle.iter().map(|m| m + spread * draw.normal()).collect()).collect();
        if draw.chance(0.2) {
            let copy = data[0].clone();
            data.push(copy);
        }
        if draw.chance(0.1) {
            let level = draw.below(n);
            data.iter_mut().for_each(|y| y[level] = middle[level]);
        }
        let style = draw.below(3);
        let weight = |draw: &mut Draw| match style {
            0 => 1.0,
            1 => 0.1 + draw.unit(),
            _ => draw.power(-3.0, 3.0),
        };
        let weights = data.iter().map(|_| weight(draw)).collect();
        Common { data, weights, confinement: 0.0, spread }
    }

    fn columns(&self) -> Mat<f64> {
        Mat::from_fn(self.data[0].len(), self.data.len(), |i, k| self.data[k][i])
    }

    /// `(confinement/2) |x|^2`.
    fn confined(&self, x: &[Jet]) -> Jet {
        sum(&x.iter().map(Jet::square).collect::<Vec<_>>(), &x[0]).scale(0.5).scale(self.confinement)
    }

    /// At the wells, between two, near, far.
    fn centers(&self, wells: &Mat<f64>, reach: f64, draw: &mut Draw) -> Vec<Vec<f64>> {
        let well = |draw: &mut Draw| -> Vec<f64> {
            let k = draw.below(wells.ncols());
            wells.col(k).iter().copied().collect()
        };
        let moved = |at: Vec<f64>, by: f64, draw: &mut Draw| -> Vec<f64> {
            at.iter().map(|x| x + by * draw.normal()).collect()
        };
        let middle = |draw: &mut Draw| -> Vec<f64> {
            let (a, b) = (well(draw), well(draw));
            a.iter().zip(&b).map(|(a, b)| 0.5 * (a + b)).collect()
        };
        let mut centers = vec![well(draw)];
        for by in [0.1, 1.0] {
            let (a, b) = (well(draw), middle(draw));
            centers.push(moved(a, by * reach, draw));
            centers.push(moved(b, by * reach, draw));
        }
        let (a, far) = (well(draw), draw.power(0.0, 2.0));
        centers.push(moved(a, far * self.spread, draw));
        centers
    }
}

/// `-log sum_k w_k exp(-|x - a y_k|^2 / (2 sigma^2)) + (confinement/2) |x|^2`, the weights made to sum to one.
#[derive(Clone, Debug)]
struct Gaussians {
    common: Common,
    a: f64,
    sigma: f64,
}

impl Truth for Gaussians {
    fn energy(&self, x: &[Jet]) -> Jet {
        let sigma = x[0].constant(self.sigma);
        let precision = sigma.square().recip().scale(-0.5);
        let logit = |y: &Vec<f64>| {
            let apart = x.iter().zip(y).map(|(x, y)| (x - &x.constant(self.a).scale(*y)).square());
            &sum(&apart.collect::<Vec<_>>(), &x[0]) * &precision
        };
        let logits: Vec<Jet> = self.common.data.iter().map(logit).collect();
        let total = self.common.weights.iter().fold(x[0].constant(0.0), |s, w| s.shift(*w));
        let free = &total.ln() - &log_sum_exp(&logits, &self.common.weights);
        &free + &self.common.confined(x)
    }

    fn equations(&self, x: &[Jet]) -> Equations {
        if x.len() <= 8 { Equations::Multiple } else { Equations::Gradient }
    }
}

fn mixture(draw: &mut Draw) -> Option<Subject> {
    let mut common = Common::draw(draw);
    let sigma = common.spread * draw.power(-2.0, 1.0);
    let a = if draw.chance(0.6) { 1.0 } else { draw.unit() };
    if draw.chance(0.3) {
        common.confinement = draw.power(-3.0, 1.0) / (sigma * sigma);
    }
    let noise = Noise::Fixed { a, sigma };
    let built = Mixture::new(common.columns(), common.weights.clone(), noise, common.confinement).unwrap();
    let centers = common.centers(&built.wells().unwrap(), sigma, draw);
    let truth = Gaussians { common, a, sigma };
    let (text, scale) = (format!("{truth:?}"), draw.pick(&[1.0, 1.0, 5.0]) * sigma);
    Some(Subject { landscape: Box::new(built), truth: Box::new(truth), centers, scale, text })
}

/// `|x|^2/2 - (1/beta) log sum_k w_k exp(beta y_k.x) + (confinement/2) |x|^2`.
#[derive(Clone, Debug)]
struct Hopfield {
    common: Common,
    beta: f64,
}

impl Truth for Hopfield {
    fn energy(&self, x: &[Jet]) -> Jet {
        let beta = x[0].constant(self.beta);
        let logits: Vec<Jet> = self.common.data.iter().map(|y| &beta * &dot(x, y)).collect();
        let squares = sum(&x.iter().map(Jet::square).collect::<Vec<_>>(), &x[0]).scale(0.5);
        let stored = &log_sum_exp(&logits, &self.common.weights) / &beta;
        &(&squares - &stored) + &self.common.confined(x)
    }

    fn equations(&self, x: &[Jet]) -> Equations {
        if x.len() <= 8 { Equations::Multiple } else { Equations::Gradient }
    }
}

fn modern_hopfield(draw: &mut Draw) -> Option<Subject> {
    let mut common = Common::draw(draw);
    let width = common.spread * draw.power(-2.0, 1.0);
    let beta = 1.0 / (width * width);
    if draw.chance(0.3) {
        common.confinement = draw.power(-3.0, 1.0);
    }
    let built =
        ModernHopfield::new(common.columns(), common.weights.clone(), beta, common.confinement).unwrap();
    let centers = common.centers(&built.wells().unwrap(), width, draw);
    let truth = Hopfield { common, beta };
    let (text, scale) = (format!("{truth:?}"), draw.pick(&[1.0, 1.0, 5.0]) * width);
    Some(Subject { landscape: Box::new(built), truth: Box::new(truth), centers, scale, text })
}

#[test]
fn mixtures() {
    test("mixture", 1, &Demands { bounded: 0.7, widths: [1e-12, 1e-12, 1e-12] }, mixture);
}

#[test]
fn modern_hopfield_memories() {
    test("modern-hopfield", 2, &Demands { bounded: 0.7, widths: [1e-12, 1e-12, 1e-12] }, modern_hopfield);
}
