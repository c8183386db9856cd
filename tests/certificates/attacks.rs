//! Changed certificates: damaged ones are unreadable; changed and sealed anew they are refused, or claim no more than was proven.

use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use smale::certificate::check::{Oracle, Verdict, prove, verify};
use smale::certificate::format::{
    Along, Certificate, Cylinder, Definition, Dense, Edge, Hex, HexVec, Level, Zero,
};
use smale::landscape::Landscape;
use smale::landscape::mixture::{Mixture, Noise};
use smale::landscape::neural::Neural;
use smale::landscape::neural::activation::Activation;

use super::{CUSP, HIMMELBLAU, certify, formula};

fn samples() -> &'static [(Certificate, String)] {
    static SAMPLES: std::sync::OnceLock<Vec<(Certificate, String)>> = std::sync::OnceLock::new();
    SAMPLES.get_or_init(|| made(&[&formula(HIMMELBLAU, &[]), &formula(CUSP, &[("K", 0.15), ("f", 0.0)])]))
}

fn made(landscapes: &[&dyn Landscape]) -> Vec<(Certificate, String)> {
    landscapes.iter().map(|f| certify(*f, None).unwrap()).map(|b| (b.certificate, b.text)).collect()
}

#[test]
fn damage_is_noticed() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (_, text) = &samples()[0];
    for _ in 0..3000 {
        let mut bytes = text.clone().into_bytes();
        match rng.random_range(0..4) {
            0 => {
                let at = rng.random_range(0..bytes.len());
                bytes[at] ^= 1 << rng.random_range(0..8);
            }
            1 => bytes.truncate(rng.random_range(0..bytes.len())),
            2 => {
                let at = rng.random_range(0..bytes.len());
                bytes.insert(at, rng.random_range(0..128));
            }
            _ => {
                let at = rng.random_range(0..bytes.len() - 1);
                bytes.remove(at);
            }
        }
        assert!(matches!(verify(&bytes), Verdict::Unreadable(_)));
    }
    let deep = |open: &str| format!("{}{}", open.repeat(200_000), text);
    for hostile in ["".into(), "{}".into(), "\"}\n".into(), deep("["), deep("{\"a\":"), "9".repeat(1 << 20)] {
        assert!(matches!(verify(String::as_bytes(&hostile)), Verdict::Unreadable(_)));
    }
}

/// Text that is sealed anew around whatever body.
#[test]
fn unknown_fields_and_wrong_types_are_unreadable() {
    let (c, text) = &samples()[1];
    // Through the serializer a certificate can be changed at will; here the body as text.
    let body = text.rsplit_once(",\"sha256\"").unwrap().0.to_owned() + "}";
    assert!(serde_json::from_str::<Certificate>(&body).is_ok());
    for (from, to) in [
        ("\"level\":", "\"more\":1,\"level\":"),
        ("\"complete\":true", "\"complete\":1"),
        ("\"of\":", "\"of\":-"),
        ("\"side\":1", "\"side\":300"),
        ("\"energy\":", "\"Energy\":"),
    ] {
        let changed = body.replacen(from, to, 1);
        assert!(changed != body && serde_json::from_str::<Certificate>(&changed).is_err(), "{from}");
    }
    assert!(prove(c).is_ok());
}

