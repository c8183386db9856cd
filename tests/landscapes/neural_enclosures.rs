//! Learned energies in verified arithmetic: against JAX, against values in ordinary arithmetic, by how they shrink, and
//! the planar energy proven complete.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use faer::{Mat, MatRef};
use smale::Control;
use smale::critical::{Options, search};
use smale::data::read_tensors;
use smale::landscape::neural::activation::Activation;
use smale::landscape::neural::{self, Neural};
use smale::landscape::{Enclose, Family, Landscape};
use smale::rigor::prune::{Limits, zeros};
use smale::rigor::{Expansion, Interval};
use smale::study::Section;

fn build(pairs: &[&str]) -> Box<dyn Family> {
    let mut section = Section::from_pairs("landscape", pairs).unwrap();
    (neural::KIND.build)(&mut section).unwrap_or_else(|e| panic!("{pairs:?}: {e}"))
}

fn centroids(more: &[&str]) -> Box<dyn Family> {
    let all = ["weights=data/centroids/step-*.safetensors", "activation=softplus", "lambda=1.0"];
    build(&[&all, more].concat())
}

fn values(file: &str) -> BTreeMap<String, Mat<f64>> {
    let matrix = |t: &smale::data::Tensor| {
        let columns: usize = t.shape.iter().skip(1).product();
        Mat::from_fn(columns, t.shape[0], |i, j| t.values[j * columns + i])
    };
    read_tensors(Path::new(file)).unwrap().list.iter().map(|t| (t.name.clone(), matrix(t))).collect()
}

fn points(x: &[f64]) -> Vec<Interval> {
    x.iter().map(|c| Interval::point(*c)).collect()
}

fn about(x: &[f64], h: f64) -> Vec<Interval> {
    x.iter().map(|c| Interval::about(*c, h)).collect()
}

fn column(a: MatRef<'_, f64>, j: usize) -> Vec<f64> {
    a.col(j).iter().copied().collect()
}

fn gradient(c: &dyn Enclose, x: &[Interval]) -> Vec<Interval> {
    let mut out = vec![Interval::ENTIRE; x.len()];
    c.gradient(x, &mut out);
    out
}

/// Is `truth`, known to within `slack`, in the enclosure?
fn holds(x: Interval, truth: f64, slack: f64) -> bool {
    x.lo() - slack <= truth && truth <= x.hi() + slack
}

/// Points give JAX's values, in enclosures hardly wider than the rounding errors.
fn check(e: &dyn Landscape, known: &BTreeMap<String, Mat<f64>>, prefix: &str, width: f64) {
    let c = e.enclose().unwrap();
    let get = |name: &str| known[&format!("{prefix}{name}")].as_ref();
    let (at, vectors) = (get("points"), get("vectors"));
    for j in 0..at.ncols().min(20) {
        let x = points(&column(at, j));
        let scale = 1.0 + get("gradient").norm_max() + get("hvp").norm_max();
        let energy = c.energy(&x);
        let truth = get("energy")[(0, j)];
        assert!(
            holds(energy, truth, 1e-12 * (1.0 + truth.abs())) && energy.width() < width * (1.0 + truth.abs())
        );
        let g = gradient(&*c, &x);
        let h = c.hessian(&x);
        for i in 0..x.len() {
            let truth = get("gradient")[(i, j)];
            assert!(holds(g[i], truth, 1e-12 * scale), "{prefix} gradient {i} at {j}: {:?} {truth}", g[i]);
            assert!(g[i].width() < width * scale, "{prefix} {:?}", g[i]);
            let product = (0..x.len()).fold(Interval::ZERO, |sum, k| {
                sum + Interval::about(h.mid[(i, k)], h.rad[(i, k)]).scale(vectors[(k, j)])
            });
            let truth = get("hvp")[(i, j)];
            assert!(holds(product, truth, 1e-12 * scale), "{prefix} product {i} at {j}: {product:?} {truth}");
            assert!(product.width() < 100.0 * width * scale, "{prefix} {product:?}");
        }
    }
}

#[test]
fn points_agree_with_jax() {
    for training in ["0", "30.25", "60"] {
        let e = centroids(&[&format!("training={training}")]);
        check(&*e, &values(&format!("data/centroids/values-{training}.safetensors")), "", 1e-10);
    }
    let digits = ["weights=data/digits-energy/digits.safetensors", "activation=softplus", "lambda=6.25"];
    check(&*build(&digits), &values("data/digits-energy/values.safetensors"), "", 1e-9);
}

