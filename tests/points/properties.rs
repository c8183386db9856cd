//! Properties of the pattern memories: derivatives against differences, energies against their definition, reductions,
//! and the symmetries that their graphs have.

#![allow(clippy::unwrap_used)]

use crate::common::differences::richardson;
use crate::common::draw::instance;
use crate::common::graphs::{assert_orbits, assert_same, solve, whole_shape};
use faer::{Mat, MatRef};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use smale::landscape::mixture::{Mixture, Noise, Schedule};
use smale::landscape::modern_hopfield::ModernHopfield;
use smale::landscape::{Family, Landscape};

/// Which energy, with its parameters.
#[derive(Clone, Debug)]
enum Memory {
    Mixture(Noise),
    Hopfield(f64),
}

/// A memory and a point to look at it from.
#[derive(Clone, Debug)]
struct Sample {
    memory: Memory,
    /// Patterns, one an entry.
    patterns: Vec<Vec<f64>>,
    weights: Vec<f64>,
    confinement: f64,
    x: Vec<f64>,
    u: Vec<f64>,
    v: Vec<f64>,
}

impl Sample {
    fn data(&self) -> Mat<f64> {
        Mat::from_fn(self.x.len(), self.patterns.len(), |i, k| self.patterns[k][i])
    }

    fn build(&self) -> Box<dyn Family> {
        let (data, weights) = (self.data(), self.weights.clone());
        match self.memory {
            Memory::Mixture(noise) => Box::new(Mixture::new(data, weights, noise, self.confinement).unwrap()),
            Memory::Hopfield(beta) => {
                Box::new(ModernHopfield::new(data, weights, beta, self.confinement).unwrap())
            }
        }
    }

    /// The energy as it is defined, by a log-sum-exp of one pass for the maximum and one for the sum.
    fn energy(&self, x: &[f64]) -> f64 {
        let square = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
        let lse = |logits: Vec<f64>| {
            let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            max + logits.iter().map(|l| (l - max).exp()).sum::<f64>().ln()
        };
        let confined = 0.5 * self.confinement * square(x);
        match self.memory {
            Memory::Mixture(noise) => {
                let (a, variance) = a_and_variance(noise);
                let total: f64 = self.weights.iter().sum();
                let logits = self.patterns.iter().zip(&self.weights).map(|(y, w)| {
                    let apart: Vec<f64> = x.iter().zip(y).map(|(x, y)| x - a * y).collect();
                    (w / total).ln() - square(&apart) / (2.0 * variance)
                });
                confined - lse(logits.collect())
            }
            Memory::Hopfield(beta) => {
                let logits = self
                    .patterns
                    .iter()
                    .zip(&self.weights)
                    .map(|(y, w)| w.ln() + beta * x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>());
                confined + 0.5 * square(x) - lse(logits.collect()) / beta
            }
        }
    }

    /// The shortest length on which the energy changes its shape.
    fn width(&self) -> f64 {
        let largest = self.patterns.iter().flatten().fold(1.0_f64, |m, y| m.max(y.abs()));
        match self.memory {
            Memory::Mixture(noise) => {
                let (a, variance) = a_and_variance(noise);
                (variance / (a * largest).max(variance.sqrt())).min(1.0)
            }
            Memory::Hopfield(beta) => (1.0 / (beta * largest)).min(1.0),
        }
    }
}

/// Contraction and variance of a noise, from the definitions of the schedules.
fn a_and_variance(noise: Noise) -> (f64, f64) {
    match noise {
        Noise::Fixed { a, sigma } => (a, sigma * sigma),
        Noise::Scheduled { schedule, t } => match schedule {
            Schedule::VarianceExploding { s } => (1.0, s * s * t),
            Schedule::VariancePreserving { b0, b1 } => {
                let theta = (-t * t * (b1 - b0) / 4.0 - t * b0 / 2.0).exp();
                (theta, 1.0 - theta * theta)
            }
            Schedule::OrnsteinUhlenbeck => ((-t).exp(), 1.0 - (-2.0 * t).exp()),
            Schedule::Edm => (1.0, t * t),
        },
    }
}