/// Is everything that this certificate claims implied by the one it was made from?
fn claims_no_more(changed: &Certificate, original: &Certificate) -> bool {
    // e0 was found to within a few per cent. e1 follows from it, and alone may be larger: but never as large as an eigenvalue, which a
    // perturbation of that size makes zero.
    let smallest = original.zeros.iter().flat_map(|z| &z.values.0).fold(f64::INFINITY, |m, w| m.min(w.abs()));
    let radii = changed.e0.0 <= 1.3 * original.e0.0 && changed.e1.0 < smallest;
    let same_points = changed.zeros.len() == original.zeros.len()
        && changed.zeros.iter().zip(&original.zeros).all(|(a, b)| {
            let far: f64 =
                a.center.0.iter().zip(&b.center.0).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
            a.index == b.index && far <= a.radius.0 + b.radius.0
        });
    // A half is known by its point, its direction and its end.
    let halves = |c: &Certificate| {
        let mut all: Vec<(usize, bool, i64, Option<usize>)> = c
            .edges
            .iter()
            .map(|e| {
                let v = c.zeros[e.of].vectors[0].0.clone();
                let v = if e.up { vec![-v[1], v[0]] } else { v };
                let own = f64::from(e.side)
                    * v.iter().map(|v| v * 0.618).zip([1.0, 0.3]).map(|(v, w)| v * w).sum::<f64>();
                (e.of, e.up, own.signum() as i64, e.end)
            })
            .collect();
        all.sort_unstable();
        all
    };
    let graph = changed.level == Level::CriticalSet || halves(changed) == halves(original);
    changed.landscape == original.landscape
        && changed.region == original.region
        // Wider intervals of a parameter than the radius allows: `f` moves the gradient by as much as it moves itself, K likewise.
        && changed.along.as_ref().is_none_or(|a| a.upper.0 - a.lower.0 <= 0.15 + 4.0 * original.e0.0)
        && changed.level == original.level
        && radii
        && same_points
        && graph
}

fn number(rng: &mut ChaCha8Rng, x: &mut f64) {
    *x = match rng.random_range(0..8) {
        0 => -*x,
        1 => *x * 2.0,
        2 => *x * 0.5,
        3 => 0.0,
        4 => *x * (1.0 + rng.random_range(-0.1..0.1)),
        5 => f64::from_bits(x.to_bits() ^ (1 << rng.random_range(0..63))),
        6 => 1e308,
        _ => *x + rng.random_range(-1.0..1.0),
    };
    if !x.is_finite() {
        *x = f64::MAX;
    }
}

fn entry(rng: &mut ChaCha8Rng, v: &mut HexVec) {
    match rng.random_range(0..10) {
        0 => {
            v.0.pop();
        }
        1 => v.0.push(1.0),
        _ if v.0.is_empty() => {}
        _ => {
            let k = rng.random_range(0..v.0.len());
            number(rng, &mut v.0[k]);
        }
    }
}

fn letters(rng: &mut ChaCha8Rng, text: &mut String) {
    let mut all: Vec<char> = text.chars().collect();
    let k = rng.random_range(0..all.len().max(1));
    match rng.random_range(0..3) {
        0 if !all.is_empty() => {
            all[k] = ['0', '1', 'n', 'm', 'z', 'o', '9', 'q', 'é'][rng.random_range(0..9)]
        }
        1 if !all.is_empty() => {
            all.remove(k);
        }
        _ => all.insert(k, ['0', 'n', 'z', 'o'][rng.random_range(0..4)]),
    }
    *text = all.into_iter().collect();
}

