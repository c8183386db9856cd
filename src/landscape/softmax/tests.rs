//! Sums over the data that matter, beside the sums over all data.

use std::sync::{Arc, OnceLock};

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::kernel::{LogSumExp, Patterns};
use crate::linalg::{column, column_mut};

struct Case {
    dim: usize,
    count: usize,
    sigma: f64,
    /// Standard deviation of the logarithms of the weights; one weight in a hundred is zero if it is not.
    spread: f64,
}

fn normal(rows: usize, columns: usize, seed: u64) -> Mat<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Mat::from_fn(rows, columns, |_, _| StandardNormal.sample(&mut rng))
}

impl Case {
    /// Data in groups of about thirty, every tenth one twice.
    fn data(&self) -> Mat<f64> {
        let groups = self.count.div_ceil(30);
        let (centres, within) = (normal(self.dim, groups, 1), normal(self.dim, self.count, 2));
        Mat::from_fn(self.dim, self.count, |i, k| {
            let k = if k % 10 == 1 { k - 1 } else { k };
            3.0 * centres[(i, k % groups)] + 0.1 * within[(i, k)]
        })
    }

    fn kernel(&self, data: &Mat<f64>) -> LogSumExp {
        let kappa = self.sigma.powi(-2);
        let logs = normal(1, self.count, 3);
        let bias = (0..self.count)
            .map(|k| {
                let square: f64 = data.col(k).iter().map(|y| y * y).sum();
                let gone = self.spread > 0.0 && k % 100 == 7;
                let log = if gone { f64::NEG_INFINITY } else { self.spread * logs[(0, k)] };
                log - 0.5 * kappa * square
            })
            .collect();
        LogSumExp::new(
            Patterns::from_fn(self.dim, self.count, |i, k| data[(i, k)]),
            bias,
            vec![0.0; self.dim],
            0.0,
            kappa,
            1.0,
            kappa,
        )
    }

    /// At data, near them, between neighbours, between groups, and far from all.
    fn points(&self, data: &Mat<f64>) -> Mat<f64> {
        let noise = normal(self.dim, 70, 4);
        let groups = self.count.div_ceil(30);
        Mat::from_fn(self.dim, 70, |i, j| {
            let (k, other) = (37 * j % self.count, (37 * j + groups) % self.count);
            let here = data[(i, k)];
            match j % 7 {
                0 => here,
                1 | 2 => here + self.sigma * noise[(i, j)],
                3 => 0.5 * (here + data[(i, other)]),
                4 => 0.5 * (here + data[(i, (k + 1) % self.count)]),
                5 => 0.8 * here,
                _ => 30.0 * noise[(i, j)],
            }
        })
    }
}