#[test]
fn each_architecture_agrees_with_jax_or_says_what_it_cannot() {
    let known = values("tests/networks/values.safetensors");
    let mut enclosed = 0;
    for name in known.keys().filter_map(|k| k.strip_suffix("/points")) {
        let file = |ending: &str| format!("tests/networks/{name}.{ending}");
        if known.contains_key(&format!("{name}/score")) {
            continue;
        }
        let weights = [file("eqx"), file("safetensors"), "tests/networks/weights.safetensors".to_string()];
        let weights = weights.iter().find(|f| Path::new(f).exists()).unwrap();
        let mut pairs = vec![format!("weights={weights}")];
        pairs.push(match Path::new(&file("toml")).exists() {
            true => format!("architecture={}", file("toml")),
            false => "activation=softplus".to_string(),
        });
        pairs.push(format!("lambda={}", known[&format!("{name}/lambda")][(0, 0)]));
        if let Some(t) = known.get(&format!("{name}/t")) {
            pairs.push(format!("t={}", t[(0, 0)]));
        }
        let e = build(&pairs.iter().map(String::as_str).collect::<Vec<_>>());
        let refused = e.enclose().err();
        match refused {
            None => {
                enclosed += 1;
                check(&*e, &known, &format!("{name}/"), 1e-10);
            }
            Some(why) => {
                let named = ["layer norm", "time or Fourier"].iter().any(|w| why.contains(w));
                assert!(named, "{name}: {why}");
            }
        }
    }
    assert!(enclosed >= 12, "{enclosed}");
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn perceptron(&mut self, widths: &[usize], activation: Activation, lambda: f64) -> Neural {
        let layers = widths.windows(2).map(|w| {
            let size = (3.0 / w[0] as f64).sqrt();
            let weight = Mat::from_fn(w[1], w[0], |_, _| size * self.next());
            (weight, (0..w[1]).map(|_| 0.5 * self.next()).collect())
        });
        Neural::perceptron(layers.collect(), activation, lambda).unwrap()
    }
}

const ALL: [Activation; 12] = [
    Activation::Softplus { beta: 1.0 },
    Activation::Softplus { beta: 2.0 },
    Activation::Tanh,
    Activation::Silu,
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Elu { alpha: 1.0 },
    Activation::SquaredRelu,
    Activation::Relu,
    Activation::Sin { omega: 1.5 },
    Activation::Cos,
    Activation::Identity,
];

