//! What the checker encloses holds what the landscapes compute in floating point, and what they change by.

use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use smale::certificate::check::{I, Oracle};
use smale::landscape::Landscape;
use smale::landscape::mixture::{Mixture, Noise};
use smale::landscape::modern_hopfield::ModernHopfield;
use smale::landscape::neural::Neural;
use smale::landscape::neural::activation::Activation;

use super::{CUSP, formula};

fn holds(i: &I, value: f64) -> bool {
    // The value itself was rounded, by more where terms cancel.
    let slack = 1e-9 * (1.0 + value.abs());
    i.lo - slack <= value && value <= i.hi + slack && i.hi - i.lo < 1e6
}

fn hessian(landscape: &dyn Landscape, x: &[f64]) -> Mat<f64> {
    let mut h = Mat::zeros(x.len(), x.len());
    landscape.hessian(x, h.as_mut());
    h
}

/// At random places, in random boxes and balls.
fn compare(landscape: &dyn Landscape, rounds: usize) {
    let n = landscape.dim();
    let oracle = Oracle::new(&landscape.definition().unwrap()).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for _ in 0..rounds {
        let width = 10f64.powf(rng.random_range(-4.0..-0.7));
        let c: Vec<f64> = (0..n).map(|_| rng.random_range(-1.2..1.2)).collect();
        let sides: Vec<(f64, f64)> =
            c.iter().map(|c| (c - width * rng.random_range(0.0..1.0), c + width)).collect();
        let (g, h) = (oracle.gradient(&sides), oracle.hessian(&sides));
        let lipschitz = oracle.lipschitz(&c, width);
        assert!(lipschitz < 1e9);
        let middle = hessian(landscape, &c);
        for _ in 0..4 {
            let x: Vec<f64> = sides.iter().map(|(a, b)| a + (b - a) * rng.random_range(0.0..1.0)).collect();
            let mut exact = vec![0.0; n];
            landscape.gradient(&x, &mut exact);
            for i in 0..n {
                assert!(holds(&g[i], exact[i]), "{:?} {} at {x:?}", g[i], exact[i]);
            }
            let own = hessian(landscape, &x);
            for k in 0..n * n {
                assert!(holds(&h[k], own[(k / n, k % n)]), "{:?} {} at {x:?}", h[k], own[(k / n, k % n)]);
            }
            // A place of the ball: the box's may lie outside.
            let step: Vec<f64> =
                (0..n).map(|_| rng.random_range(-1.0..1.0) * width / (n as f64).sqrt()).collect();
            let y: Vec<f64> = c.iter().zip(&step).map(|(c, s)| c + s).collect();
            let change = (&hessian(landscape, &y) - &middle).norm_l2();
            let far = step.iter().map(|s| s * s).sum::<f64>().sqrt();
            assert!(
                change <= lipschitz * far + 1e-9 * (1.0 + middle.norm_l2()),
                "{change} {lipschitz} {far}"
            );
        }
    }
}

#[test]
fn formulas() {
    for energy in [
        "exp(-x^2)*sin(3*y) + log(2 + x^2) + tanh(x*y) + sqrt(1 + y^2)",
        "sigmoid(x)*softplus(y) + logcosh(x - 2*y) + x^3/(3 + y) - cos(x*y)**2",
        "cosh(x) + x*sinh(y) + tan(x/3) + pow(2 + x^2, 0.3) + log10(3 + y^2) + ln(5 + y)",
        "sum(i, 0, n-1, (i+1)*x[i]^4/4 - x[mod(i+1, n)]*x[i]) + prod(i, 0, 1, x[i] - i)/7 - e*x[0] + pi*x[1] - 2^-3*-x^2",
        "max(0, 1 - abs(-3))*x + (4 + x)^2.5/((3 + y)^-2) + x*x*y - +--y^2^1",
    ] {
        compare(&formula(energy, &[]), 60);
    }
    compare(&formula(CUSP, &[("K", 0.3), ("f", -0.7)]), 60);
}

