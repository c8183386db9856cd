//! Networks of all kinds against differences of what they compute, and files that are wrong.

use std::path::Path;

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::activation::Activation;
use super::architecture::Clock;
use super::network::{Layer, Network};
use super::norm::Norm;
use super::path::PathOfNetworks;
use super::time::{Stage, TimeRow};
use super::*;
use crate::landscape::mixture::Schedule;

pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    pub(super) fn new(seed: u64) -> Draw {
        Draw(ChaCha8Rng::seed_from_u64(seed))
    }

    fn number(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    pub(super) fn vector(&mut self, n: usize) -> Vec<f64> {
        (0..n).map(|_| self.number()).collect()
    }

    pub(super) fn matrix(&mut self, rows: usize, columns: usize) -> Mat<f64> {
        let scale = 1.0 / (columns as f64).sqrt();
        Mat::from_fn(rows, columns, |_, _| scale * self.number())
    }

    pub(super) fn linear(&mut self, out: usize, of: usize) -> Layer {
        Layer::Linear { weight: self.matrix(out, of), bias: self.vector(out) }
    }

    fn norm(&mut self, width: usize) -> Layer {
        Layer::Norm(Norm { gain: self.vector(width), shift: self.vector(width), epsilon: 1e-3 })
    }
}

pub(super) fn act(activation: Activation, width: usize) -> Layer {
    Layer::Activation(vec![(activation, width)])
}

/// Networks of every feature from R^3 to R^m, with the dependence on time where there is one.
pub(super) fn networks(m: usize) -> Vec<(String, Network, Option<Stage>)> {
    let mut list = vec![];
    let mut draw = Draw::new(7);
    let names = super::activation::NAMES.iter().filter(|(n, _)| *n != "relu").copied();
    for (name, a) in names {
        let layers = vec![draw.linear(7, 3), act(a, 7), draw.linear(5, 7), act(a, 5), draw.linear(m, 5)];
        list.push((name.to_string(), Network::new(3, layers).unwrap(), None));
    }
    let soft = Activation::Softplus { beta: 1.5 };
    let layers = vec![
        draw.linear(6, 3),
        draw.norm(6),
        act(soft, 6),
        Layer::Open,
        draw.linear(4, 6),
        draw.norm(4),
        act(Activation::Tanh, 4),
        Layer::Open,
        act(Activation::Silu, 4),
        Layer::Close { scale: 0.3 },
        draw.linear(6, 4),
        Layer::Close { scale: 0.7 },
        draw.norm(6),
        act(Activation::Silu, 6),
        draw.linear(m, 6),
        // A nonlinear end, too.
        act(Activation::Tanh, m),
    ];
    list.push(("residual, norm".to_string(), Network::new(3, layers).unwrap(), None));
    let stage = vec![
        Layer::Linear { weight: draw.matrix(10, 3), bias: vec![0.0; 10] },
        Layer::Activation(vec![
            (Activation::Sin { omega: 1.0 }, 3),
            (Activation::Cos, 3),
            (Activation::Identity, 4),
        ]),
        draw.linear(6, 10),
        act(Activation::Silu, 6),
        draw.linear(m, 6),
    ];
    let mut rows = vec![TimeRow::Absent; 7];
    rows.extend([TimeRow::Itself, TimeRow::Sin(1.7), TimeRow::Cos(0.6)]);
    let clock = Clock { of_sigma: true, log: true, scale: 0.25 };
    let time = Stage::new(rows, clock, Schedule::VarianceExploding { s: 1.3 });
    list.push(("fourier, time".to_string(), Network::new(3, stage).unwrap(), Some(time)));
    list
}

fn landscapes() -> Vec<(String, Neural)> {
    let mut list = vec![];
    for ((name, network, stage), (_, other, _)) in networks(1).into_iter().zip(networks(1)) {
        // The end of the path: the same network with other numbers.
        let far = network.towards(&other.difference(&network), -0.8);
        let path = PathOfNetworks::new(vec![network, far], stage, 0.4, 0.6).unwrap();
        list.push((name, Neural::new(path, 0.7, 0.05, vec![0.1, -0.2, 0.3]).unwrap()));
    }
    list
}