fn memory() -> impl Strategy<Value = Memory> {
    let scheduled = |schedule: Schedule| {
        (0.15..1.2f64).prop_map(move |t| Memory::Mixture(Noise::Scheduled { schedule, t }))
    };
    prop_oneof![
        (0.3..1.5f64, 0.3..1.6f64).prop_map(|(a, sigma)| Memory::Mixture(Noise::Fixed { a, sigma })),
        (0.5..1.5f64).prop_flat_map(move |s| scheduled(Schedule::VarianceExploding { s })),
        (0.05..0.5f64, 1.0..20.0f64)
            .prop_flat_map(move |(b0, b1)| scheduled(Schedule::VariancePreserving { b0, b1 })),
        scheduled(Schedule::OrnsteinUhlenbeck),
        scheduled(Schedule::Edm),
        (0.3..8.0f64).prop_map(Memory::Hopfield),
    ]
}

fn sample() -> impl Strategy<Value = Sample> {
    (1usize..6, 1usize..9).prop_flat_map(|(n, count)| {
        let vector = move || prop::collection::vec(-1.5..1.5f64, n);
        let confinement = prop_oneof![Just(0.0), 0.01..1.0f64];
        let patterns = prop::collection::vec(vector(), count);
        let weights = prop::collection::vec(0.1..3.0f64, count);
        (memory(), patterns, weights, confinement, vector(), vector(), vector()).prop_map(
            |(memory, patterns, weights, confinement, x, u, v)| Sample {
                memory,
                patterns,
                weights,
                confinement,
                x,
                u,
                v,
            },
        )
    })
}

/// Runs a property on the same `cases` samples every time.
fn hold(cases: u32, property: impl Fn(Sample) -> Result<(), TestCaseError>) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[42; 32]);
    TestRunner::new_with_rng(config, rng).run(&sample(), property).unwrap();
}