#[test]
fn mixtures_and_memories() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    // Above eight dimensions it is done in plain arithmetic with bounds.
    for (n, k) in [(1, 3), (2, 6), (3, 5), (5, 4), (9, 7)] {
        let data = Mat::from_fn(n, k, |_, _| rng.random_range(-1.0..1.0));
        let weights: Vec<f64> = (0..k).map(|_| rng.random_range(0.5..2.0)).collect();
        for (a, sigma, confinement) in [(1.0, 0.4, 0.0), (0.7, 0.8, 0.3)] {
            let noise = Noise::Fixed { a, sigma };
            compare(&Mixture::new(data.clone(), weights.clone(), noise, confinement).unwrap(), 40);
            let beta = 1.0 / (sigma * sigma);
            compare(&ModernHopfield::new(data.clone(), weights.clone(), beta, confinement).unwrap(), 40);
        }
    }
}

/// A perceptron with random weights of usual size.
pub(super) fn perceptron(seed: u64, widths: &[usize], activation: Activation) -> Neural {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let layers = widths.windows(2).map(|w| {
        let size = 1.5 / (w[0] as f64).sqrt();
        let weight = Mat::from_fn(w[1], w[0], |_, _| size * rng.random_range(-1.0..1.0));
        (weight, (0..w[1]).map(|_| rng.random_range(-0.5..0.5)).collect())
    });
    Neural::perceptron(layers.collect(), activation, 0.5).unwrap()
}

/// In up to three dimensions by expansions, in more by sweeps.
#[test]
fn networks() {
    let sin = Activation::Sin { omega: 1.0 };
    for activation in [Activation::Softplus { beta: 1.0 }, Activation::Tanh, Activation::Silu, sin] {
        for widths in [&[1, 5, 1][..], &[2, 8, 6, 1], &[3, 6, 1], &[5, 7, 6, 4, 1]] {
            compare(&perceptron(3, widths, activation), 25);
        }
    }
}

/// The largest third derivative along a unit vector, from a few starts: no more than there is.
fn steepest_third(landscape: &dyn Landscape, x: &[f64], rng: &mut ChaCha8Rng) -> f64 {
    let n = x.len();
    let mut most: f64 = 0.0;
    for _ in 0..8 {
        let mut u: Vec<f64> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
        for _ in 0..60 {
            let size = u.iter().map(|u| u * u).sum::<f64>().sqrt();
            u.iter_mut().for_each(|u| *u /= size);
            let mut next = vec![0.0; n];
            landscape.third(x, &u, &u, &mut next);
            most = most.max(u.iter().zip(&next).map(|(u, t)| u * t).sum::<f64>().abs());
            // Of the next, that is nearer to the old one: the form is odd.
            u = next;
        }
    }
    most
}

/// In many dimensions: at the centre by a tensor, nearly as small as can be; over the ball never less than at any of its places.
#[test]
fn third_derivatives_of_networks_are_bounded_closely() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for activation in [Activation::Softplus { beta: 1.0 }, Activation::Tanh, Activation::Silu] {
        for widths in [&[6, 1][..], &[7, 12, 1], &[12, 24, 16, 1], &[8, 10, 9, 8, 1], &[140, 20, 12, 1]] {
            let f = perceptron(9, widths, activation);
            let oracle = Oracle::new(&f.definition().unwrap()).unwrap();
            let c: Vec<f64> = (0..widths[0]).map(|_| rng.random_range(-0.7..0.7)).collect();
            let here = steepest_third(&f, &c, &mut rng);
            let close = oracle.lipschitz(&c, 1e-9);
            // Beyond 128 dimensions units are added up one by one.
            let most = if widths[0] < 128 { 2.5 } else { 30.0 };
            assert!(here <= close * (1.0 + 1e-9) && close <= most * here + 1e-6, "{widths:?} {here} {close}");
            for radius in [1e-3, 0.05, 0.3] {
                let all = oracle.lipschitz(&c, radius);
                assert!(all.is_finite());
                for _ in 0..10 {
                    let step: Vec<f64> = c.iter().map(|_| rng.random_range(-1.0..1.0)).collect();
                    let size = step.iter().map(|s| s * s).sum::<f64>().sqrt();
                    let y: Vec<f64> = c.iter().zip(&step).map(|(c, s)| c + radius * s / size).collect();
                    let there = steepest_third(&f, &y, &mut rng);
                    assert!(there <= all * (1.0 + 1e-9) + 1e-9, "{widths:?} {radius} {there} {all}");
                }
            }
        }
    }
}