fn change(rng: &mut ChaCha8Rng, c: &mut Certificate) {
    let (zeros, edges) = (c.zeros.len(), c.edges.len());
    let (z, e) = (rng.random_range(0..zeros), rng.random_range(0..edges));
    match rng.random_range(0..30) {
        28 => landscape(rng, c),
        // An edge that goes elsewhere, with the operator that goes with it; an index with the eigenvalues that go with it.
        29 if rng.random_range(0..2) == 0 => {
            c.edges[e].end = Some(rng.random_range(0..zeros));
            c.boundary = Oracle::algebra(c);
        }
        29 => {
            let sign = if c.zeros[z].index > 0 { 1.0 } else { -1.0 };
            c.zeros[z].values.0[0] = sign * c.zeros[z].values.0[0].abs();
            c.zeros[z].index = c.zeros[z].values.0.iter().filter(|w| **w < 0.0).count();
            c.boundary = Oracle::algebra(c);
        }
        0 => number(rng, &mut c.e0.0),
        1 => number(rng, &mut c.e1.0),
        2 => c.e0 = Hex(c.e0.0 * rng.random_range(1.5..100.0)),
        3 => entry(rng, &mut c.zeros[z].center),
        4 => number(rng, &mut c.zeros[z].radius.0),
        5 => number(rng, &mut c.zeros[z].unique.0),
        6 => number(rng, &mut c.zeros[z].basin.0),
        7 => c.zeros[z].index = rng.random_range(0..4),
        8 => entry(rng, &mut c.zeros[z].values),
        9 => {
            let row = rng.random_range(0..c.zeros[z].vectors.len());
            entry(rng, &mut c.zeros[z].vectors[row]);
        }
        10 => {
            c.zeros.remove(z);
        }
        11 => c.zeros.push(c.zeros[z].clone()),
        12 => {
            c.edges.remove(e);
        }
        13 => c.edges.push(c.edges[e].clone()),
        14 => c.edges[e].end = Some(rng.random_range(0..zeros + 1)),
        15 => c.edges[e].end = None,
        16 => c.edges[e].side = rng.random_range(-2..3),
        17 => c.edges[e].of = rng.random_range(0..zeros + 1),
        18 => c.edges[e].up = !c.edges[e].up,
        19 => {
            number(rng, &mut c.edges[e].half.0);
            number(rng, &mut c.edges[e].slope.0);
        }
        20 | 21 => {
            let tube = &mut c.edges[e].tube;
            if tube.is_empty() {
                return;
            }
            let k = rng.random_range(0..tube.len());
            let Cylinder { c, axis, bend, shape } = &mut tube[k];
            let part = [c, axis, bend, shape].into_iter().nth(rng.random_range(0..4)).unwrap();
            entry(rng, part);
        }
        22 => {
            let tube = &mut c.edges[e].tube;
            match rng.random_range(0..3) {
                0 => tube.truncate(rng.random_range(0..tube.len() + 1)),
                1 if !tube.is_empty() => {
                    tube.remove(rng.random_range(0..tube.len()));
                }
                _ => tube.reverse(),
            }
        }
        23 => {
            if let Some(cover) = c.cover.as_mut().filter(|c| !c.boundary.is_empty()) {
                let part =
                    if rng.random_range(0..2) == 0 { &mut cover.inside } else { &mut cover.boundary[0] };
                letters(rng, part);
            }
        }
        24 => match rng.random_range(0..4) {
            0 => {
                c.boundary.pop();
            }
            1 => c.betti = vec![1, 1, 0],
            2 => c.boundary[0] = vec![[0, 0]],
            _ => c.complete = !c.complete,
        },
        25 => {
            // A parameter for an interval of its values.
            let value = rng.random_range(-0.3..0.3);
            let (lower, upper) = (Hex(f64::min(value, 0.0)), Hex(f64::max(value, 0.15)));
            c.along = Some(Along { parameter: ["f", "K", "x"][rng.random_range(0..3)].into(), lower, upper });
        }
        26 => {
            // The block of both halves.
            let (of, up) = (c.edges[e].of, c.edges[e].up);
            let (mut half, mut slope) = (c.edges[e].half.0, c.edges[e].slope.0);
            let first = rng.random_range(0..2) == 0;
            number(rng, if first { &mut half } else { &mut slope });
            for edge in c.edges.iter_mut().filter(|e| e.of == of && e.up == up) {
                (edge.half, edge.slope) = (Hex(half), Hex(slope));
            }
        }
        _ => match rng.random_range(0..3) {
            0 => c.region = None,
            1 => c.cover = None,
            _ => c.trusted = "nothing".into(),
        },
    }
}