/// Fourth-order central difference of a vector function at 0.
pub(super) fn difference(f: impl Fn(f64) -> Vec<f64>) -> Vec<f64> {
    let h = 1e-3;
    let (a, b, c, d) = (f(-2.0 * h), f(-h), f(h), f(2.0 * h));
    (0..a.len()).map(|i| (8.0 * (c[i] - b[i]) - (d[i] - a[i])) / (12.0 * h)).collect()
}

pub(super) fn close(a: &[f64], b: &[f64], what: &str) {
    let scale = 1.0 + b.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() < 1e-9 * scale, "{what}: {a} against {b}");
    }
}

pub(super) fn moved(x: &[f64], v: &[f64], h: f64) -> Vec<f64> {
    x.iter().zip(v).map(|(x, v)| x + h * v).collect()
}

fn gradient(e: &dyn Landscape, x: &[f64]) -> Vec<f64> {
    let mut g = vec![0.0; x.len()];
    e.gradient(x, &mut g);
    g
}

fn hessian_times(e: &dyn Landscape, x: &[f64], v: &[f64]) -> Vec<f64> {
    let mut h = Mat::zeros(x.len(), x.len());
    e.hessian(x, h.as_mut());
    (0..x.len()).map(|i| (0..x.len()).map(|j| h[(i, j)] * v[j]).sum()).collect()
}

#[test]
fn derivatives_are_those_of_the_energy() {
    for (name, e) in landscapes() {
        let mut draw = Draw::new(3);
        for _ in 0..4 {
            let (x, u, v) = (draw.vector(3), draw.vector(3), draw.vector(3));
            let g = gradient(&e, &x);
            let along = [crate::linalg::dot(&g, &u)];
            close(&along, &difference(|h| vec![e.energy(&moved(&x, &u, h))]), &format!("{name}, gradient"));
            let hv = hessian_times(&e, &x, &v);
            close(&hv, &difference(|h| gradient(&e, &moved(&x, &v, h))), &format!("{name}, Hessian"));
            let mut third = vec![0.0; 3];
            e.third(&x, &u, &v, &mut third);
            let truth = difference(|h| hessian_times(&e, &moved(&x, &u, h), &v));
            if name != "relu2" {
                close(&third, &truth, &format!("{name}, third"));
            }
        }
    }
}

#[test]
fn batches_of_any_size_agree_with_single_points() {
    for (name, e) in landscapes() {
        let mut draw = Draw::new(4);
        // More than a block of points.
        let (points, vectors) = (draw.matrix(3, 150), draw.matrix(3, 150));
        let (mut energies, mut g) = (vec![0.0; 150], Mat::zeros(3, 150));
        e.gradients(points.as_ref(), &mut energies, g.as_mut());
        let (mut again, mut g2, mut p) = (vec![0.0; 150], Mat::zeros(3, 150), Mat::zeros(3, 150));
        e.gradients_and_products(points.as_ref(), vectors.as_ref(), &mut again, g2.as_mut(), p.as_mut());
        let mut hv = Mat::zeros(3, 150);
        e.linearize(points.as_ref()).apply(vectors.as_ref(), hv.as_mut());
        for j in [0, 1, 17, 127, 128, 149] {
            let (x, v) = (points.col_as_slice(j), vectors.col_as_slice(j));
            let truth = gradient(&e, x);
            close(&[energies[j], again[j]], &[e.energy(x), e.energy(x)], &name);
            close(g.col_as_slice(j), &truth, &name);
            close(g2.col_as_slice(j), &truth, &name);
            let truth = hessian_times(&e, x, v);
            close(p.col_as_slice(j), &truth, &format!("{name}, product"));
            close(hv.col_as_slice(j), &truth, &format!("{name}, linearization"));
        }
        // One point, many vectors; in higher dimension nothing is kept but the tape.
        let frozen = Frozen::scalar(e.network(), points.subcols(5, 1));
        let mut many = Mat::zeros(3, 150);
        frozen.hessian_vectors(e.network(), vectors.as_ref(), many.as_mut());
        e.confine_products(points.subcols(5, 1), vectors.as_ref(), many.as_mut());
        let mut kept = Mat::zeros(3, 150);
        e.linearize(points.subcols(5, 1)).apply(vectors.as_ref(), kept.as_mut());
        for j in 0..150 {
            close(many.col_as_slice(j), kept.col_as_slice(j), &format!("{name}, one point"));
        }
    }
}

