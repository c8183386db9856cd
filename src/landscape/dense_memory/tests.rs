use super::*;
use crate::landscape::Family;

/// Patterns that are no lattice, from a hash of their place.
fn patterns(n: usize, k: usize) -> Mat<f64> {
    Mat::from_fn(n, k, |i, j| ((i * 7 + j * 13 + 3) as f64 * 1.618).sin() * 1.1)
}

fn some(separation: Separation, lagrangian: Lagrangian) -> DenseMemory {
    let weights = vec![1.0, 0.5, 1.3, 0.8, 1.1];
    DenseMemory::new(patterns(4, 5).as_ref(), weights, separation, lagrangian, 0.4, 0.2).unwrap()
}

fn all() -> Vec<DenseMemory> {
    let separations = [
        Separation::Rectified { p: 4.5 },
        Separation::Rectified { p: 6.0 },
        Separation::Power { p: 2 },
        Separation::Power { p: 3 },
        Separation::Exponential { beta: 0.7 },
    ];
    let lagrangians = [
        Lagrangian::Identity,
        Lagrangian::Tanh { gain: 1.7 },
        Lagrangian::Sigmoid { gain: 1.4 },
        Lagrangian::Softmax { gain: 1.2 },
    ];
    separations.iter().flat_map(|s| lagrangians.map(|l| some(*s, l))).collect()
}

const X: [f64; 4] = [0.31, -0.62, 0.83, 0.12];
const U: [f64; 4] = [0.7, -0.2, 0.4, 0.5];
const V: [f64; 4] = [-0.3, 0.9, 0.1, -0.6];

fn moved(x: &[f64], u: &[f64], h: f64) -> Vec<f64> {
    x.iter().zip(u).map(|(x, u)| x + h * u).collect()
}

fn gradient(m: &DenseMemory, x: &[f64]) -> Vec<f64> {
    let mut g = vec![0.0; x.len()];
    m.gradient(x, &mut g);
    g
}

/// Differences of order 4 of a vector function.
fn differences(f: impl Fn(f64) -> Vec<f64>, h: f64) -> Vec<f64> {
    let (a, b, c, d) = (f(-2.0 * h), f(-h), f(h), f(2.0 * h));
    (0..a.len()).map(|i| (a[i] - 8.0 * b[i] + 8.0 * c[i] - d[i]) / (12.0 * h)).collect()
}

fn assert_close(a: &[f64], b: &[f64], tolerance: f64, what: &str) {
    let size = a.iter().chain(b).fold(1e-3_f64, |m, v| m.max(v.abs()));
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() < tolerance * size, "{what}: {a} against {b}");
    }
}

/// The energy by its formula, naively.
fn defined(m: &DenseMemory, x: &[f64]) -> f64 {
    let (l, g): (f64, Vec<f64>) = match m.lagrangian {
        Lagrangian::Identity => (x.iter().map(|x| x * x / 2.0).sum(), x.to_vec()),
        Lagrangian::Tanh { gain } => (
            x.iter().map(|x| (gain * x).cosh().ln() / gain).sum(),
            x.iter().map(|x| (gain * x).tanh()).collect(),
        ),
        Lagrangian::Sigmoid { gain } => (
            x.iter().map(|x| (1.0 + (gain * x).exp()).ln() / gain).sum(),
            x.iter().map(|x| 1.0 / (1.0 + (-gain * x).exp())).collect(),
        ),
        Lagrangian::Softmax { gain } => {
            let total: f64 = x.iter().map(|x| (gain * x).exp()).sum();
            (total.ln() / gain, x.iter().map(|x| (gain * x).exp() / total).collect())
        }
    };
    let mut e = dot(x, &g) - l + 0.5 * m.confinement * dot(x, x);
    if let Lagrangian::Softmax { .. } = m.lagrangian {
        e += x.iter().sum::<f64>().powi(2) / (2.0 * x.len() as f64);
    }
    for k in 0..m.count() {
        let z = dot(m.patterns().col(k).try_as_col_major().unwrap().as_slice(), &g);
        let f = match m.separation {
            Separation::Rectified { p } => z.max(0.0).powf(p) / p,
            Separation::Power { p } => z.powi(p as i32) / f64::from(p),
            Separation::Exponential { beta } => (beta * z).exp() / beta,
        };
        e -= m.scale * m.weights[k] * f;
    }
    e
}

