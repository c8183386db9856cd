use super::*;

fn weights(dim: usize, heads: usize, head_dim: usize, memories: usize) -> Weights {
    let mut turn = 0.3_f64;
    let mut next = |size: f64| {
        turn += 1.618_033_988_75;
        size * (turn * turn).sin()
    };
    Weights {
        dim,
        heads,
        head_dim,
        key: (0..heads * head_dim * dim).map(|_| next(0.8)).collect(),
        query: (0..heads * head_dim * dim).map(|_| next(0.8)).collect(),
        memory: (0..memories * dim).map(|_| next(0.7)).collect(),
        delta: (0..dim).map(|_| next(0.2)).collect(),
    }
}

/// p = 4: third derivatives are continuous.
const CLEAN: Separation = Separation::Rectified { p: 4.0 };

fn some(epsilon: f64, confinement: f64) -> EnergyTransformer {
    EnergyTransformer::new(3, weights(4, 2, 3, 5), CLEAN, 0.9, 1.3, epsilon, confinement).unwrap()
}

fn all() -> Vec<EnergyTransformer> {
    vec![some(0.0, 0.0), some(0.1, 0.0), some(0.1, 0.3)]
}

fn point(seed: f64) -> Vec<f64> {
    (0..12).map(|i| (seed + 2.4 * (i * i) as f64).sin() * 1.3).collect()
}

fn moved(x: &[f64], u: &[f64], h: f64) -> Vec<f64> {
    x.iter().zip(u).map(|(x, u)| x + h * u).collect()
}

fn differences(f: impl Fn(f64) -> Vec<f64>) -> Vec<f64> {
    let h = 1e-3;
    let (a, b, c, d) = (f(-2.0 * h), f(-h), f(h), f(2.0 * h));
    (0..a.len()).map(|i| (a[i] - 8.0 * b[i] + 8.0 * c[i] - d[i]) / (12.0 * h)).collect()
}

fn assert_close(a: &[f64], b: &[f64], tolerance: f64, what: &str) {
    let size = a.iter().chain(b).fold(1e-3_f64, |m, v| m.max(v.abs()));
    assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < tolerance * size), "{what}: {a:?} against {b:?}");
}

/// The energy as it is printed.
fn defined(t: &EnergyTransformer, x: &[f64]) -> f64 {
    let w = &t.weights;
    let (d, y) = (w.dim, w.head_dim);
    let mut e = 0.5 * t.confinement * x.iter().map(|x| x * x).sum::<f64>();
    let mut g = vec![];
    for x in x.chunks(d) {
        let mean = x.iter().sum::<f64>() / d as f64;
        let var = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / d as f64;
        g.push(
            (0..d)
                .map(|i| t.gamma * (x[i] - mean) / (var + t.epsilon).sqrt() + w.delta[i])
                .collect::<Vec<_>>(),
        );
        if t.confinement == 0.0 {
            e += 0.5 * d as f64 * mean * mean;
            if t.epsilon == 0.0 {
                e += d as f64 / 2.0 * (var.sqrt() - 1.0).powi(2);
            }
        }
    }
    let row = |m: &[f64], h: usize, a: usize, g: &[f64]| -> f64 {
        (0..d).map(|j| m[(h * y + a) * d + j] * g[j]).sum()
    };
    for h in 0..w.heads {
        for c in 0..t.tokens {
            let mut sum = 0.0;
            for b in (0..t.tokens).filter(|b| *b != c) {
                let kq: f64 = (0..y).map(|a| row(&w.key, h, a, &g[b]) * row(&w.query, h, a, &g[c])).sum();
                sum += (t.beta * kq).exp();
            }
            e -= sum.ln() / t.beta;
        }
    }
    for g in &g {
        for xi in w.memory.chunks(d) {
            e -= xi.iter().zip(g).map(|(a, b)| a * b).sum::<f64>().max(0.0).powi(4) / 4.0;
        }
    }
    e
}