#[test]
fn a_hessian_in_chunks_is_made_of_products() {
    // More columns than go forward together, and not a multiple of these.
    let n = 75;
    let mut draw = Draw::new(9);
    let layers = vec![
        draw.linear(40, n),
        act(Activation::Silu, 40),
        Layer::Open,
        draw.norm(40),
        draw.linear(40, 40),
        act(Activation::Softplus { beta: 1.0 }, 40),
        Layer::Close { scale: 0.5 },
        draw.linear(1, 40),
    ];
    let network = Network::new(n, layers).unwrap();
    let x = draw.matrix(n, 1);
    let frozen = Frozen::scalar(&network, x.as_ref());
    let (mut hessian, mut products) = (Mat::zeros(n, n), Mat::zeros(n, n));
    frozen.hessian(&network, hessian.as_mut());
    frozen.hessian_vectors(&network, Mat::<f64>::identity(n, n).as_ref(), products.as_mut());
    let scale = products.norm_max();
    assert!(scale > 1e-4);
    assert!((&hessian - &products).norm_max() < 1e-12 * scale);
}

#[test]
fn gradients_by_parameters_are_those_of_the_gradient() {
    for (name, e) in landscapes() {
        let x = Draw::new(5).vector(3);
        for (k, (parameter, value)) in e.parameters().into_iter().enumerate() {
            let mut out = vec![0.0; 3];
            e.gradient_by(k, &x, &mut out);
            let truth = difference(|h| {
                let changed = e.with_parameter(&parameter, value + h).unwrap();
                gradient(&*changed, &x)
            });
            close(&out, &truth, &format!("{name}, {parameter}"));
        }
    }
}

#[test]
fn what_lies_beyond_the_parameters_is_refused() {
    let (_, e) = landscapes().pop().unwrap();
    for (name, value) in
        [("training", 1.5), ("training", f64::NAN), ("t", 0.0), ("sigma", 1.0), ("tilt3", 0.0)]
    {
        let error = e.with_parameter(name, value).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains(&format!("`{name}`")), "{name}: {error}");
    }
    assert!(e.with_parameter("training", 1.0).is_ok());
}

/// A safetensors file of f64 tensors.
fn write(path: &Path, tensors: &[(&str, &[usize], &[f64])]) {
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|(_, _, v)| v.iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F64, shape.to_vec(), bytes);
        (name.to_string(), view.unwrap())
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

type Tensors<'a> = Vec<(&'a str, &'a [usize], &'a [f64])>;

const W0: &[f64] = &[0.5, -1.0, 0.25, 2.0, -0.75, 1.5];
const B0: &[f64] = &[0.1, -0.2, 0.3];
const W1: &[f64] = &[1.0, -2.0, 0.5];
const B1: &[f64] = &[0.4];

/// The same network of three tanh units by hand.
fn by_hand(x: &[f64]) -> f64 {
    let unit = |i: usize| (W0[2 * i] * x[0] + W0[2 * i + 1] * x[1] + B0[i]).tanh();
    W1[0] * unit(0) + W1[1] * unit(1) + W1[2] * unit(2) + B1[0]
}

fn build_from(folder: &Path, keys: &[&str]) -> Result<Box<dyn Family>> {
    let study = folder.join("study.toml");
    std::fs::write(&study, format!("[landscape]\nkind = \"neural\"\n{}\n", keys.join("\n"))).unwrap();
    crate::study::Study::read(&study, &[])?.build()
}

