//! Random mixtures, and what is known of them by plain methods that share nothing with the search: Newton's method from
//! many starts for the points, an explicit Runge-Kutta method for the orbits.

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use smale::landscape::Landscape;
use smale::landscape::mixture::{Mixture, Noise};

/// Data (columns) and noise of a mixture, with a name that says how they were drawn.
pub struct Instance {
    pub name: String,
    pub data: Mat<f64>,
    pub sigma: f64,
}

impl Instance {
    pub fn mixture(&self) -> Mixture {
        let noise = Noise::Fixed { a: 1.0, sigma: self.sigma };
        Mixture::new(self.data.clone(), vec![1.0; self.data.ncols()], noise, 0.0).expect("valid")
    }
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// Normal points, one a column.
pub fn cloud(dim: usize, count: usize, number: u64) -> Mat<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(77_000 + number);
    Mat::from_fn(dim, count, |_, _| normal(&mut rng))
}

/// Instance number `number` in dimension `dim`: the distribution goes round, the rest is random. Data have a spread of
/// about 1; five to sixty in the plane, fewer in higher dimensions; sigma from 0.15 to 0.6 (0.3 to 0.9 beyond it).
pub fn instance(dim: usize, number: u64) -> Instance {
    let (low, high) = if dim == 2 { (0.15, 0.6) } else { (0.3, 0.9) };
    instance_between(dim, number, low, high)
}

/// The same with sigma between two bounds.
pub fn instance_between(dim: usize, number: u64, low: f64, high: f64) -> Instance {
    let mut rng = ChaCha8Rng::seed_from_u64(1000 * dim as u64 + number);
    let most = match dim {
        2 => 60,
        3 => 30,
        _ => 14,
    };
    let count = rng.random_range(5..=most);
    let sigma = low * (high / low).powf(rng.random::<f64>());
    let style = ["normal", "uniform", "clustered", "circle", "grid"][number as usize % 5];
    let mut columns: Vec<Vec<f64>> = vec![];
    let centers: Vec<Vec<f64>> =
        (0..rng.random_range(2..6)).map(|_| (0..dim).map(|_| normal(&mut rng)).collect()).collect();
    let side = (count as f64).powf(1.0 / dim as f64).ceil() as usize;
    let jitter = 0.2 * rng.random::<f64>();
    for k in 0..count {
        columns.push(match style {
            "normal" => (0..dim).map(|_| normal(&mut rng)).collect(),
            "uniform" => (0..dim).map(|_| 3.4 * rng.random::<f64>() - 1.7).collect(),
            "clustered" => {
                let center = &centers[rng.random_range(0..centers.len())];
                center.iter().map(|c| c + 0.3 * normal(&mut rng)).collect()
            }
            "circle" => {
                let direction: Vec<f64> = (0..dim).map(|_| normal(&mut rng)).collect();
                let length = direction.iter().map(|d| d * d).sum::<f64>().sqrt();
                direction.iter().map(|d| 1.3 * d / length).collect()
            }
            _ => {
                let step = 3.0 / side.max(2) as f64;
                (0..dim)
                    .map(|i| {
                        let place = k / side.pow(i as u32) % side;
                        step * (place as f64 - 0.5 * (side - 1) as f64 + jitter * normal(&mut rng))
                    })
                    .collect()
            }
        });
    }
    let data = Mat::from_fn(dim, count, |i, k| columns[k][i]);
    Instance { name: format!("{style} dim {dim} number {number} K {count} sigma {sigma:.4}"), data, sigma }
}

/// A critical point by Newton's method.
#[derive(Clone, Debug)]
pub struct Point {
    pub x: Vec<f64>,
    pub index: usize,
    pub eigenvalues: Vec<f64>,
}

pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

pub fn hessian(landscape: &dyn Landscape, x: &[f64]) -> Mat<f64> {
    let mut h = Mat::zeros(x.len(), x.len());
    landscape.hessian(x, h.as_mut());
    h
}