#[test]
fn energies_are_those_of_the_formula_and_all_derivatives_those_of_the_energy() {
    for m in all() {
        let what = format!("{:?} {:?}", m.separation, m.lagrangian);
        assert_close(&[m.energy(&X)], &[defined(&m, &X)], 1e-14, &what);
        let unit = |i: usize| (0..4).map(|j| f64::from(u8::from(i == j))).collect::<Vec<f64>>();
        let slopes: Vec<f64> =
            (0..4).map(|i| differences(|h| vec![defined(&m, &moved(&X, &unit(i), h))], 1e-3)[0]).collect();
        assert_close(&gradient(&m, &X), &slopes, 1e-9, &what);
        let product = differences(|h| gradient(&m, &moved(&X, &U, h)), 1e-3);
        let mut h = Mat::zeros(4, 4);
        m.hessian(&X, h.as_mut());
        let by_matrix: Vec<f64> = (0..4).map(|i| (0..4).map(|j| h[(i, j)] * U[j]).sum()).collect();
        assert_close(&by_matrix, &product, 1e-9, &what);
        let mut applied = vec![0.0; 4];
        let linear = m.linearize(crate::linalg::column(&X));
        linear.apply(crate::linalg::column(&U), crate::linalg::column_mut(&mut applied));
        assert_close(&applied, &by_matrix, 1e-13, &what);
        let rate = differences(
            |s| {
                let mut h = Mat::zeros(4, 4);
                m.hessian(&moved(&X, &V, s), h.as_mut());
                (0..4).map(|i| (0..4).map(|j| h[(i, j)] * U[j]).sum()).collect()
            },
            1e-3,
        );
        let mut third = vec![0.0; 4];
        m.third(&X, &U, &V, &mut third);
        assert_close(&third, &rate, 1e-8, &what);
        for (number, (name, value)) in m.parameters().iter().enumerate() {
            let rate = differences(
                |h| {
                    let mut g = vec![0.0; 4];
                    m.with_parameter(name, value + h).unwrap().gradient(&X, &mut g);
                    g
                },
                1e-3,
            );
            let mut by = vec![0.0; 4];
            m.gradient_by(number, &X, &mut by);
            assert_close(&by, &rate, 1e-9, &format!("{what} by {name}"));
        }
    }
}

#[test]
fn a_batch_is_its_points() {
    for m in all() {
        let points = Mat::from_fn(4, 150, |i, j| X[i] + 0.01 * (j as f64) * U[i]);
        let (mut energies, mut gradients) = (vec![0.0; 150], Mat::zeros(4, 150));
        m.gradients(points.as_ref(), &mut energies, gradients.as_mut());
        let mut products = Mat::zeros(4, 150);
        m.linearize(points.as_ref()).apply(gradients.as_ref(), products.as_mut());
        for j in [0, 63, 64, 149] {
            let (x, g) = (points.col_as_slice(j), gradients.col_as_slice(j));
            let mut alone = vec![0.0; 4];
            assert_close(&[m.gradient(x, &mut alone)], &[energies[j]], 1e-14, "energy");
            assert_close(&alone, g, 1e-13, "gradient");
            let linear = m.linearize(crate::linalg::column(x));
            linear.apply(crate::linalg::column(g), crate::linalg::column_mut(&mut alone));
            assert_close(&alone, products.col_as_slice(j), 1e-13, "product");
        }
    }
}

#[test]
fn power_two_is_the_classical_quadratic_energy() {
    let y = patterns(5, 3);
    let w = vec![1.0; 3];
    let power = Separation::Power { p: 2 };
    let m = DenseMemory::new(y.as_ref(), w.clone(), power, Lagrangian::Identity, 0.3, 0.0).unwrap();
    let x = [0.4, -1.0, 0.7, 0.2, -0.9];
    // |x|^2/2 - x'Wx/2 with the Hebbian couplings W = scale sum y y'.
    let quadratic = |g: &[f64]| {
        let mut e = 0.0;
        for i in 0..5 {
            for j in 0..5 {
                let hebb: f64 = (0..3).map(|k| 0.3 * y[(i, k)] * y[(j, k)]).sum();
                e -= 0.5 * g[i] * hebb * g[j];
            }
        }
        e
    };
    assert_close(&[m.energy(&x)], &[0.5 * dot(&x, &x) + quadratic(&x)], 1e-14, "identity");
    // Hopfield 1984 with R = 1, no input: -V'WV/2 + sum of the integral of atanh.
    let m = DenseMemory::new(y.as_ref(), w, power, Lagrangian::Tanh { gain: 1.0 }, 0.3, 0.0).unwrap();
    let v: Vec<f64> = x.iter().map(|x: &f64| x.tanh()).collect();
    let integral: f64 = v.iter().map(|v| v * v.atanh() + 0.5 * (1.0 - v * v).ln()).sum();
    assert_close(&[m.energy(&x)], &[integral + quadratic(&v)], 1e-13, "tanh");
}