#[test]
fn what_is_left_out_changes_nothing() {
    let cases = [
        Case { dim: 2, count: 8000, sigma: 0.05, spread: 0.0 },
        Case { dim: 3, count: 1500, sigma: 0.2, spread: 2.0 },
        Case { dim: 6, count: 1100, sigma: 0.01, spread: 0.0 },
        Case { dim: 10, count: 1300, sigma: 0.3, spread: 2.0 },
        Case { dim: 10, count: 1300, sigma: 0.004, spread: 0.0 },
        Case { dim: 64, count: 1200, sigma: 0.5, spread: 0.0 },
        Case { dim: 64, count: 1200, sigma: 0.1, spread: 3.0 },
    ];
    for case in cases {
        let (n, data) = (case.dim, case.data());
        let pruned = case.kernel(&data);
        let mut dense = pruned.clone();
        dense.pruning = Arc::new(OnceLock::from(None));
        // In few dimensions by matrix products, too.
        dense.low = None;
        let points = case.points(&data);
        let b = points.ncols();
        let mut known = 0;
        match pruned.pruning() {
            Some(pruning) => {
                pruned.kept(pruning, points.as_ref(), |_, _, kept| known += usize::from(kept.is_some()));
            }
            None => {
                let few = |x: &Vec<f64>| pruned.kept_at(x).unwrap().members.len() < case.count / 2;
                known = points.col_iter().map(|x| x.iter().copied().collect()).filter(few).count();
            }
        }
        assert!(known >= 40, "{n}: {known}");

        // Exponents of so many digits before the point are rounded either way.
        let reach = points.norm_max().max(data.norm_max());
        let rounded = f64::EPSILON * n as f64 * (reach / case.sigma).powi(2);
        let tolerance = 1e-12_f64.max(4.0 * rounded);
        let (kappa, vectors) = (case.sigma.powi(-2), normal(n, b, 5));
        let of = |kernel: &LogSumExp| {
            let (mut e, mut g, mut hv) = (vec![0.0; b], Mat::zeros(n, b), Mat::zeros(n, b));
            kernel.gradients(points.as_ref(), &mut e, g.as_mut());
            kernel.linearize(points.as_ref()).apply(vectors.as_ref(), hv.as_mut());
            (e, g, hv)
        };
        let ((e, g, hv), (e0, g0, hv0)) = (of(&pruned), of(&dense));
        for j in 0..b {
            assert!((e[j] - e0[j]).abs() <= tolerance * (1.0 + e0[j].abs()), "{n} {j}: {} {}", e[j], e0[j]);
        }
        assert!((&g - &g0).norm_max() <= tolerance * kappa * reach, "{n}");
        let size = kappa + hv0.norm_max();
        assert!((&hv - &hv0).norm_max() <= tolerance * size, "{n}");
        for j in 0..14 {
            let x: Vec<f64> = points.col(j).iter().copied().collect();
            let (mut h, mut h0) = (Mat::zeros(n, n), Mat::zeros(n, n));
            pruned.hessian(&x, h.as_mut());
            dense.hessian(&x, h0.as_mut());
            assert!((&h - &h0).norm_max() <= tolerance * (kappa + h0.norm_max()), "{n}");
            for (p, p0) in pruned.weights(&x).into_iter().zip(dense.weights(&x)) {
                assert!((p - p0).abs() <= tolerance, "{n}: {p} {p0}");
            }
            let (mut t, mut t0) = (vec![0.0; n], vec![0.0; n]);
            let (u, w): (Vec<f64>, Vec<f64>) = (0..n).map(|i| (vectors[(i, j)], vectors[(i, j + 1)])).unzip();
            pruned.third(&x, &u, &w, &mut t);
            dense.third(&x, &u, &w, &mut t0);
            let size = kappa.powf(1.5) + t0.iter().fold(0.0, |m: f64, t| m.max(t.abs()));
            for (t, t0) in t.iter().zip(&t0) {
                assert!((t - t0).abs() <= 10.0 * tolerance * size, "{n}: {t} {t0} {size}");
            }
            // Alone as in a batch, and as the Hessian says.
            let (mut energy, mut gradient, mut product) = ([0.0], vec![0.0; n], vec![0.0; n]);
            pruned.gradients(column(&x), &mut energy, column_mut(&mut gradient));
            assert!((energy[0] - e[j]).abs() <= tolerance * (1.0 + e[j].abs()));
            let v: Vec<f64> = vectors.col(j).iter().copied().collect();
            pruned.linearize(column(&x)).apply(column(&v), column_mut(&mut product));
            for i in 0..n {
                let whole: f64 = (0..n).map(|l| h[(i, l)] * v[l]).sum();
                assert!((whole - product[i]).abs() <= tolerance * (kappa + hv0.norm_max()), "{n}");
            }
        }
    }
}