#[test]
fn all_derivatives_are_those_of_the_printed_energy() {
    let (x, u, v) = (point(0.2), point(1.1), point(2.3));
    for t in all() {
        let what = format!("epsilon {}, confinement {}", t.epsilon, t.confinement);
        assert_close(&[t.energy(&x)], &[defined(&t, &x)], 1e-13, &what);
        let gradient = |x: &[f64]| {
            let mut g = vec![0.0; 12];
            t.gradient(x, &mut g);
            g
        };
        let unit = |i: usize| (0..12).map(|j| f64::from(u8::from(i == j))).collect::<Vec<f64>>();
        let slopes: Vec<f64> =
            (0..12).map(|i| differences(|h| vec![defined(&t, &moved(&x, &unit(i), h))])[0]).collect();
        assert_close(&gradient(&x), &slopes, 1e-8, &what);
        let product = |x: &[f64], u: &[f64]| {
            let mut out = vec![0.0; 12];
            let linear = t.linearize(crate::linalg::column(x));
            linear.apply(crate::linalg::column(u), crate::linalg::column_mut(&mut out));
            out
        };
        assert_close(&product(&x, &u), &differences(|h| gradient(&moved(&x, &u, h))), 1e-8, &what);
        let mut h = Mat::zeros(12, 12);
        t.hessian(&x, h.as_mut());
        let by_matrix: Vec<f64> = (0..12).map(|i| (0..12).map(|j| h[(i, j)] * u[j]).sum()).collect();
        assert_close(&by_matrix, &product(&x, &u), 1e-12, &what);
        let mut third = vec![0.0; 12];
        t.third(&x, &u, &v, &mut third);
        assert_close(&third, &differences(|h| product(&moved(&x, &v, h), &u)), 1e-7, &what);
        for (number, (name, value)) in t.parameters().iter().enumerate().filter(|p| p.1.1 > 0.0) {
            let mut by = vec![0.0; 12];
            t.gradient_by(number, &x, &mut by);
            let rate = differences(|h| {
                let mut g = vec![0.0; 12];
                t.with_parameter(name, value + h).unwrap().gradient(&x, &mut g);
                g
            });
            assert_close(&by, &rate, 1e-8, &format!("{what} by {name}"));
        }
    }
}

#[test]
fn the_dynamics_is_a_gradient_flow_with_the_metric_of_the_layer_norm() {
    let x = point(0.7);
    for t in [some(0.0, 0.0), some(0.1, 0.0)] {
        let velocity = |x: &[f64]| {
            let mut v = vec![0.0; 12];
            t.velocity(x, &mut v);
            v
        };
        let (mut jacobian, v) = (Mat::zeros(12, 12), velocity(&x));
        t.jacobian(&x, jacobian.as_mut());
        let u = point(1.9);
        let pushed: Vec<f64> = (0..12).map(|i| (0..12).map(|j| jacobian[(i, j)] * u[j]).sum()).collect();
        assert_close(&pushed, &differences(|h| velocity(&moved(&x, &u, h))), 1e-8, "jacobian");
        // G v = -grad E with G the layer norm's metric, 1 in the pinned directions.
        let at = t.freeze(&x);
        let mut back = t.second(&at, &v);
        for (b, norm) in at.norms.iter().enumerate() {
            let (v, back) = (&v[4 * b..4 * b + 4], &mut back[4 * b..4 * b + 4]);
            let mean = v.iter().sum::<f64>() / 4.0;
            back.iter_mut().for_each(|o| *o += mean);
            if t.epsilon == 0.0 {
                axpy(dot(v, &norm.arm) / dot(&norm.arm, &norm.arm), &norm.arm, back);
            }
        }
        let mut g = vec![0.0; 12];
        t.gradient(&x, &mut g);
        g.iter_mut().for_each(|g| *g = -*g);
        assert_close(&back, &g, 1e-12, "metric");
        // Away from the pinned directions the velocity is -dE/dg.
        let mut published = t.block().gradient(&at.point);
        t.project(&at.norms, &mut published);
        let mut seen = v.clone();
        t.project(&at.norms, &mut seen);
        published.iter_mut().for_each(|p| *p = -*p);
        assert_close(&seen, &published, 1e-12, "published");
    }
}

#[test]
fn a_block_of_one_token_has_its_memories_only() {
    let w = weights(4, 2, 3, 5);
    let t = EnergyTransformer::new(1, w.clone(), CLEAN, 0.9, 1.0, 0.0, 0.0).unwrap();
    let x = [1.0, -1.0, 1.0, -1.0];
    let mut e = 0.0;
    for xi in w.memory.chunks(4) {
        let z: f64 = (0..4).map(|i| xi[i] * (x[i] + w.delta[i])).sum();
        e -= z.max(0.0).powi(4) / 4.0;
    }
    assert!((t.energy(&x) - e).abs() < 1e-13);
}

#[test]
fn wrong_weights_are_refused() {
    let new = |w: Weights, gamma, epsilon, confinement| {
        EnergyTransformer::new(2, w, CLEAN, 1.0, gamma, epsilon, confinement).unwrap_err().to_string()
    };
    let mut bad = weights(4, 2, 3, 5);
    bad.key.pop();
    assert!(new(bad, 1.0, 0.0, 0.0).contains("2 heads x 3 x 4"));
    let mut bad = weights(4, 2, 3, 5);
    bad.memory[3] = f64::NAN;
    assert!(new(bad, 1.0, 0.0, 0.0).contains("finite"));
    assert!(new(weights(2, 1, 1, 1), 1.0, 0.0, 0.0).contains("below 3"));
    assert!(new(weights(4, 1, 1, 1), 0.0, 0.0, 0.0).contains("`gamma`"));
    assert!(new(weights(4, 1, 1, 1), 1.0, 0.0, 1.0).contains("`confinement`"));
}