#[test]
fn saturated_neurons_keep_their_digits() {
    let y = Mat::from_fn(2, 1, |_, _| 1.0);
    let tanh = Lagrangian::Tanh { gain: 1.0 };
    let m = DenseMemory::new(y.as_ref(), vec![1.0], Separation::Power { p: 2 }, tanh, 20.0, 0.0).unwrap();
    // At x = (40, 40): 1 - g^2 = 4 e^-80, force 40 - 20 * 2 g = 80 e^-80.. = 0: the gradient at 41 is sech^2(41) * 1.
    let mut g = vec![0.0; 2];
    m.gradient(&[41.0, 41.0], &mut g);
    let exact = 4.0 * (-82.0_f64).exp();
    assert!((g[0] / exact - 1.0).abs() < 1e-12, "{} {exact}", g[0]);
    let far = m.gradient(&[1e300, -1e300], &mut g);
    assert!(far.is_finite() && g.iter().all(|g| g.is_finite()));
}

#[test]
fn what_overflows_or_has_no_meaning_is_refused_by_name() {
    let y = Mat::from_fn(1000, 2, |i, k| if (i + k) % 2 == 0 { 1.0 } else { -1.0 });
    let exp = Separation::Exponential { beta: 1.0 };
    let tanh = Lagrangian::Tanh { gain: 1.0 };
    let new = |s, l, scale| DenseMemory::new(y.as_ref(), vec![1.0; 2], s, l, scale, 0.0);
    assert!(new(exp, tanh, 1.0).unwrap_err().to_string().contains("`scale`"));
    // A small scale keeps a large exponential within range.
    assert!(new(exp, tanh, 1e-100).is_err() && new(exp, tanh, 1e-300).is_ok());
    for (s, l, scale, key) in [
        (Separation::Rectified { p: 1.5 }, tanh, 1.0, "`p`"),
        (Separation::Rectified { p: f64::NAN }, tanh, 1.0, "`p`"),
        (Separation::Power { p: 1 }, tanh, 1.0, "`p`"),
        (Separation::Exponential { beta: 0.0 }, tanh, 1.0, "`beta`"),
        (Separation::Power { p: 2 }, Lagrangian::Tanh { gain: 0.0 }, 1.0, "`gain`"),
        (Separation::Power { p: 2 }, tanh, -1.0, "`scale`"),
    ] {
        assert!(new(s, l, scale).unwrap_err().to_string().contains(key));
    }
}

#[test]
fn only_a_bounded_energy_has_a_region() {
    let y = patterns(3, 2);
    let new = |s, l, scale| DenseMemory::new(y.as_ref(), vec![1.0; 2], s, l, scale, 0.0).unwrap();
    let cube = Separation::Power { p: 3 };
    assert!(new(cube, Lagrangian::Identity, 1.0).unbounded().unwrap().contains("unbounded"));
    assert!(new(Separation::Power { p: 2 }, Lagrangian::Identity, 1e-2).region().is_some());
    assert!(new(Separation::Power { p: 2 }, Lagrangian::Identity, 1e2).region().is_none());
    assert!(new(cube, Lagrangian::Softmax { gain: 1.0 }, 1.0).region().is_some());
}

#[test]
fn the_dynamics_is_the_published_one_and_a_gradient_flow() {
    let free = |m: &DenseMemory| DenseMemory { confinement: 0.0, ..m.clone() };
    assert!(all().iter().all(|m| m.dynamics().is_none()));
    for m in all().iter().map(free).filter(|m| m.lagrangian != Lagrangian::Identity) {
        let what = format!("{:?} {:?}", m.separation, m.lagrangian);
        let velocity = |x: &[f64]| {
            let mut v = vec![0.0; 4];
            m.velocity(x, &mut v);
            v
        };
        // x' = -(x - sum F' y), in the quotient by shifts where these are null.
        let mut published: Vec<f64> =
            m.recall(&m.activation(&X)).iter().zip(&X).map(|(r, x)| r - x).collect();
        let mut v = velocity(&X);
        if m.pin() > 0.0 {
            for w in [&mut published, &mut v] {
                let mean = w.iter().sum::<f64>() / 4.0;
                w.iter_mut().for_each(|w| *w -= mean);
            }
        }
        assert_close(&v, &published, 1e-13, &what);
        // G v = -grad E.
        let mut back = m.lagrangian.at(&X).second(&velocity(&X));
        let ones = m.pin() * velocity(&X).iter().sum::<f64>();
        back.iter_mut().for_each(|b| *b = -*b - ones);
        assert_close(&back, &gradient(&m, &X), 1e-13, &what);
        let mut jacobian = Mat::zeros(4, 4);
        m.jacobian(&X, jacobian.as_mut());
        let pushed: Vec<f64> = (0..4).map(|i| (0..4).map(|j| jacobian[(i, j)] * U[j]).sum()).collect();
        assert_close(&pushed, &differences(|h| velocity(&moved(&X, &U, h)), 1e-3), 1e-9, &what);
        let mut applied = vec![0.0; 4];
        m.apply_jacobian(&X, crate::linalg::column(&U), crate::linalg::column_mut(&mut applied));
        assert_close(&applied, &pushed, 1e-13, &what);
    }
}