/// A well among many that are out of reach is a quadratic, whatever the noise; and where all matter nothing is left out.
#[test]
fn one_well_alone_is_a_quadratic() {
    let case = Case { dim: 10, count: 1300, sigma: 1e-3, spread: 0.0 };
    let data = Mat::from_fn(10, case.count, |i, k| if i == 0 { k as f64 } else { 0.0 });
    let kernel = case.kernel(&data);
    let mut x = vec![1e-4; 10];
    x[0] += 40.0;
    let (mut energy, mut gradient, mut h) = ([0.0], vec![0.0; 10], Mat::zeros(10, 10));
    kernel.gradients(column(&x), &mut energy, column_mut(&mut gradient));
    kernel.hessian(&x, h.as_mut());
    assert!(gradient.iter().all(|g| (g - 1e2).abs() < 1e-5), "{gradient:?}");
    assert_eq!(h, Mat::from_fn(10, 10, |i, j| if i == j { 1e6 } else { 0.0 }));
    let wide = Case { sigma: 1e3, ..case };
    assert!(wide.kernel(&data).pruning().is_none());
}

/// Energy, gradient and product with the Hessian, term by term.
fn plainly(kernel: &LogSumExp, kappa: f64, x: &[f64], v: &[f64]) -> (f64, Vec<f64>, Vec<f64>) {
    let y = kernel.patterns();
    let dot = |a: &[f64], k: usize| a.iter().zip(y.col(k).iter()).map(|(a, y)| a * y).sum::<f64>();
    let logits: Vec<f64> = (0..y.ncols()).map(|k| kernel.bias[k] + kappa * dot(x, k)).collect();
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|l| (l - top).exp()).sum();
    let p: Vec<f64> = logits.iter().map(|l| (l - top).exp() / sum).collect();
    let mean = |w: &[f64]| -> Vec<f64> {
        (0..x.len()).map(|i| w.iter().zip(y.row(i).iter()).map(|(w, y)| w * y).sum()).collect()
    };
    let a: Vec<f64> = (0..y.ncols()).map(|k| dot(v, k)).collect();
    let middle: f64 = a.iter().zip(&p).map(|(a, p)| a * p).sum();
    let w: Vec<f64> = a.iter().zip(&p).map(|(a, p)| p * (a - middle)).collect();
    let energy = 0.5 * kappa * x.iter().map(|x| x * x).sum::<f64>() - top - sum.ln();
    let g = mean(&p).iter().zip(x).map(|(m, x)| kappa * (x - m)).collect();
    let hv = mean(&w).iter().zip(v).map(|(c, v)| kappa * v - kappa * kappa * c).collect();
    (energy, g, hv)
}

/// One tile and many, one part and many, of any length, the first of no weight at all; on any number of threads.
#[test]
fn sums_over_all_data_are_plain_sums() {
    for (n, count, b, gone) in [
        (9, 1, 3, 0),
        (20, 47, 300, 0),
        (64, 1797, 40, 0),
        (64, 1797, 1, 0),
        (100, 9001, 20, 700),
        (100, 9001, 1, 700),
        (12, 30_000, 80, 8000),
        (9, 66_000, 2, 300),
    ] {
        let (data, kappa) = (normal(n, count, 1), 2.0 / n as f64);
        let square = |k: usize| data.col(k).iter().map(|y| y * y).sum::<f64>();
        let bias = (0..count).map(|k| if k < gone { f64::NEG_INFINITY } else { -0.5 * kappa * square(k) });
        let patterns = Patterns::from_fn(n, count, |i, k| data[(i, k)]);
        let mut kernel = LogSumExp::new(patterns, bias.collect(), vec![0.0; n], 0.0, kappa, 1.0, kappa);
        kernel.pruning = Arc::new(OnceLock::from(None));
        let (points, vectors) = (normal(n, b, 2), normal(n, b, 3));
        let of = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let (mut e, mut g, mut hv) = (vec![0.0; b], Mat::zeros(n, b), Mat::zeros(n, b));
                kernel.gradients(points.as_ref(), &mut e, g.as_mut());
                kernel.linearize(points.as_ref()).apply(vectors.as_ref(), hv.as_mut());
                (e, g, hv)
            })
        };
        let (e, g, hv) = of(1);
        assert!(of(3) == (e.clone(), g.clone(), hv.clone()), "{n} {count}");
        for j in [0, b / 2, b - 1] {
            let (x, v) = (points.col_as_slice(j), vectors.col_as_slice(j));
            let (e0, g0, hv0) = plainly(&kernel, kappa, x, v);
            let mut h = Mat::zeros(n, n);
            kernel.hessian(x, h.as_mut());
            assert!((e[j] - e0).abs() <= 1e-13 * (1.0 + e0.abs()), "{n} {count}: {} {e0}", e[j]);
            for i in 0..n {
                let whole: f64 = (0..n).map(|l| h[(i, l)] * v[l]).sum();
                assert!((g[(i, j)] - g0[i]).abs() <= 1e-12 * kappa, "{n} {count}");
                assert!((hv[(i, j)] - hv0[i]).abs() <= 1e-11 * kappa, "{n} {count}");
                assert!((whole - hv0[i]).abs() <= 1e-11 * kappa, "{n} {count}");
            }
        }
    }
}