fn norm(v: &[f64]) -> f64 {
    v.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn gradient(landscape: &dyn Landscape, x: &[f64]) -> Vec<f64> {
    let mut g = vec![f64::NAN; x.len()];
    landscape.gradient(x, &mut g);
    g
}

fn hessian(landscape: &dyn Landscape, x: &[f64]) -> Mat<f64> {
    let mut h = Mat::from_fn(x.len(), x.len(), |_, _| f64::NAN);
    landscape.hessian(x, h.as_mut());
    h
}

fn moved(x: &[f64], t: f64, v: &[f64]) -> Vec<f64> {
    x.iter().zip(v).map(|(x, v)| x + t * v).collect()
}

fn close(got: f64, expected: f64, tolerance: f64, what: impl std::fmt::Display) -> Result<(), TestCaseError> {
    prop_assert!((got - expected).abs() <= tolerance, "{what}: {got:e} instead of {expected:e}");
    Ok(())
}

#[test]
fn energies_are_as_defined() {
    hold(300, |s| {
        let landscape = s.build();
        let expected = s.energy(&s.x);
        close(landscape.energy(&s.x), expected, 1e-12 * (1.0 + expected.abs()), "energy")?;
        let far: Vec<f64> = s.x.iter().map(|x| 50.0 * x).collect();
        let expected = s.energy(&far);
        close(landscape.energy(&far), expected, 1e-12 * (1.0 + expected.abs()), "far away")?;
        let points = Mat::from_fn(s.x.len(), 3, |i, j| s.x[i] + 0.2 * j as f64 * s.u[i]);
        let mut together = [f64::NAN; 3];
        landscape.energies(points.as_ref(), &mut together);
        for (j, energy) in together.into_iter().enumerate() {
            let expected = s.energy(points.col_as_slice(j));
            close(energy, expected, 1e-12 * (1.0 + expected.abs()), "together")?;
        }
        Ok(())
    });
}

#[test]
fn derivatives_are_those_of_the_energy() {
    hold(300, |s| {
        let landscape = s.build();
        let landscape: &dyn Family = landscape.as_ref();
        let n = s.x.len();
        let h = s.width();
        let hessian = hessian(landscape, &s.x);
        let size = 1.0 + hessian.norm_max() + norm(&gradient(landscape, &s.x));
        let g = gradient(landscape, &s.x);
        let mut third = vec![0.0; n];
        landscape.third(&s.x, &s.u, &s.v, &mut third);
        for i in 0..n {
            let mut e = vec![0.0; n];
            e[i] = 1.0;
            let slope = richardson(|t| s.energy(&moved(&s.x, t, &e)), h);
            close(g[i], slope, 1e-9 * size / h, "gradient")?;
            for j in 0..n {
                let curvature = richardson(|t| gradient(landscape, &moved(&s.x, t, &e))[j], h);
                close(hessian[(j, i)], curvature, 1e-9 * size / h, "Hessian")?;
                prop_assert_eq!(hessian[(i, j)], hessian[(j, i)]);
            }
        }
        let length = norm(&s.v).max(1e-3);
        let along: Vec<f64> = s.v.iter().map(|v| v / length).collect();
        for i in 0..n {
            let expected = richardson(
                |t| {
                    let h = self::hessian(landscape, &moved(&s.x, t, &along));
                    (0..n).map(|j| h[(i, j)] * s.u[j]).sum()
                },
                h,
            );
            close(third[i], length * expected, 1e-8 * size / (h * h), "third derivative")?;
        }
        // Of a symmetric form what it is of two directions follows from what it is of one twice.
        let directions = Mat::from_fn(n, 2, |i, j| s.u[i] + if j == 0 { s.v[i] } else { -s.v[i] });
        let mut twice = Mat::from_fn(n, 2, |_, _| f64::NAN);
        landscape.thirds(&s.x, directions.as_ref(), twice.as_mut());
        let terms = 1.0 + twice.norm_max();
        for i in 0..n {
            close(
                0.25 * (twice[(i, 0)] - twice[(i, 1)]),
                third[i],
                1e-11 * terms,
                "third derivatives together",
            )?;
        }
        Ok(())
    });
}

#[test]
fn hessians_are_applied() {
    hold(200, |s| {
        let landscape = s.build();
        let n = s.x.len();
        let points = Mat::from_fn(n, 5, |i, j| s.x[i] + 0.3 * j as f64 * s.u[i]);
        let vectors = Mat::from_fn(n, 5, |i, j| s.v[i] - 0.2 * (i * j) as f64);
        let mut products = Mat::from_fn(n, 5, |_, _| f64::NAN);
        landscape.linearize(points.as_ref()).apply(vectors.as_ref(), products.as_mut());
        let at_first = landscape.linearize(points.as_ref().subcols(0, 1));
        let mut at_one = Mat::from_fn(n, 5, |_, _| f64::NAN);
        at_first.apply(vectors.as_ref(), at_one.as_mut());
        for j in 0..5 {
            let x: Vec<f64> = points.col(j).iter().copied().collect();
            let (here, first) = (hessian(landscape.as_ref(), &x), hessian(landscape.as_ref(), &s.x));
            for i in 0..n {
                let product = |h: &Mat<f64>| (0..n).map(|l| h[(i, l)] * vectors[(l, j)]).sum::<f64>();
                let tolerance = 1e-12 * (1.0 + here.norm_max() + first.norm_max()) * 10.0;
                close(products[(i, j)], product(&here), tolerance, "at its own point")?;
                close(at_one[(i, j)], product(&first), tolerance, "at the one point")?;
            }
        }
        Ok(())
    });
}

#[test]
fn gradients_change_with_the_parameters_as_told() {
    hold(300, |s| {
        let landscape = s.build();
        let n = s.x.len();
        for (p, (name, value)) in landscape.parameters().into_iter().enumerate() {
            let mut told = vec![f64::NAN; n];
            landscape.gradient_by(p, &s.x, &mut told);
            // The confinement may be zero, and must not be negative: it is differentiated where it is not.
            let centre = if name == "confinement" { value + 1.0 } else { value };
            let reach = if name == "confinement" { 0.5 } else { 0.2 * value * s.width() };
            for i in 0..n {
                let expected = richardson(
                    |t| {
                        let other = landscape.with_parameter(&name, centre + t).unwrap();
                        gradient(other.as_ref(), &s.x)[i]
                    },
                    reach,
                );
                close(told[i], expected, 1e-7 * (1.0 + expected.abs()) / s.width(), format!("by {name}"))?;
            }
        }
        Ok(())
    });
}

#[test]
fn batches_agree_with_single_points() {
    hold(30, |s| {
        let landscape = s.build();
        let n = s.x.len();
        for b in [1, 7, 128, 300] {
            let points = Mat::from_fn(n, b, |i, j| s.x[i] + (0.7 * j as f64 + i as f64).sin() * s.u[i]);
            let (mut energies, mut gradients) = (vec![f64::NAN; b], Mat::from_fn(n, b, |_, _| f64::NAN));
            landscape.gradients(points.as_ref(), &mut energies, gradients.as_mut());
            for j in 0..b {
                let x: Vec<f64> = points.col(j).iter().copied().collect();
                let mut g = vec![0.0; n];
                let energy = landscape.gradient(&x, &mut g);
                let size = 1.0 + energy.abs() + norm(&g);
                close(energies[j], energy, 1e-13 * size, format!("energy {j} of {b}"))?;
                for i in 0..n {
                    close(gradients[(i, j)], g[i], 1e-13 * size / s.width(), format!("{j} of {b}"))?;
                }
            }
        }
        Ok(())
    });
}

/// `E(origin + basis z + w) = offset + inner(z) + normal/2 |w|^2`: the patterns are put into a random subspace.
#[test]
fn reductions_are_exact() {
    hold(200, |mut s| {
        // Twelve dimensions, of which the patterns span as many as they had, away from the origin.
        let (n, r) = (12, s.x.len());
        let frame: Vec<Vec<f64>> =
            (0..r).map(|j| (0..n).map(|i| (1.3 * (i * r + j) as f64 + s.u[j]).sin()).collect()).collect();
        let into = |y: &Vec<f64>| -> Vec<f64> {
            (0..n)
                .map(|i| 0.4 * (i as f64).cos() + (0..r).map(|j| 0.3 * y[j] * frame[j][i]).sum::<f64>())
                .collect()
        };
        s.patterns = s.patterns.iter().map(into).collect();
        s.x = vec![0.0; n];
        let landscape = s.build();
        let reduced = landscape.reduce();
        prop_assert!(reduced.is_some());
        let reduced = reduced.unwrap();
        let rank = reduced.basis.ncols();
        prop_assert!(rank <= r + usize::from(s.confinement > 0.0) && rank == reduced.inner.dim());
        for trial in 0..4 {
            let z: Vec<f64> = (0..rank).map(|j| (2.1 * j as f64 + trial as f64 + s.v[0]).sin()).collect();
            let mut w: Vec<f64> =
                (0..n).map(|i| (0.9 * i as f64 + 5.0 * trial as f64 + s.v[0]).cos()).collect();
            // Twice, so that what is left along the basis is rounding.
            for _ in 0..2 {
                for b in reduced.basis.col_iter() {
                    let along: f64 = b.iter().zip(&w).map(|(b, w)| b * w).sum();
                    w.iter_mut().zip(b.iter()).for_each(|(w, b)| *w -= along * b);
                }
            }
            let x: Vec<f64> = reduced.lift(&z).iter().zip(&w).map(|(x, w)| x + w).collect();
            let split = reduced.offset + reduced.inner.energy(&z) + 0.5 * reduced.normal * norm(&w).powi(2);
            close(s.energy(&x), split, 1e-12 * (1.0 + split.abs()), "energy")?;
            // The gradient's part in the subspace is the inner one, the rest is the quadratic's.
            let g = gradient(landscape.as_ref(), &x);
            let inner = gradient(reduced.inner.as_ref(), &z);
            for i in 0..n {
                let from: f64 = (0..rank).map(|j| reduced.basis[(i, j)] * inner[j]).sum();
                close(g[i], from + reduced.normal * w[i], 1e-11 * (1.0 + norm(&g)) / s.width(), "gradient")?;
            }
        }
        Ok(())
    });
}

/// With patterns of equal length R the mixture is the modern Hopfield energy at beta = 1/sigma^2 over sigma^2, plus
/// `R^2/(2 sigma^2) + log K`.
#[test]
fn equal_norms_make_a_mixture_of_a_hopfield_memory() {
    hold(200, |mut s| {
        for y in &mut s.patterns {
            let length = norm(y).max(1e-6);
            y.iter_mut().for_each(|y| *y *= 1.4 / length);
        }
        let count = s.patterns.len();
        for sigma in [0.3, 0.8, 2.0] {
            let noise = Noise::Fixed { a: 1.0, sigma };
            let mixture = Mixture::new(s.data(), vec![1.0; count], noise, 0.0).unwrap();
            let hopfield = ModernHopfield::new(s.data(), vec![1.0; count], sigma.powi(-2), 0.0).unwrap();
            let norms: Vec<f64> = s.patterns.iter().map(|y| norm(y)).collect();
            prop_assume!(norms.iter().all(|r| (r - 1.4).abs() < 1e-12));
            let constant = 1.4 * 1.4 / (2.0 * sigma * sigma) + (count as f64).ln();
            let expected = hopfield.energy(&s.x) / (sigma * sigma) + constant;
            close(mixture.energy(&s.x), expected, 1e-12 * (1.0 + expected.abs()), "energy")?;
            let (a, b) = (gradient(&mixture, &s.x), gradient(&hopfield, &s.x));
            for i in 0..s.x.len() {
                close(a[i], b[i] / (sigma * sigma), 1e-12 * (1.0 + norm(&a)) / sigma, "gradient")?;
            }
        }
        Ok(())
    });
}

/// Data on a lattice of eighths: with a whole offset nothing is rounded, so that the same numbers must come out as
/// without the offset, to the rounding of the distances alone.
#[test]
fn data_far_from_the_origin_lose_nothing() {
    hold(100, |mut s| {
        let lattice = |y: &mut Vec<f64>| y.iter_mut().for_each(|y| *y = (8.0 * *y).round() / 8.0);
        s.patterns.iter_mut().for_each(lattice);
        lattice(&mut s.x);
        s.confinement = 0.0;
        let sigma = 0.5;
        let noise = Noise::Fixed { a: 1.0, sigma };
        s.memory = Memory::Mixture(noise);
        let here = s.build();
        let data = Mat::from_fn(s.x.len(), s.patterns.len(), |i, k| s.patterns[k][i] + 1e6);
        let there = Mixture::new(data, s.weights.clone(), noise, 0.0).unwrap();
        let far: Vec<f64> = s.x.iter().map(|x| x + 1e6).collect();
        // The mean of the data is rounded to 1e6 eps = 2e-10, and cancels but for the product with another rounding.
        close(there.energy(&far), here.energy(&s.x), 1e-8 * 1e-2, "energy")?;
        let (g, h) = (gradient(&there, &far), gradient(here.as_ref(), &s.x));
        for i in 0..s.x.len() {
            close(g[i], h[i], 1e-8, "gradient")?;
        }
        Ok(())
    });
}

/// Two data at distance 4 sigma and a third one far away, `1/sigma` of them: the logits are of order `1/sigma^2` and differ
/// by a few units between the near two. Each is known to a few units in its last place, and so is all that follows.
#[test]
fn little_noise_loses_no_more_than_it_must() {
    for exponent in [4, 8, 12, 16] {
        // All numbers are multiples of a power of two: distances are exact below.
        let sigma = 2.0_f64.powi(-exponent);
        let data = Mat::from_fn(1, 3, |_, k| [0.5, 0.5 + 4.0 * sigma, -0.75][k]);
        let noise = Noise::Fixed { a: 1.0, sigma };
        let mixture = Mixture::new(data, vec![1.0; 3], noise, 0.0).unwrap();
        for step in 0..9 {
            let t = 0.5 * f64::from(step);
            let x = 0.5 + t * sigma;
            // In units of sigma the near pair stands at 0 and 4, the third has no weight in double precision (below
            // exp(-1/(2 sigma^2)), 1e-55 for sigma = 1/16).
            let weights = [(-0.5 * t * t).exp(), (-0.5 * (t - 4.0) * (t - 4.0)).exp()];
            let p = weights[1] / (weights[0] + weights[1]);
            let expected = (t - 4.0 * p) / sigma;
            let got = gradient(&mixture, &[x])[0];
            let logit = 8.0 * f64::EPSILON / (sigma * sigma);
            let allowed = logit / sigma + 8.0 * f64::EPSILON * expected.abs();
            assert!(
                (got - expected).abs() <= allowed,
                "sigma 2^-{exponent}, {t} sigma off: {got:e} instead of {expected:e}, allowed {allowed:e}"
            );
            let energy = (3.0_f64).ln() - (weights[0] + weights[1]).ln();
            let got = mixture.energy(&[x]);
            assert!(
                (got - energy).abs() <= logit + 1e-15 * energy,
                "sigma 2^-{exponent}, {t} sigma off: energy {got} instead of {energy}"
            );
        }
    }
}

// ---- Graphs ----

fn mixture(data: Mat<f64>, weights: Vec<f64>, sigma: f64) -> Mixture {
    Mixture::new(data, weights, Noise::Fixed { a: 1.0, sigma }, 0.0).unwrap()
}

/// A rotation: a product of plane rotations by fixed angles.
fn rotation(n: usize) -> Mat<f64> {
    let mut q = Mat::<f64>::identity(n, n);
    for i in 0..n {
        for j in 0..i {
            let (s, c) = (0.7 + i as f64 + 0.3 * j as f64).sin_cos();
            for k in 0..n {
                let (a, b) = (q[(i, k)], q[(j, k)]);
                q[(i, k)] = c * a - s * b;
                q[(j, k)] = s * a + c * b;
            }
        }
    }
    q
}

/// Three instances: data, sigma.
fn instances() -> Vec<(Mat<f64>, f64)> {
    [(2, 0), (2, 1), (3, 6)]
        .into_iter()
        .map(|(dim, number)| {
            let i = instance(dim, number);
            let count = i.data.ncols().min(16);
            (i.data.subcols(0, count).to_owned(), i.sigma.min(0.35))
        })
        .collect()
}

fn ones(data: MatRef<'_, f64>) -> Vec<f64> {
    vec![1.0; data.ncols()]
}

#[test]
fn rotations_and_translations_keep_the_graph() {
    for (data, sigma) in instances() {
        let plain = whole_shape(&mixture(data.clone(), ones(data.as_ref()), sigma));
        assert!(plain.points.len() > 3);
        let turned = rotation(data.nrows()) * &data;
        let turned = Mat::from_fn(data.nrows(), data.ncols(), |i, k| turned[(i, k)] + 3.0 - i as f64);
        let other = whole_shape(&mixture(turned, ones(data.as_ref()), sigma));
        assert_same(&plain, &other, 0.0, 1e-10, "turned and moved");
    }
}

#[test]
fn rotations_keep_the_graph_of_a_hopfield_memory() {
    for (data, _) in instances() {
        let build = |data: Mat<f64>| {
            let weights = ones(data.as_ref());
            ModernHopfield::new(data, weights, 3.0, 0.0).unwrap()
        };
        let plain = whole_shape(&build(data.clone()));
        let other = whole_shape(&build(rotation(data.nrows()) * &data));
        assert_same(&plain, &other, 0.0, 1e-10, "turned");
    }
}

#[test]
fn the_order_of_the_data_does_not_matter() {
    for (data, sigma) in instances() {
        let count = data.ncols();
        let plain = whole_shape(&mixture(data.clone(), ones(data.as_ref()), sigma));
        let mixed = Mat::from_fn(data.nrows(), count, |i, k| data[(i, (5 * k + 3) % count)]);
        assert!(count % 5 != 0);
        let other = whole_shape(&mixture(mixed, ones(data.as_ref()), sigma));
        assert_same(&plain, &other, 0.0, 1e-10, "in another order");
    }
}

#[test]
fn a_duplicate_is_a_double_weight() {
    for (data, sigma) in instances() {
        let count = data.ncols();
        let mut weights = ones(data.as_ref());
        weights[1] = 2.0;
        let weighted = whole_shape(&mixture(data.clone(), weights, sigma));
        let doubled = Mat::from_fn(data.nrows(), count + 1, |i, k| data[(i, if k == count { 1 } else { k })]);
        let duplicated = whole_shape(&mixture(doubled.clone(), ones(doubled.as_ref()), sigma));
        assert_same(&weighted, &duplicated, 0.0, 1e-10, "doubled");
    }
}

/// Lengths have no unit: energies of a mixture stay as they are.
#[test]
fn any_unit_of_length_will_do() {
    for (data, sigma) in instances() {
        let plain = whole_shape(&mixture(data.clone(), ones(data.as_ref()), sigma));
        for unit in [1e-8, 1e8] {
            let scaled = Mat::from_fn(data.nrows(), data.ncols(), |i, k| unit * data[(i, k)]);
            let other = whole_shape(&mixture(scaled, ones(data.as_ref()), unit * sigma));
            assert_same(&plain, &other, 0.0, 1e-10, &format!("in units of {unit:e}"));
        }
    }
}

#[test]
fn orbits_run_downhill_to_their_ends() {
    for (data, sigma) in instances() {
        let landscape = mixture(data.clone(), ones(data.as_ref()), sigma);
        let (set, graph) = solve(&landscape);
        let saddles = set.counts()[1];
        assert_eq!(graph.connections.iter().filter(|c| set.points[c.from].index == 1).count(), 2 * saddles);
        assert_orbits(&landscape, &set, &graph);
        let hopfield = ModernHopfield::new(data.clone(), ones(data.as_ref()), 3.0, 0.0).unwrap();
        let (set, graph) = solve(&hopfield);
        assert_orbits(&hopfield, &set, &graph);
    }
}