#[test]
fn names_of_pytorch_flax_and_of_an_architecture() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.safetensors");
    let turned: Vec<f64> = (0..6).map(|k| W0[2 * (k % 3) + k / 3]).collect();
    let flax = |kernel: [&'static str; 2], bias: [&'static str; 2]| -> Tensors<'_> {
        vec![
            (kernel[0], &[2, 3], &turned),
            (bias[0], &[3], B0),
            (kernel[1], &[3, 1], W1),
            (bias[1], &[1], B1),
        ]
    };
    let torch = |names: [&'static str; 4]| -> Tensors<'static> {
        vec![(names[0], &[3, 2], W0), (names[1], &[3], B0), (names[2], &[1, 3], W1), (names[3], &[1], B1)]
    };
    let by_name = ["weights = \"w.safetensors\"", "activation = \"tanh\""];
    let with_file = ["weights = \"w.safetensors\"", "architecture = \"a.toml\""];
    let json = ["weights = \"w.safetensors\"", "architecture = \"a.json\""];
    std::fs::write(
        folder.path().join("a.toml"),
        "dim = 2\nprefix = \"m.\"\nlayers = [{ linear = \"in\" }, { activation = \"tanh\" }, { linear = \"out\" }]\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("a.json"),
        r#"{"layers": [{"linear": "a", "weight": "u", "transposed": true, "bias": "b"}, {"activation": "tanh"},
            {"linear": "out"}]}"#,
    )
    .unwrap();
    let mut odd = torch(["u", "b", "out.weight", "out.bias"]);
    odd[0] = ("u", &[2, 3], &turned);
    let cases: Vec<(Tensors<'_>, [&str; 2])> = vec![
        (torch(["0.weight", "0.bias", "2.weight", "2.bias"]), by_name),
        (torch(["net.0.weight", "net.0.bias", "net.2.weight", "net.2.bias"]), by_name),
        (torch(["layers.8.weight", "layers.8.bias", "layers.10.weight", "layers.10.bias"]), by_name),
        (
            flax(
                ["params/Dense_0/kernel", "params/Dense_1/kernel"],
                ["params/Dense_0/bias", "params/Dense_1/bias"],
            ),
            by_name,
        ),
        (flax(["Dense_0.kernel", "Dense_1.kernel"], ["Dense_0.bias", "Dense_1.bias"]), by_name),
        (torch(["m.in.weight", "m.in.bias", "m.out.weight", "m.out.bias"]), with_file),
        (odd, json),
    ];
    for (i, (tensors, keys)) in cases.iter().enumerate() {
        write(&file, tensors);
        let built = build_from(folder.path(), keys);
        if i == 2 {
            // Numbers that do not begin at 0 look like a file that lost its beginning.
            assert!(built.err().unwrap().to_string().contains("there is no tensor `layers.6.weight`"));
            continue;
        }
        let e = built.unwrap();
        for x in [[0.3, -0.8], [1.5, 0.2]] {
            assert!((e.energy(&x) - by_hand(&x)).abs() < 1e-15, "case {i}");
        }
    }
}

#[test]
fn bad_weights_are_refused_with_the_file_and_the_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("w.safetensors");
    let good: Tensors<'_> = vec![
        ("0.weight", &[3, 2], W0),
        ("0.bias", &[3], B0),
        ("2.weight", &[1, 3], W1),
        ("2.bias", &[1], B1),
    ];
    let keys = ["weights = \"w.safetensors\"", "activation = \"tanh\""];
    let refused = |tensors: &Tensors<'_>, keys: &[&str]| {
        write(&file, tensors);
        build_from(folder.path(), keys).err().map(|e| e.to_string()).unwrap_or_default()
    };
    let without = |name: &str| good.iter().filter(|t| t.0 != name).copied().collect::<Tensors<'_>>();
    let with = |i: usize, tensor: (&'static str, &'static [usize], &'static [f64])| {
        let mut list = good.clone();
        list[i] = tensor;
        list
    };
    let nan: &[f64] = &[0.1, f64::NAN, 0.3];
    for (message, expected) in [
        (refused(&without("0.weight"), &keys), "there is no tensor `0.weight`"),
        (refused(&without("0.bias"), &keys), "there is no tensor `0.bias`"),
        (refused(&without("2.weight"), &keys), "there is no tensor `2.weight`"),
        (
            refused(&with(1, ("0.bias", &[2], &[1.0, 2.0])), &keys),
            "tensor `0.bias` has shape [2], but [3] is needed",
        ),
        (
            refused(&with(2, ("2.weight", &[1, 2], &[1.0, 2.0])), &keys),
            "tensor `2.weight` of shape [1, 2] takes 2",
        ),
        (refused(&with(1, ("0.bias", &[3], nan)), &keys), "tensor `0.bias` holds NaN"),
        (refused(&good, &keys[..1]), "`activation` is missing"),
        (refused(&good, &[keys[0], "activation = \"sotfplus\""]), "unknown activation \"sotfplus\""),
        (refused(&good, &[keys[0], keys[1], "t = 1.0"]), "`t` has no effect"),
        (refused(&good, &[keys[0], keys[1], "tilt = [1.0]"]), "`tilt` needs one finite number a coordinate"),
        (
            refused(&good, &[keys[0], keys[1], "training = 0.5"]),
            "`training` is a position along several files",
        ),
        (refused(&with(2, ("2.weight", &[2, 3], W0)), &keys), "tensor `2.bias` has shape [1], but [2]"),
    ] {
        assert!(message.contains(expected), "{message:?} lacks {expected:?}");
        if expected.contains("tensor `") {
            assert!(message.contains("w.safetensors"), "{message}");
        }
    }
    // Cut off anywhere.
    write(&file, &good);
    let bytes = std::fs::read(&file).unwrap();
    for length in [1, 8, 40, bytes.len() - 1] {
        std::fs::write(&file, &bytes[..length]).unwrap();
        let message = build_from(folder.path(), &keys).err().unwrap().to_string();
        assert!(message.contains("w.safetensors is no readable safetensors file"), "{message}");
    }
    std::fs::remove_file(&file).unwrap();
    let message = build_from(folder.path(), &keys).err().unwrap().to_string();
    assert!(message.contains("there is no such file"), "{message}");
}