/// Another landscape: a number of its data or weights changed, a row dropped, with or without the hash that goes with it; or its width.
fn landscape(rng: &mut ChaCha8Rng, c: &mut Certificate) {
    let hashed = rng.random_range(0..3) > 0;
    match &mut c.landscape {
        Definition::Mixture { data, sigma, .. } => {
            let k = rng.random_range(0..data.rows.len());
            match rng.random_range(0..5) {
                0 => number(rng, &mut sigma.0),
                1 => number(rng, &mut data.weights.0[k]),
                2 if data.rows.len() > 1 => {
                    data.rows.remove(k);
                    data.weights.0.remove(k);
                }
                3 => data.sha256 = data.sha256.replace('a', "b"),
                _ => entry(rng, &mut data.rows[k]),
            }
            if hashed {
                data.sha256 = data.hash();
            }
        }
        Definition::Neural { layers, lambda, sha256, .. } => {
            let layer = rng.random_range(0..layers.len());
            let row = rng.random_range(0..layers[layer].weight.len());
            match rng.random_range(0..5) {
                0 => number(rng, &mut lambda.0),
                1 => entry(rng, &mut layers[layer].bias),
                2 => {
                    layers[layer].weight.remove(row);
                }
                3 => *sha256 = sha256.replace('a', "b"),
                _ => entry(rng, &mut layers[layer].weight[row]),
            }
            if hashed {
                *sha256 = Dense::hash(layers);
            }
        }
        Definition::Formula { energy, confinement, .. } => match rng.random_range(0..3) {
            0 => number(rng, &mut confinement.0),
            1 => *energy = energy.replacen('2', "3", 1),
            _ => *energy = format!("{energy} + x"),
        },
        Definition::ModernHopfield { .. } => {}
    }
}

/// Is a claim about another landscape true of it? Newton's method and the Hessian in floating point say so of its points, and orbits that
/// are followed from saddles of where they end.
fn is_true(c: &Certificate) -> bool {
    let landscape: Box<dyn Landscape> = match &c.landscape {
        Definition::Mixture { data, a, sigma, confinement } => {
            let rows = Mat::from_fn(data.dim, data.rows.len(), |i, k| data.rows[k].0[i]);
            let noise = Noise::Fixed { a: a.0, sigma: sigma.0 };
            Box::new(Mixture::new(rows, data.weights.0.clone(), noise, confinement.0).unwrap())
        }
        Definition::Neural { layers, lambda, .. } => {
            let layers = layers.iter().map(|l| {
                let weight = Mat::from_fn(l.weight.len(), l.weight[0].0.len(), |i, j| l.weight[i].0[j]);
                (weight, l.bias.0.clone())
            });
            let softplus = Activation::Softplus { beta: 1.0 };
            Box::new(Neural::perceptron(layers.collect(), softplus, lambda.0).unwrap())
        }
        Definition::Formula { energy, parameters, confinement, .. } => {
            let energy = format!("{energy} + ({:?})/2*(x^2 + y^2)", confinement.0);
            let named: Vec<(&str, f64)> = parameters.iter().map(|(n, v)| (n.as_str(), v.0)).collect();
            Box::new(formula(&energy, &named))
        }
        Definition::ModernHopfield { .. } => return false,
    };
    let set = super::points(landscape.as_ref(), None);
    let near = |x: &[f64], z: &Zero| {
        let far: f64 = x.iter().zip(&z.center.0).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        far.sqrt() <= z.radius.0 + 1e-9
    };
    let listed = |z: &Zero| set.points.iter().any(|p| p.index == z.index && near(&p.x, z));
    let whole = !c.complete || set.points.len() == c.zeros.len();
    let ends = |e: &Edge| {
        let (z, sign) = (&c.zeros[e.of], if e.up { -1.0 } else { 1.0 });
        let v = &z.vectors[0].0;
        let v = if e.up { vec![-v[1], v[0]] } else { v.clone() };
        let mut x: Vec<f64> =
            z.center.0.iter().zip(&v).map(|(c, v)| c + 1e-3 * f64::from(e.side) * v).collect();
        let mut g = vec![0.0; x.len()];
        for _ in 0..200_000 {
            landscape.gradient(&x, &mut g);
            let size = g.iter().map(|g| g * g).sum::<f64>().sqrt();
            if !(size > 1e-6) || x.iter().any(|x| x.abs() > 20.0) {
                break;
            }
            x.iter_mut().zip(&g).for_each(|(x, g)| *x -= sign * 2e-3 * g / size.max(0.5));
        }
        match e.end {
            None => x.iter().any(|x| x.abs() > 3.0),
            Some(end) => {
                let centre = &c.zeros[end].center.0;
                x.iter().zip(centre).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt() < 0.05
            }
        }
    };
    whole && c.zeros.iter().all(listed) && c.edges.iter().all(ends)
}