/// Newton's method with steps of at most `longest`; `None` if it does not converge.
pub fn newton(landscape: &dyn Landscape, mut x: Vec<f64>, longest: f64) -> Option<Point> {
    let n = x.len();
    let mut g = vec![0.0; n];
    for _ in 0..80 {
        landscape.gradient(&x, &mut g);
        let h = hessian(landscape, &x);
        let step = h.partial_piv_lu().solve(Mat::from_fn(n, 1, |i, _| g[i]));
        let length = step.norm_l2();
        if !length.is_finite() {
            return None;
        }
        let factor = (longest / length).min(1.0);
        (0..n).for_each(|i| x[i] -= factor * step[(i, 0)]);
        if length < 1e-11 * longest {
            let eigenvalues = hessian(landscape, &x).self_adjoint_eigenvalues(Side::Lower).ok()?;
            let index = eigenvalues.iter().filter(|l| **l < 0.0).count();
            return Some(Point { x, index, eigenvalues });
        }
    }
    None
}

/// Critical points of a mixture by Newton's method from `starts` random means of a few data.
pub fn by_newton(instance: &Instance, starts: usize) -> Vec<Point> {
    let mixture = instance.mixture();
    let (n, count) = instance.data.shape();
    let mut rng = ChaCha8Rng::seed_from_u64(77);
    let mut found: Vec<Point> = vec![];
    for _ in 0..starts {
        let members = rng.random_range(1..=n + 2);
        let weights: Vec<f64> = (0..members).map(|_| -(rng.random::<f64>() + 1e-300).ln()).collect();
        let total: f64 = weights.iter().sum();
        let mut x = vec![0.0; n];
        for w in &weights {
            let k = rng.random_range(0..count);
            (0..n).for_each(|i| x[i] += w / total * instance.data[(i, k)]);
        }
        x.iter_mut().for_each(|x| *x += 0.3 * instance.sigma * normal(&mut rng));
        if let Some(point) = newton(&mixture, x, 0.3 * instance.sigma)
            && !found.iter().any(|f| distance(&f.x, &point.x) < 1e-7)
        {
            found.push(point);
        }
    }
    found
}

/// Where the orbit of `x' = sign grad E` from `x` comes to rest, by the method of Bogacki and Shampine with a step error
/// of 1e-9; `None` once it leaves the ball of radius `far` about the origin.
pub fn rest(landscape: &dyn Landscape, mut x: Vec<f64>, sign: f64, far: f64) -> Option<Vec<f64>> {
    let n = x.len();
    let field = |x: &[f64]| {
        let mut g = vec![0.0; n];
        landscape.gradient(x, &mut g);
        g.iter_mut().for_each(|g| *g *= sign);
        g
    };
    let size = |v: &[f64]| v.iter().map(|v| v * v).sum::<f64>().sqrt();
    let along = |x: &[f64], terms: &[(f64, &Vec<f64>)]| -> Vec<f64> {
        (0..n).map(|i| x[i] + terms.iter().map(|(c, k)| c * k[i]).sum::<f64>()).collect()
    };
    let mut h = 1e-4;
    let mut k1 = field(&x);
    for step in 0..500_000 {
        // Errors of the steps keep it from coming nearer than about 1e-10.
        if step % 20 == 0 && size(&k1) < 1e-8 * hessian(landscape, &x).norm_max() {
            return Some(x);
        }
        if size(&x) > far {
            return None;
        }
        let k2 = field(&along(&x, &[(h / 2.0, &k1)]));
        let k3 = field(&along(&x, &[(0.75 * h, &k2)]));
        let next = along(&x, &[(h * 2.0 / 9.0, &k1), (h / 3.0, &k2), (h * 4.0 / 9.0, &k3)]);
        let k4 = field(&next);
        let low = along(&x, &[(h * 7.0 / 24.0, &k1), (h / 4.0, &k2), (h / 3.0, &k3), (h / 8.0, &k4)]);
        let error = distance(&next, &low);
        if error < 1e-10 {
            x = next;
            k1 = k4;
        }
        h *= (0.9 * (1e-10 / error.max(1e-30)).powf(1.0 / 3.0)).clamp(0.2, 4.0);
    }
    Some(x)
}