/// Units one behind the other of which the first is very steep and the last next to nothing: squares of how far factors move underflow, and
/// the bound must not. At the centre s'' of the first is largest.
#[test]
fn third_derivatives_of_tiny_and_huge_weights_are_bounded() {
    for (steep, small) in [(1.0, 1.0), (1e60, 1e-170), (1e20, 1e-50)] {
        let start = (1.0 / 3f64.sqrt()).atanh();
        let row = |v: f64, n: usize| Mat::from_fn(1, n, |_, j| if j == 0 { v } else { 0.0 });
        let layers = vec![
            (row(steep, 4), vec![start]),
            (row(1.0, 1), vec![-start.tanh()]),
            (row(small, 1), vec![0.0]),
        ];
        let f = Neural::perceptron(layers, Activation::Tanh, 0.0).unwrap();
        let oracle = Oracle::new(&f.definition().unwrap()).unwrap();
        for radius in [0.01, 0.02, 0.05] {
            let all = oracle.lipschitz(&[0.0; 4], radius / steep);
            // tanh(tanh(start + v) - tanh(start)) by v: its third derivative by differences of the second.
            let second = |v: f64| {
                let (t, u) = ((start + v).tanh(), ((start + v).tanh() - start.tanh()).tanh());
                let (d, e) = (1.0 - t * t, 1.0 - u * u);
                -2.0 * u * e * d * d - 2.0 * e * t * d
            };
            let most = (-50..=50)
                .map(|k| radius * f64::from(k) / 50.0)
                .fold(0.0, |most: f64, v| most.max(((second(v + 1e-5) - second(v - 1e-5)) / 2e-5).abs()));
            let most = most * small * steep.powi(3);
            assert!(all >= most * (1.0 - 1e-6) && all < 3.0 * most, "{steep:e} {radius} {all:e} {most:e}");
        }
    }
}

/// In the plane the gradient over a box is wider than its values by terms of the second order only.
#[test]
fn networks_are_enclosed_tightly() {
    let f = perceptron(5, &[2, 32, 32, 1], Activation::Softplus { beta: 1.0 });
    let oracle = Oracle::new(&f.definition().unwrap()).unwrap();
    let more = |width: f64| {
        let sides = [(0.3 - width, 0.3 + width), (-0.2 - width, -0.2 + width)];
        let g = oracle.gradient(&sides);
        let mut seen = [(f64::INFINITY, f64::NEG_INFINITY); 2];
        for k in 0..121 {
            let x = [0, 1].map(|i| sides[i].0 + 0.2 * width * [k % 11, k / 11][i] as f64);
            let mut exact = [0.0; 2];
            f.gradient(&x, &mut exact);
            (0..2).for_each(|i| seen[i] = (seen[i].0.min(exact[i]), seen[i].1.max(exact[i])));
        }
        let widths = (0..2).map(|i| (g[i].hi - g[i].lo) - (seen[i].1 - seen[i].0));
        widths.fold(0.0, f64::max)
    };
    // A tenth of the width, a hundredth of what is too much.
    let [wide, narrow] = [more(0.1), more(0.01)];
    assert!(narrow > 0.0 && narrow < wide / 80.0, "{wide} {narrow}");
}