/// The file itself damaged: cut off, made huge, nested deeply, its hash another.
fn damaged(rng: &mut ChaCha8Rng, text: &str) {
    let bytes = match rng.random_range(0..4) {
        0 => text[..rng.random_range(0..text.len())].to_string(),
        1 => text.replacen("\"level\":", &format!("\"level\":{}", "[".repeat(100_000)), 1),
        2 => text.replacen("\"title\":\"", &format!("\"title\":\"{}", "a".repeat(1 << 20)), 1),
        _ => text.replacen("\"sha256\":\"", "\"sha256\":\"0", 1),
    };
    assert!(!matches!(verify(bytes.as_bytes()), Verdict::Proven(_)));
}

/// As below, ten thousand of them, of mixtures, networks and many dimensions, too.
#[test]
#[ignore = "takes minutes"]
fn ten_thousand_changes_prove_nothing_new() {
    let triangle = Mat::from_fn(2, 3, |i, k| [[1.0, 0.0], [-0.5, 0.9], [-0.5, -0.8]][k][i]);
    let mixture =
        Mixture::new(triangle, vec![1.0, 2.0, 1.5], Noise::Fixed { a: 1.0, sigma: 0.45 }, 0.0).unwrap();
    let two = Mat::from_fn(10, 2, |i, k| if i == 0 { [-1.0, 1.0][k] } else { 0.1 * i as f64 });
    let many = Mixture::new(two, vec![1.0, 1.0], Noise::Fixed { a: 1.0, sigma: 0.5 }, 0.0).unwrap();
    let first = Mat::from_fn(2, 2, |i, j| [[4.0, 1.0], [-4.0, 1.5]][i][j]);
    let layers = vec![(first, vec![0.1, 0.0]), (Mat::from_fn(1, 2, |_, _| -0.5), vec![0.0])];
    let network = Neural::perceptron(layers, Activation::Softplus { beta: 1.0 }, 1.5).unwrap();
    changed(samples(), 2000, 9);
    changed(&made(&[&mixture, &many, &network]), 2000, 10);
}

/// Hundreds of changes, sealed anew. One that is accepted must claim no more than the original: some are harmless, such as a smaller
/// radius, a wider cylinder or a leaf's other letter.
#[test]
fn changes_that_are_sealed_anew_prove_nothing_new() {
    changed(samples(), 250, 2);
}

fn changed(samples: &[(Certificate, String)], rounds: usize, seed: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut accepted, mut refused) = (0, 0);
    for (original, _) in samples {
        for _ in 0..rounds {
            let mut changed = original.clone();
            for _ in 0..rng.random_range(1..3) {
                // What a change has emptied cannot be changed again.
                if changed.zeros.is_empty() || changed.edges.is_empty() || changed.boundary.is_empty() {
                    break;
                }
                change(&mut rng, &mut changed);
            }
            let Ok(text) = changed.seal() else { continue };
            if rng.random_range(0..20) == 0 {
                damaged(&mut rng, &text);
            }
            match verify(text.as_bytes()) {
                Verdict::Proven(_) => {
                    accepted += 1;
                    // Of another landscape it is another claim, which must be true.
                    let holds = match changed.landscape == original.landscape {
                        true => claims_no_more(&changed, original),
                        false => is_true(&changed),
                    };
                    assert!(holds, "{text}");
                }
                _ => refused += 1,
            }
        }
    }
    assert!(refused > 3 * accepted, "{refused} refused, {accepted} accepted");
}

/// The hash of the data is looked at by itself.
#[test]
fn data_must_have_their_hash() {
    let data = Mat::from_fn(2, 2, |i, k| if i == 0 { [-1.0, 1.0][k] } else { 0.0 });
    let landscape = Mixture::new(data, vec![1.0, 1.0], Noise::Fixed { a: 1.0, sigma: 0.5 }, 0.0).unwrap();
    let mut c = certify(&landscape, None).unwrap().certificate;
    assert!(prove(&c).is_ok());
    let Definition::Mixture { data, .. } = &mut c.landscape else { unreachable!() };
    data.rows[0].0[1] = 1e-300;
    let why = prove(&c).unwrap_err();
    assert!(why.contains("hash"), "{why}");
}