/// In tiles, with data without weight, with the centre elsewhere; refused where rounding or few data say so.
#[test]
fn rough_gradients_have_some_digits() {
    for (n, count, b, spread, size) in [
        (9, 1, 8, 0.0, 1.0),
        (12, 700, 300, 0.0, 1e30),
        (64, 1797, 9, 3.0, 1.0),
        (64, 300, 9, 3.0, 1e-30),
        (100, 5001, 20, 0.0, 1.0),
    ] {
        // Some fifteen widths across.
        let sized = |columns: usize, seed: u64| {
            let plain = normal(n, columns, seed);
            Mat::from_fn(n, columns, |i, k| size * plain[(i, k)])
        };
        let (data, kappa) = (sized(count, 1), 50.0 / n as f64 / (size * size));
        let logs = normal(1, count, 4);
        let bias = |k: usize| {
            let square: f64 = data.col(k).iter().map(|y| y * y).sum();
            if k % 50 == 3 { f64::NEG_INFINITY } else { 1e4 + spread * logs[(0, k)] - 0.5 * kappa * square }
        };
        let with = |slope: f64| {
            let patterns = Patterns::from_fn(n, count, |i, k| data[(i, k)]);
            LogSumExp::new(
                patterns,
                (0..count).map(bias).collect(),
                vec![0.3 * size; n],
                0.0,
                kappa,
                1.0,
                slope,
            )
        };
        let mut kernel = with(kappa);
        kernel.pruning = Arc::new(OnceLock::from(None));
        let points = sized(b, 2);
        let (mut e, mut g, mut rough) = (vec![0.0; b], Mat::zeros(n, b), Mat::zeros(n, b));
        kernel.gradients(points.as_ref(), &mut e, g.as_mut());
        assert!(kernel.rough_gradients(points.as_ref(), rough.as_mut()));
        for j in 0..b {
            let off: f64 = (0..n).map(|i| (g[(i, j)] - rough[(i, j)]).powi(2)).sum::<f64>().sqrt();
            // A thousandth of a width.
            assert!(off <= 1e-3 * kappa.sqrt(), "{n} {count}: {}", off / kappa.sqrt());
        }
        let before = rough.clone();
        assert!(!kernel.rough_gradients(points.as_ref().subcols(0, 3), rough.as_mut().subcols_mut(0, 3)));
        let far = sized(b, 3) * faer::Scale(100.0);
        assert!(!kernel.rough_gradients(far.as_ref(), rough.as_mut()) && rough == before);
        let steep = with(100.0 * kappa);
        assert!(!steep.rough_gradients(points.as_ref(), rough.as_mut()) && rough == before);
    }
    let few = Case { dim: 64, count: 1200, sigma: 0.5, spread: 0.0 };
    let (data, mut out) = (few.data(), Mat::zeros(64, 70));
    assert!(!few.kernel(&data).rough_gradients(few.points(&data).as_ref(), out.as_mut()));
}