#[test]
fn checkpoints_are_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let twice: Vec<f64> = W1.iter().map(|w| 2.0 * w).collect();
    for (name, last) in [("c-2.safetensors", W1), ("c-10.safetensors", &twice[..])] {
        let tensors: Tensors<'_> = vec![
            ("0.weight", &[3, 2], W0),
            ("0.bias", &[3], B0),
            ("2.weight", &[1, 3], last),
            ("2.bias", &[1], B1),
        ];
        write(&folder.path().join(name), &tensors);
    }
    let list = "weights = [\"c-2.safetensors\", \"c-10.safetensors\"]";
    for keys in [
        [list, "activation = \"tanh\"", "training = 0.5"],
        ["weights = \"c-*.safetensors\"", "activation = \"tanh\"", "training = 0.5"],
    ] {
        let e = build_from(folder.path(), &keys).unwrap();
        let x = [0.4, -0.9];
        assert!((e.energy(&x) - (1.5 * (by_hand(&x) - B1[0]) + B1[0])).abs() < 1e-14);
    }
}

/// An npy array of version 1, as numpy writes it.
fn npy(out: &mut Vec<u8>, shape: &str, values: &[f32]) {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    out.extend(b"\x93NUMPY\x01\x00");
    out.extend((header.len() as u16).to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
}

#[test]
fn a_parameterised_landscape_network_of_equinox() {
    let folder = tempfile::tempdir().unwrap();
    let single = |v: &[f64]| -> Vec<f32> { v.iter().map(|v| *v as f32).collect() };
    let mut bytes = br#"{"ndims": 2, "confine": true, "phi_hidden_dims": [3], "phi_hidden_acts": "tanh", "phi_final_act": null, "phi_layer_normalize": false}"#.to_vec();
    bytes.push(b'\n');
    npy(&mut bytes, "(3, 2)", &single(W0));
    npy(&mut bytes, "(3,)", &single(B0));
    npy(&mut bytes, "(1, 3)", &single(W1));
    npy(&mut bytes, "(1,)", &single(B1));
    // What follows is no part of the energy: the tilt, which would fit behind a scalar, and the noise.
    npy(&mut bytes, "(2, 1)", &[1.0, 2.0]);
    npy(&mut bytes, "()", &[-3.0]);
    let file = folder.path().join("model.eqx");
    std::fs::write(&file, &bytes).unwrap();
    let e = build_from(folder.path(), &["weights = \"model.eqx\"", "tilt = [0.5, -0.25]"]).unwrap();
    for x in [[0.3, -0.8], [1.5, 0.2]] {
        let truth = by_hand(&x) + x[0].powi(4) + x[1].powi(4) + 0.5 * x[0] - 0.25 * x[1];
        // The weights of this test are rounded to single precision in the file.
        assert!((e.energy(&x) - truth).abs() < 1e-6, "{} {truth}", e.energy(&x));
    }
    let unconfined = build_from(folder.path(), &["weights = \"model.eqx\"", "quartic = 0.0"]).unwrap();
    assert!((unconfined.energy(&[0.3, -0.8]) - by_hand(&[0.3, -0.8])).abs() < 1e-6);
    std::fs::write(&file, &bytes[..bytes.len() - 30]).unwrap();
    let message = build_from(folder.path(), &["weights = \"model.eqx\""]).err().unwrap().to_string();
    assert!(message.contains("model.eqx, array 5"), "{message}");
}