#[test]
fn boxes_hold_what_happens_in_them() {
    let mut random = Random(11);
    for activation in ALL {
        for n in [1, 2, 3, 4, 6, 9] {
            let e = random.perceptron(&[n, 12, 10, 1], activation, 0.7);
            let (c, mut out) = (e.enclose().unwrap(), Expansion::new(n));
            let system = c.system();
            for h in [0.0, 1e-6, 0.01, 0.1, 0.4] {
                let center: Vec<f64> = (0..n).map(|_| 1.5 * random.next()).collect();
                let x = about(&center, h);
                // A place that is not the middle, too.
                let at: Vec<f64> = center.iter().map(|c| c + 0.5 * h).collect();
                system.expand(&x, &at, &mut out);
                let (energy, g, hessian) = (c.energy(&x), gradient(&*c, &x), c.hessian(&x));
                for k in 0..12 {
                    let y: Vec<f64> = match k {
                        0 => at.clone(),
                        // Corners are where bounds are met.
                        1..5 => center.iter().map(|c| c + h * random.next().signum()).collect(),
                        _ => center.iter().map(|c| c + h * random.next()).collect(),
                    };
                    let (mut truth, mut curved) = (vec![0.0; n], Mat::zeros(n, n));
                    let value = e.gradient(&y, &mut truth);
                    Landscape::hessian(&e, &y, curved.as_mut());
                    let place = format!("{activation:?}, n = {n}, h = {h}");
                    assert!(holds(energy, value, 1e-13 * (1.0 + value.abs())), "{place}: {energy:?} {value}");
                    for i in 0..n {
                        assert!(holds(g[i], truth[i], 1e-13), "{place}: {:?} {}", g[i], truth[i]);
                        assert!(
                            holds(out.range[i], truth[i], 1e-13),
                            "{place}: {:?} {}",
                            out.range[i],
                            truth[i]
                        );
                        assert!(k > 0 || holds(out.value[i], truth[i], 1e-13), "{place}: {:?}", out.value[i]);
                        for j in 0..n {
                            let ball = Interval::about(hessian.mid[(i, j)], hessian.rad[(i, j)]);
                            assert!(
                                holds(ball, curved[(i, j)], 1e-12),
                                "{place}: {ball:?} {}",
                                curved[(i, j)]
                            );
                            assert!(holds(out.jacobian[i * n + j], curved[(i, j)], 1e-12), "{place}");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn gradients_are_of_third_order_and_hessians_of_second() {
    let e = centroids(&["training=60"]);
    let c = e.enclose().unwrap();
    let system = c.system();
    let excess = |h: f64| {
        let mut out = Expansion::new(2);
        let at = [0.7, -0.4];
        system.expand(&about(&at, h), &at, &mut out);
        // What the linear part alone leaves: |H| h, at the middle.
        let thin = c.hessian(&points(&at));
        let linear = (thin.mid[(0, 0)].abs() + thin.mid[(0, 1)].abs()) * h;
        (out.range[0].rad() - linear, out.jacobian[3].rad())
    };
    let ((g, h), (g4, h4)) = (excess(1e-3), excess(2.5e-4));
    // A quarter of the size: a 16th of what is beyond the linear part, a quarter of the Hessian's width.
    assert!((14.0..20.0).contains(&(g / g4)) && (3.9..4.7).contains(&(h / h4)), "{g} {g4} {h} {h4}");
    // The width of the Hessian is that of its third derivative, known from differences, and little else.
    let entry = |t: f64| c.hessian(&points(&[0.7 + t, -0.4])).mid[(1, 1)];
    let other = |t: f64| c.hessian(&points(&[0.7, -0.4 + t])).mid[(1, 1)];
    let rate = (entry(1e-4) - entry(-1e-4)).abs() + (other(1e-4) - other(-1e-4)).abs();
    assert!(h4 <= 1.05 * rate / 2e-4 * 2.5e-4, "{h4} {}", rate / 2e-4 * 2.5e-4);
}

#[test]
fn a_kink_leaves_the_hessian_open_and_the_gradient_bounded() {
    let weight = |a: &[f64]| Mat::from_fn(a.len(), 1, |i, _| a[i]);
    for (activation, steps) in [(Activation::SquaredRelu, 2.0), (Activation::Elu { alpha: 1.0 }, 1.0)] {
        let layers = vec![(weight(&[1.0]), vec![0.0]), (weight(&[1.0]), vec![])];
        let e = Neural::perceptron(layers, activation, 0.5).unwrap();
        let c = e.enclose().unwrap();
        let kink = [Interval::new(-0.25, 0.5)];
        assert_eq!(c.hessian(&kink).rad[(0, 0)], f64::INFINITY);
        let g = gradient(&*c, &kink)[0];
        assert!(g.is_bounded() && g.width() < 3.0 + steps);
        assert_eq!(c.lipschitz(&[0.0], 0.1), f64::INFINITY);
        let away = [Interval::new(0.25, 0.5)];
        assert!(c.hessian(&away).rad[(0, 0)] < 1e-12 && c.lipschitz(&[0.5], 0.25) < 1e-150);
    }
}

#[test]
fn lipschitz_constants_bound_differences_of_hessians() {
    // Of softplus(x) the third derivative is at most 1/(6 sqrt 3), at log(2 + sqrt 3); of q x^4 it is 24 q x.
    let one = |value: f64| (Mat::from_fn(1, 1, |_, _| value), vec![0.0]);
    let e = Neural::perceptron(vec![one(1.0), one(1.0)], Activation::Softplus { beta: 1.0 }, 0.0).unwrap();
    let c = e.enclose().unwrap();
    let extreme = 1.0 / (6.0 * 3f64.sqrt());
    let place = (2.0 + 3f64.sqrt()).ln();
    for radius in [1e-3, 0.1, 1.0] {
        let l = c.lipschitz(&[place], radius);
        assert!(l >= extreme * (1.0 - 1e-15) && l < extreme * 1.000_001, "{l} {extreme}");
    }
    let confined = e.with_parameter("quartic", 2.0).unwrap();
    let l = confined.enclose().unwrap().lipschitz(&[-1.0], 0.5);
    // Less what softplus takes off at -1.5.
    let s = 1.0 / (1.0 + 1.5f64.exp());
    let truth = 72.0 - s * (1.0 - s) * (1.0 - 2.0 * s);
    assert!(l >= truth && l < 72.1, "{l} {truth}");
    let mut random = Random(5);
    for activation in [Activation::Softplus { beta: 1.0 }, Activation::Tanh, Activation::Gelu] {
        for n in [2, 6, 10] {
            let e = random.perceptron(&[n, 12, 10, 1], activation, 0.3);
            let c = e.enclose().unwrap();
            for radius in [1e-3, 0.3] {
                let center: Vec<f64> = (0..n).map(|_| random.next()).collect();
                let l = c.lipschitz(&center, radius);
                for _ in 0..40 {
                    // A direction in the ball, both ends.
                    let u: Vec<f64> = (0..n).map(|_| random.next()).collect();
                    let length = u.iter().map(|u| u * u).sum::<f64>().sqrt();
                    let at = |s: f64| -> Vec<f64> {
                        center.iter().zip(&u).map(|(c, u)| c + s * 0.999 * radius * u / length).collect()
                    };
                    let (mut a, mut b) = (Mat::zeros(n, n), Mat::zeros(n, n));
                    Landscape::hessian(&e, &at(1.0), a.as_mut());
                    Landscape::hessian(&e, &at(-1.0), b.as_mut());
                    // Along u alone: no more than the spectral norm.
                    let d = &a - &b;
                    let along = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
                    let along: f64 = along.map(|(i, j)| u[i] * d[(i, j)] * u[j] / (length * length)).sum();
                    assert!(along.abs() <= l * 2.0 * radius + 1e-12, "{activation:?} {n}: {along} {l}");
                }
                assert!(l < 1e4);
            }
        }
    }
}

#[test]
fn all_critical_points_lie_where_the_slope_allows() {
    let one = |value: f64| (Mat::from_fn(1, 1, |_, _| value), vec![0.3]);
    let layers = vec![one(-2.0), one(3.0)];
    let e = Neural::perceptron(layers.clone(), Activation::Tanh, 0.5).unwrap();
    // |f'| <= 6, so that |x| <= 12.
    let radius = e.enclose().unwrap().everywhere().unwrap().radius;
    assert!((12.0..12.000_001).contains(&radius), "{radius}");
    let tilted = e.with_parameter("tilt0", -1.0).unwrap();
    let radius = tilted.enclose().unwrap().everywhere().unwrap().radius;
    assert!((14.0..14.000_001).contains(&radius), "{radius}");
    let confined = tilted.with_parameter("quartic", 0.25).unwrap();
    let c = confined.enclose().unwrap();
    let r = c.everywhere().unwrap().radius;
    assert!(r * r * r + 0.5 * r >= 7.0 && r < 1.85, "{r}");
    let flat = e.with_parameter("lambda", 0.0).unwrap();
    assert!(flat.enclose().unwrap().everywhere().is_none());
    let steep = Neural::perceptron(layers, Activation::SquaredRelu, 0.5).unwrap();
    assert!(steep.enclose().unwrap().everywhere().is_none());
    // Without a bound of the norm itself the ball would be smaller than a critical point allows.
    let e = Random(2).perceptron(&[2, 30, 20, 1], Activation::Tanh, 0.05);
    let radius = e.enclose().unwrap().everywhere().unwrap().radius;
    let mut random = Random(9);
    for _ in 0..200 {
        let mut g = [0.0; 2];
        let x = [random.next(), random.next()];
        e.gradient(&x, &mut g);
        let f = [g[0] - 0.05 * x[0], g[1] - 0.05 * x[1]];
        assert!(f[0].hypot(f[1]) / 0.05 <= radius);
    }
}

#[test]
fn between_files_weights_are_known_up_to_radii() {
    let e = centroids(&["training=30.3"]);
    let c = e.enclose().unwrap();
    let mut g = [0.0; 2];
    for (a, b) in [(0.3, 0.4), (-1.1, 0.9), (2.0, -0.7)] {
        let value = e.gradient(&[a, b], &mut g);
        let x = points(&[a, b]);
        assert!(holds(c.energy(&x), value, 1e-13));
        let over = gradient(&*c, &x);
        assert!((0..2).all(|i| holds(over[i], g[i], 1e-12) && over[i].width() < 1e-9));
    }
}

/// What the study of the centroids says must come out: four minima, four saddles, one maximum; here as a theorem on all
/// of a square, and by a search.
#[test]
fn the_trained_planar_energy_is_complete() {
    let e = centroids(&["training=60"]);
    let c = e.enclose().unwrap();
    let system = c.system();
    let within = [Interval::new(-3.0, 3.0); 2];
    let proven = zeros(system.as_ref(), &within, &Limits::default(), &|| false);
    assert!(proven.is_complete() && proven.found.len() == 9);
    let mut indices: Vec<usize> = proven
        .found
        .iter()
        .map(|zero| {
            let h = c.hessian(&zero.enclosure);
            let entry = |i: usize, j: usize| Interval::about(h.mid[(i, j)], h.rad[(i, j)]);
            let det = entry(0, 0) * entry(1, 1) - entry(0, 1).sqr();
            assert!(!det.contains(0.0));
            match (det.lo() > 0.0, entry(0, 0).lo() > 0.0) {
                (false, _) => 1,
                (true, true) => 0,
                (true, false) => 2,
            }
        })
        .collect();
    indices.sort();
    assert_eq!(indices, [0, 0, 0, 0, 1, 1, 1, 1, 2]);
    let set = search(&*e, None, &Options::default(), &Control::quiet()).unwrap();
    assert_eq!(set.points.len(), proven.found.len());
    for point in &set.points {
        let inside = |zero: &smale::rigor::prune::Zero| {
            zero.enclosure.iter().zip(&point.x).all(|(x, c)| holds(*x, *c, 1e-9))
        };
        assert_eq!(proven.found.iter().filter(|zero| inside(zero)).count(), 1);
    }
}
