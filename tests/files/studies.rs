//! Studies from their file to their result files: the numbers of the literature, and those that follow by hand.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use serde_json::Value;
use smale::Control;
use smale::study::pipeline::{Part, execute};
use smale::study::{Override, Study};

/// What a study came to: `summary.json` and `graph.json`.
struct Answer {
    summary: Value,
    graph: Value,
}

impl Answer {
    fn of(study: &Study) -> Answer {
        let outcome = execute(study, Part::All, &Control::quiet()).unwrap();
        let (_, bytes) = outcome.files.iter().find(|(name, _)| name == "graph.json").unwrap();
        let graph: Value = serde_json::from_slice(bytes).unwrap();
        assert_eq!(graph["links"], graph["edges"]);
        Answer { summary: outcome.summary, graph }
    }

    fn counts(&self) -> Vec<u64> {
        self.summary["counts"].as_array().unwrap().iter().map(|c| c.as_u64().unwrap()).collect()
    }

    /// All invariants hold: residuals, falling energies, orbits that end; where they apply Euler characteristic,
    /// connectivity, and in the plane that the boundary of the boundary is zero.
    fn checked(&self) -> &Self {
        let title = &self.summary["title"];
        let checks = self.summary["checks"].as_array().unwrap();
        for name in ["residuals", "energy_falls", "orbits_end"] {
            assert!(checks.iter().any(|c| c["name"] == name), "{title}: no {name}");
        }
        let planar = self.summary["dimension"] == 2 && self.counts().len() == 3;
        let squared = checks.iter().any(|c| c["name"] == "boundary_squared");
        assert!(squared || !planar || self.summary["degenerate"] != 0, "{title}: no boundary_squared");
        for check in checks {
            assert_eq!(check["passed"], true, "{title}: {check}");
        }
        self
    }

    /// Exactly these counts, nothing degenerate, all invariants.
    fn has(&self, counts: &[u64]) -> &Self {
        let title = &self.summary["title"];
        assert_eq!(self.counts(), counts, "{title}: {}", self.summary["work"]["ended"]);
        assert_eq!(self.summary["degenerate"], 0, "{title}");
        assert_eq!(self.nodes(0).len() as u64, counts[0]);
        self.checked()
    }

    /// The nodes of an index, by rising energy.
    fn nodes(&self, index: u64) -> Vec<Node> {
        let number = |v: &Value| v.as_f64().unwrap();
        let numbers = |v: &Value| v.as_array().unwrap().iter().map(number).collect();
        let nodes = self.graph["nodes"].as_array().unwrap().iter().filter(|n| n["index"] == index);
        nodes
            .map(|n| Node {
                id: n["id"].as_u64().unwrap(),
                energy: number(&n["energy"]),
                x: numbers(&n["x"]),
                eigenvalues: numbers(&n["eigenvalues"]),
            })
            .collect()
    }

    /// Ids of the points in which the downhill orbits of a saddle end, sorted.
    fn below(&self, id: u64) -> Vec<u64> {
        let edges = self.graph["edges"].as_array().unwrap().iter().filter(|e| e["source"] == id);
        let mut ends: Vec<u64> = edges.map(|e| e["target"].as_u64().unwrap()).collect();
        ends.sort_unstable();
        ends
    }

    /// A node of this index within `digit` of `x`.
    fn at(&self, index: u64, x: &[f64], digit: f64) -> Node {
        let nodes = self.nodes(index);
        let near = nodes.iter().find(|n| n.x.iter().zip(x).all(|(a, b)| (a - b).abs() <= digit));
        near.cloned().unwrap_or_else(|| panic!("no point of index {index} at {x:?} but {nodes:?}"))
    }
}

#[derive(Clone, Debug)]
struct Node {
    id: u64,
    energy: f64,
    x: Vec<f64>,
    eigenvalues: Vec<f64>,
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("analyses/{name}.toml"))
}

/// A study of `analyses/` with some keys changed.
fn run(name: &str, sets: &[&str]) -> Answer {
    let overrides: Vec<Override> = sets.iter().map(|s| Override::parse(s).unwrap()).collect();
    Answer::of(&Study::read(&shipped(name), &overrides).unwrap())
}

/// A study of a formula.
fn formula(dim: usize, energy: &str) -> Answer {
    let dim = Override::parse(&format!("dim={dim}")).unwrap();
    Answer::of(
        &Study::from_flags(&[
            Override::text("", &["landscape", "kind"], "formula"),
            dim,
            Override::text("", &["landscape", "energy"], energy),
        ])
        .unwrap(),
    )
}

/// A study of a memory with these patterns.
fn memory(kind: &str, rows: &[Vec<f64>], sets: &[&str]) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    let line = |r: &Vec<f64>| r.iter().map(|x| format!("{x:?}")).collect::<Vec<_>>().join(",");
    let text = rows.iter().map(line).collect::<Vec<_>>().join("\n") + "\n";
    std::fs::write(folder.path().join("rows.csv"), text).unwrap();
    let study = format!("[landscape]\nkind = \"{kind}\"\ndata = \"rows.csv\"\n");
    std::fs::write(folder.path().join("study.toml"), study).unwrap();
    let overrides: Vec<Override> = sets.iter().map(|s| Override::parse(s).unwrap()).collect();
    Answer::of(&Study::read(&folder.path().join("study.toml"), &overrides).unwrap())
}

fn near(got: f64, expected: f64, tolerance: f64) {
    assert!((got - expected).abs() <= tolerance, "{got} instead of {expected}");
}

// ---- The plane ----

#[test]
fn dual_cusp() {
    let answer = run("dual-cusp", &[]);
    answer.has(&[3, 2]);
    for x in [[1.333642, -0.889301], [-1.333642, -0.889301], [0.0, 0.084505]] {
        answer.at(0, &x, 6e-7);
    }
    for side in [1.0, -1.0] {
        let saddle = answer.at(1, &[side * 0.225085, -0.025332], 6e-7);
        // The middle well lies between the two saddles.
        let mut ends =
            [answer.at(0, &[0.0, 0.084505], 1e-6).id, answer.at(0, &[side * 1.333642, -0.889301], 1e-6).id];
        ends.sort_unstable();
        assert_eq!(answer.below(saddle.id), ends);
    }
    assert_eq!(answer.summary["morse_smale"], true);
    run("dual-cusp", &["K=0.15", "f=0.2"]).has(&[2, 1]);
    run("dual-cusp", &["K=-0.3", "f=0"]).has(&[2, 1]).at(1, &[0.0, -0.1234], 5e-5);
}

#[test]
fn heteroclinic_flip_by_counts() {
    // Along f = 0: fold at K = 1.5026415, pitchfork at K = 0, fold at K = -0.2526415.
    run("heteroclinic-flip", &["K=1.6", "f=0"]).has(&[2, 1]);
    assert_eq!(run("heteroclinic-flip", &["K=1.51", "f=0"]).counts(), [2, 1]);
    assert_eq!(run("heteroclinic-flip", &["K=1.49", "f=0"]).counts(), [3, 2]);
    assert_eq!(run("heteroclinic-flip", &["K=-0.1", "f=0"]).counts(), [3, 3, 1]);
    assert_eq!(run("heteroclinic-flip", &["K=-0.5", "f=0"]).counts(), [3, 2]);
}

/// At f = 0 the lower branch of the upper saddle runs down the axis of symmetry into the lower saddle.
#[test]
fn heteroclinic_flip_is_refused_at_its_orbit_between_saddles() {
    let answer = run("heteroclinic-flip", &["K=0.75", "f=0"]);
    assert_eq!(answer.counts(), [3, 2]);
    assert_eq!(answer.summary["morse_smale"], false);
    refused(&answer);
    // The same in coordinates turned by 30 degrees and shifted, where no axis helps.
    let u = "(0.8660254037844387*(x - 0.3) + 0.5*(y + 0.7))";
    let v = "(0.8660254037844387*(y + 0.7) - 0.5*(x - 0.3))";
    let answer = formula(2, &format!("{u}^4 + {v}^4 - {v}^3 + 2*{u}^2*{v} - {v}^2 + 0.75*{v}"));
    assert_eq!(answer.counts(), [3, 2]);
    assert_eq!(answer.summary["morse_smale"], false);
    refused(&answer);
}

fn refused(answer: &Answer) {
    let saddles = answer.nodes(1);
    let listed = answer.graph["graph"]["not_transverse"].as_array().unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["from"], saddles[1].id);
    assert_eq!(listed[0]["to"], saddles[0].id);
    // The upper saddle keeps its other branch, the lower one both.
    assert_eq!(answer.below(saddles[1].id).len(), 1);
    assert_eq!(answer.below(saddles[0].id).len(), 2);
}

#[test]
fn heteroclinic_flip_flips() {
    for f in [0.01_f64, -0.01, 1e-4, -1e-4] {
        let answer = run("heteroclinic-flip", &["K=0.75", &format!("f={f}")]);
        answer.has(&[3, 2]);
        assert_eq!(answer.summary["morse_smale"], true);
        let upper = &answer.nodes(1)[1];
        let minimum = answer.at(0, &[-f.signum() * 0.8952, -0.7985], 5e-3);
        let (other, top) = (answer.at(0, &[f.signum() * 0.8952, -0.7985], 5e-3), &answer.nodes(0));
        assert!(answer.below(upper.id).contains(&minimum.id), "f = {f}");
        assert!(!answer.below(upper.id).contains(&other.id), "f = {f}");
        assert_eq!(top.len(), 3);
    }
}

#[test]
fn mueller_brown() {
    let answer = run("mueller-brown", &[]);
    answer.has(&[3, 2]);
    for (index, x, energy) in [
        (0, [-0.5582236346, 1.4417258418], -146.6995172100),
        (0, [0.6234994049, 0.0280377585], -108.1667241169),
        (0, [-0.0500108230, 0.4666941049], -80.7678181297),
        (1, [-0.8220015587, 0.6243128028], -40.6648435087),
        (1, [0.2124865820, 0.2929883251], -72.2489401123),
    ] {
        near(answer.at(index, &x, 2e-10).energy, energy, 2e-10);
    }
    let saddle = answer.at(1, &[-0.8220015587, 0.6243128028], 1e-9);
    near(saddle.eigenvalues[0], -750.862663, 1e-6);
    near(saddle.eigenvalues[1], 490.240708, 1e-6);
    // A chain: deep well, saddle, middle well, saddle, right well.
    let middle = answer.at(0, &[-0.0500108230, 0.4666941049], 1e-9).id;
    for saddle in answer.nodes(1) {
        assert!(answer.below(saddle.id).contains(&middle));
    }
}

#[test]
fn himmelblau() {
    let answer = run("himmelblau", &[]);
    answer.has(&[4, 4, 1]);
    for x in [[3.0, 2.0], [-2.805118, 3.131312], [-3.779310, -3.283186], [3.584428, -1.848126]] {
        near(answer.at(0, &x, 6e-7).energy, 0.0, 1e-20);
    }
    near(answer.at(2, &[-0.270845, -0.923039], 6e-7).energy, 181.616522, 6e-7);
    assert_eq!(answer.summary["morse_smale"], true);
}

#[test]
fn six_hump_camel() {
    let answer = run("six-hump-camel", &[]);
    answer.has(&[6, 7, 2]);
    for side in [1.0, -1.0] {
        near(answer.at(0, &[side * 0.0898420131, side * -0.7126564030], 1e-9).energy, -1.0316284535, 1e-10);
    }
}

#[test]
fn three_hole() {
    let answer = run("three-hole", &[]);
    answer.has(&[3, 3, 1]);
    // Two deep wells by symmetry, the shallow one between them above.
    let minima = answer.nodes(0);
    near(minima[0].energy, minima[1].energy, 1e-12);
    near(minima[0].x[0] + minima[1].x[0], 0.0, 1e-9);
    near(minima[2].x[0], 0.0, 1e-9);
    assert_eq!(answer.summary["morse_smale"], true);
}

#[test]
fn chebyshev() {
    let answer = run("chebyshev", &[]);
    assert_eq!(answer.counts(), [4, 8, 4]);
    answer.checked();
    let cosine = |j: usize| (std::f64::consts::PI * j as f64 / 5.0).cos();
    for j in 1..5 {
        for k in 1..5 {
            // T5(cos t) = cos 5t: least at odd j, greatest at even ones.
            let index = u64::from(j % 2 == 0) + u64::from(k % 2 == 0);
            near(answer.at(index, &[cosine(j), cosine(k)], 1e-12).energy, 2.0 * index as f64 - 2.0, 1e-12);
        }
    }
}

// ---- Many dimensions ----

#[test]
fn styblinski_tang() {
    for (dim, counts) in
        [("dim=2", &[4, 4, 1][..]), ("dim=3", &[8, 12, 6, 1]), ("dim=4", &[16, 32, 24, 8, 1])]
    {
        let answer = run("styblinski-tang", &[dim]);
        answer.has(counts);
        let lowest = &answer.nodes(0)[0];
        lowest.x.iter().for_each(|x| near(*x, -2.903534027771178, 1e-12));
        near(lowest.energy, -39.16616570377142 * lowest.x.len() as f64, 1e-11);
    }
}

#[test]
fn bistable_ring() {
    for (dim, g, counts) in [
        (2, "0.1", &[4, 4, 1][..]),
        (2, "0.45", &[2, 2, 1]),
        (2, "0.6", &[2, 1]),
        (3, "0.2", &[8, 12, 6, 1]),
        (3, "0.5", &[2, 6, 6, 1]),
        (3, "0.7", &[2, 1]),
    ] {
        let answer = run("bistable-ring", &[&format!("dim={dim}"), &format!("g={g}")]);
        answer.has(counts);
        // The two synchronised states are the lowest, each unit at +-1 with energy -1/4.
        near(answer.nodes(0)[0].energy, -0.25 * f64::from(dim), 1e-14);
    }
}

/// Four units at g = 1/2: the ring's middle modes soften at the origin, which is degenerate.
#[test]
fn bistable_ring_of_four_is_degenerate() {
    let answer = run("bistable-ring", &["dim=4", "g=0.5"]);
    assert!(answer.summary["degenerate"].as_u64().unwrap() > 0);
    assert_eq!(answer.summary["morse_smale"], "unknown");
    assert!(answer.summary["morse_smale_reason"].as_str().unwrap().contains("degenerate"));
}

#[test]
fn xy_ring() {
    let tau = std::f64::consts::TAU;
    let three = ["dim=2".to_string(), format!("period=[{tau}, {tau}]")];
    let answer = run("xy-ring", &three.each_ref().map(String::as_str));
    answer.has(&[1, 3, 2]);
    near(answer.nodes(0)[0].energy, -3.0, 1e-14);
    near(answer.nodes(2)[0].energy, 1.5, 1e-14);
    let answer = run("xy-ring", &[]);
    answer.has(&[3, 10, 10, 5, 2]);
    near(answer.nodes(0)[1].energy, -5.0 * (tau / 5.0).cos(), 1e-14);
}

#[test]
fn torus() {
    let tau = std::f64::consts::TAU;
    let answer = run("torus", &["dim=2", &format!("period=[{tau}, {tau}]")]);
    answer.has(&[1, 2, 1]);
    assert_eq!(answer.summary["euler_characteristic"], 0);
    assert_eq!(answer.summary["morse_smale"], true);
    let answer = run("torus", &[]);
    answer.has(&[1, 3, 3, 1]);
    for saddle in answer.nodes(1) {
        // Both ways around end in the one minimum, with opposite signs.
        let edges = answer.graph["edges"].as_array().unwrap();
        let signs: i64 =
            edges.iter().filter(|e| e["source"] == saddle.id).map(|e| e["sign"].as_i64().unwrap()).sum();
        assert_eq!((answer.below(saddle.id), signs), (vec![0, 0], 0));
    }
}

#[test]
fn rank_one() {
    for n in [3_usize, 4] {
        let answer = run("rank-one", &[&format!("dim={n}")]);
        let mut counts = vec![2; n];
        counts.push(1);
        answer.has(&counts);
        let total: f64 = (1..=n).map(|m| (m * m) as f64).sum();
        for index in 0..n {
            // At +-sqrt(m) e_m the rest of the matrix remains; the largest m is the minimum.
            let m = (n - index) as f64;
            for point in answer.nodes(index as u64) {
                near(point.energy, (total - m * m) / 4.0, 1e-12);
                near(point.x[n - index - 1].abs(), m.sqrt(), 1e-12);
            }
        }
    }
}

// ---- Memories ----

#[test]
fn triangle() {
    // Four minima from three data between sigma^2 = 1/2 and 0.5463200004.
    for (variance, counts) in [
        (0.45, &[3, 3, 1][..]),
        (0.499, &[3, 3, 1]),
        (0.501, &[4, 3]),
        (0.5463, &[4, 3]),
        (0.5464, &[1]),
        (0.8, &[1]),
    ] {
        let sigma = f64::sqrt(variance);
        run("triangle", &[&format!("sigma={sigma}")]).has(counts);
    }
    run("triangle", &[]).has(&[4, 3]);
}

#[test]
fn three_memories() {
    for (beta, counts) in [
        ("1", &[1][..]),
        ("2.53", &[1]),
        ("2.54", &[2, 1]),
        ("14.05", &[2, 1]),
        ("14.07", &[3, 2]),
        ("15", &[3, 2]),
    ] {
        run("three-memories", &[&format!("beta={beta}")]).has(counts);
    }
}

#[test]
fn nine_on_a_circle() {
    for (t, counts) in [
        ("0.25", &[2, 1][..]),
        ("0.15", &[3, 2]),
        ("0.05", &[3, 3, 1]),
        ("0.025", &[5, 5, 1]),
        ("0.01", &[5, 5, 1]),
        ("0.001", &[8, 8, 1]),
    ] {
        let answer = run("circle-memories", &[&format!("t={t}")]);
        answer.has(counts);
        assert_eq!(answer.summary["morse_smale"], true, "t = {t}: {}", answer.summary["morse_smale_reason"]);
    }
}

#[test]
fn a_ring_of_memories_is_one_family() {
    let answer = run("circle-ring", &[]);
    answer.checked();
    assert_eq!(answer.counts(), [0, 0, 1]);
    assert_eq!(answer.summary["degenerate"], 1);
    assert_eq!(answer.summary["degenerate_families"][0]["dimension"], 1);
    assert_eq!(answer.summary["morse_smale"], false);
    let samples = answer.graph["graph"]["degenerate"][0]["samples"].as_array().unwrap();
    assert!(samples.len() > 8);
    for sample in samples {
        let (x, y) = (sample[0].as_f64().unwrap(), sample[1].as_f64().unwrap());
        // R = I1(R/sigma^2)/I0(R/sigma^2).
        near(x.hypot(y), 0.83147, 1e-5);
    }
    answer.at(2, &[0.0, 0.0], 1e-9);
}

/// Memories at (+-1, +-1): the energy is a sum over the axes, each with a pitchfork at sigma = 1.
#[test]
fn a_square_of_memories() {
    let corners = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]].map(Vec::from);
    memory("mixture", &corners, &["sigma=1.1"]).has(&[1]);
    for sigma in ["0.95", "0.7"] {
        let answer = memory("mixture", &corners, &[&format!("sigma={sigma}")]);
        answer.has(&[4, 4, 1]);
        let s: f64 = sigma.parse().unwrap();
        for minimum in answer.nodes(0) {
            minimum.x.iter().for_each(|x| near(*x, (x / (s * s)).tanh(), 1e-12));
        }
    }
}

#[test]
fn two_memories_part_at_half_their_distance() {
    for dim in [1, 2, 30] {
        let (a, b): (Vec<f64>, Vec<f64>) =
            (0..dim).map(|i| (f64::from(i).sin() + 0.2, 2.0 * f64::from(i).cos())).unzip();
        let apart = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        let above = memory("mixture", &[a.clone(), b.clone()], &[&format!("sigma={:?}", 0.51 * apart)]);
        above.has(&[1]);
        let below = memory("mixture", &[a.clone(), b.clone()], &[&format!("sigma={:?}", 0.49 * apart)]);
        below.has(&[2, 1]);
        let middle: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 0.5 * (a + b)).collect();
        above.at(0, &middle, 1e-9 * apart);
        let saddle = below.at(1, &middle, 1e-9 * apart);
        // Across the line the curvature is 1/sigma^2, along it 1/sigma^2 - (D/2)^2/sigma^4.
        let precision = (0.49 * apart).powi(-2);
        near(saddle.eigenvalues[0] / precision, 1.0 - 0.25 / (0.49 * 0.49), 1e-12);
        saddle.eigenvalues[1..].iter().for_each(|e| near(e / precision, 1.0, 1e-12));
        assert_eq!(below.below(saddle.id), [0, 1]);
    }
}

/// N orthonormal patterns: the average loses its stability at beta = N; the retrieval states are born in folds at the
/// least value of log((1 + (N-1) t)/(1 - t))/t, for two patterns in a pitchfork.
#[test]
fn orthonormal_patterns() {
    let patterns = |n: usize| -> Vec<Vec<f64>> {
        (0..n).map(|k| (0..n).map(|i| f64::from(u8::from(i == k))).collect()).collect()
    };
    for (n, beta, counts) in [
        (2, "1.98", &[1][..]),
        (2, "2.02", &[2, 1]),
        (3, "2.745", &[1]),
        (3, "2.746", &[4, 3]),
        (3, "2.99", &[4, 3]),
        (3, "3.01", &[3, 3, 1]),
        (4, "3.218", &[1]),
    ] {
        memory("modern-hopfield", &patterns(n), &[&format!("beta={beta}")]).has(counts);
    }
    let four = memory("modern-hopfield", &patterns(4), &["beta=3.219"]);
    four.checked();
    assert_eq!(four.counts()[0], 5);
    // Retrieval states are t e_k + (1 - t)/4 of all others, with one t.
    let lowest = &four.nodes(0);
    let t = |beta: f64, t: f64| (1.0 + 3.0 * t).ln() - (1.0 - t).ln() - beta * t;
    for point in lowest.iter().filter(|p| p.x.iter().any(|x| (x - 0.25).abs() > 1e-6)) {
        let top = point.x.iter().copied().fold(0.0, f64::max);
        near(t(3.219, (4.0 * top - 1.0) / 3.0), 0.0, 1e-9);
    }
}

/// Every datum descends to a minimum, nearby ones to the same; the saddles join all minima.
#[test]
#[ignore = "a minute and more; the README's first command runs the same, and .ci/run looks at what came out"]
fn digits() {
    let answer = run("digits-memories", &[]);
    answer.checked();
    let minima = answer.counts()[0];
    assert!((255..=290).contains(&minima), "{minima} minima");
    assert_eq!(answer.summary["components"], 1);
    assert_eq!(answer.summary["degenerate"], 0);
    // Each by itself: that there are no others is an estimate.
    let all: u64 = answer.counts().iter().sum();
    assert_eq!(answer.summary["proven_points"], all);
    assert_eq!(answer.summary["levels"]["critical_points"], "proven");
    assert_eq!(answer.summary["levels"]["region"], "proven");
    assert_eq!(answer.summary["levels"]["completeness"], "estimated");
}

/// On each half diagonal points rest where t = a (2 a tanh(b t))^3; the roots by bisection.
#[test]
fn two_layers() {
    let answer = run("two-layer-memory", &[]);
    answer.has(&[5, 4]);
    assert_eq!(answer.summary["morse_smale"], true);
    let excess = |t: f64| 0.7 * (1.4 * (1.5 * t).tanh()).powi(3) - t;
    let root = |mut low: f64, mut high: f64| {
        let rising = excess(high) > 0.0;
        for _ in 0..100 {
            let middle = 0.5 * (low + high);
            if (excess(middle) > 0.0) == rising { high = middle } else { low = middle }
        }
        low
    };
    let (threshold, memory) = (root(0.1, 1.0), root(1.0, 3.0));
    for (index, t) in [(0, memory), (1, threshold)] {
        for corner in [[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]] {
            let near = |n: &Node| (0..2).all(|i| (n.x[i] - t * corner[i]).abs() < 1e-9);
            assert!(answer.nodes(index).iter().any(near), "no point of index {index} at {t} {corner:?}");
        }
    }
    let empty = answer.nodes(0).iter().find(|n| n.x.iter().all(|x| x.abs() < 1e-12)).unwrap().id;
    for saddle in answer.nodes(1) {
        assert!(answer.below(saddle.id).contains(&empty));
    }
}

#[test]
fn no_leak() {
    let answer = run("hopfield-without-leak", &[]);
    assert_eq!(answer.counts(), [0]);
    assert_eq!(answer.summary["degenerate"], 1);
    assert_eq!(answer.summary["degenerate_families"][0]["dimension"], 1);
    assert_eq!(answer.summary["morse_smale"], false);
}

#[test]
fn a_dense_memory_of_neurons_apart_is_a_product() {
    run("dense-memory", &["scale=1.71"]).has(&[1]);
    run("dense-memory", &["scale=1.72"]).has(&[4, 4, 1]);
    let answer = run("dense-memory", &[]);
    answer.has(&[4, 4, 1]);
    assert_eq!(answer.summary["euler_expected"], 1);
    assert_eq!(answer.summary["morse_smale"], true, "{}", answer.summary["morse_smale_reason"]);
}

#[test]
fn epanechnikov_windows_about_two_memories() {
    for (beta, minima) in [("beta=0.49", 1), ("beta=1.0", 3), ("beta=2.1", 2)] {
        run("epanechnikov", &[beta]).has(&[minima]);
    }
}

#[test]
fn an_energy_transformer_lives_on_spheres() {
    let answer = run("energy-transformer", &[]);
    answer.checked();
    assert_eq!(answer.summary["degenerate"], 0);
    assert_eq!(answer.summary["euler_characteristic"], 4);
    assert!(answer.summary["euler_expected"].is_null());
}

// ---- Learned landscapes ----

/// Equilibria of the networks of `data/`, found by another program.
fn known() -> Value {
    let text = std::fs::read_to_string("tests/networks/known.toml").unwrap();
    toml::from_str(&text).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[test]
#[ignore = "half a minute"]
fn learned_centroids() {
    let answer = run("learned-centroids", &[]);
    answer.has(&[4, 4, 1]);
    assert_eq!(answer.summary["morse_smale"], true);
    let known = known();
    let cases = known["centroids"]["at"].as_array().unwrap();
    let last = cases.iter().find(|c| c["training"] == 60.0).unwrap();
    for point in last["points"].as_array().unwrap() {
        let here = answer.at(point["index"].as_u64().unwrap(), &floats(&point["x"]), 1e-8);
        near(here.energy, point["energy"].as_f64().unwrap(), 1e-8);
    }
    // A ring: each saddle joins two minima, each minimum two saddles.
    for minimum in answer.nodes(0) {
        let joined = answer.nodes(1).iter().filter(|s| answer.below(s.id).contains(&minimum.id)).count();
        assert_eq!(joined, 2);
    }
    run("learned-centroids", &["training=12.5"]).has(&[2, 1]);
}

#[test]
fn learned_digits() {
    let answer = run("learned-digits", &["critical.rounds=3"]);
    answer.checked();
    let energies = floats(&known()["digits"]["energy"]);
    let minima = answer.nodes(0);
    assert_eq!(minima.len(), energies.len());
    minima.iter().zip(energies).for_each(|(m, energy)| near(m.energy, energy, 1e-8));
    assert_eq!(answer.summary["components"], 1);
    assert!(answer.counts()[1] >= 27, "{:?}", answer.counts());
}

/// A field that is no gradient: counts by the Jacobian's eigenvalues, no energies, no verdict.
#[test]
fn circle_score() {
    for t in [0.01, 0.15, 0.25, 1.0] {
        let answer = run("circle-score", &[&format!("t={t}")]);
        let known = known();
        let cases = known["circle"].as_array().unwrap();
        let case = cases.iter().find(|c| c["k"] == 9 && c["t"] == t).unwrap();
        assert_eq!(answer.summary["counts"], case["counts"], "t = {t}");
        assert_eq!(answer.summary["euler_characteristic"], 1);
        assert_eq!(answer.summary["morse_smale"], "unknown");
        assert!(answer.summary["morse_smale_reason"].as_str().unwrap().contains("not of an energy"));
        let nodes = answer.graph["nodes"].as_array().unwrap();
        for point in case["points"].as_array().unwrap() {
            let (x, expected) = (floats(&point["x"]), floats(&point["eigenvalues"]));
            let close = |n: &&Value| floats(&n["x"]).iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-7);
            let node = nodes.iter().find(close).unwrap_or_else(|| panic!("t = {t}: nothing at {x:?}"));
            assert_eq!(node["index"], point["index"]);
            assert!(node.get("energy").is_none());
            for (ours, theirs) in floats(&node["eigenvalues"]).iter().zip(&expected) {
                near(*ours, *theirs, 1e-6 * theirs.abs().max(1.0));
            }
            // Theirs is |J - J'|/2 by |J|, ours |J - J'| by |J + J'|; |2J|^2 is the sum of the squares.
            let ours =
                answer.summary["asymmetry"]["equilibria"][node["id"].as_u64().unwrap() as usize].as_f64();
            let ours = ours.unwrap();
            near(ours / (1.0 + ours * ours).sqrt(), point["antisymmetric"].as_f64().unwrap(), 1e-6);
        }
        for check in answer.summary["checks"].as_array().unwrap() {
            assert_eq!(check["passed"], true, "t = {t}: {check}");
            assert!(!["energy_falls", "connected", "boundary_squared"].iter().any(|c| check["name"] == *c));
        }
        // Both branches of every saddle end in a sink.
        let saddles = nodes.iter().filter(|n| n["index"] == 1);
        saddles.for_each(|s| assert_eq!(answer.below(s["id"].as_u64().unwrap()).len(), 2));
    }
}

/// Memories descend to rest; a diffusion does not, whatever its energy.
#[test]
fn memory_in_plain_sight() {
    let sets = ["lyapunov.orbits=40", "lyapunov.steps=200"];
    let answer = run("memory-in-plain-sight", &sets);
    answer.checked();
    let rows = answer.summary["lyapunov"].as_array().unwrap();
    let share = |row: &Value, key: &str| row[key]["value"].as_f64();
    let flows: Vec<&Value> = rows.iter().filter(|r| r["process"] == "flow").collect();
    let names: Vec<&str> = flows.iter().map(|r| r["flow"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "hopfield",
            "dense-memory",
            "modern-hopfield",
            "hierarchical",
            "energy-transformer",
            "empirical diffusion",
            "learned score"
        ]
    );
    for row in &flows {
        assert_eq!(share(row, "fraction_at_rest"), Some(1.0), "{row}");
        assert!(row["residual"].as_f64().unwrap() <= 1e-8);
        if row["flow"] != "learned score" {
            assert_eq!(share(row, "fraction_decreasing"), Some(1.0), "{row}");
            assert!(row["identity_error"].as_f64().unwrap() < 1e-6, "{row}");
        }
    }
    // With equal norms, beta = 1/sigma^2 and the same starts the memory is the mixture.
    assert_eq!(flows[2]["data_reached"], flows[5]["data_reached"]);
    // The learned field has no energy, and the work it does depends on the way.
    assert_eq!(flows[6]["energy"], "none");
    assert!(flows[6]["identity_error"].as_f64().unwrap() > 1e-3);
    for name in ["empirical diffusion", "learned score"] {
        for process in ["ode", "sde"] {
            let moving: Vec<&Value> =
                rows.iter().filter(|r| r["flow"] == name && r["process"] == process).collect();
            assert_eq!(moving.len(), 2);
            for row in moving {
                assert_eq!(share(row, "fraction_at_rest"), Some(0.0), "{row}");
                // Samples end at data, in noise of 0.025.
                assert!(row["datum_distance"].as_f64().unwrap() < 0.4, "{row}");
                // Along the ODE the landscape's energy can only rise; along the SDE both do at times.
                if row["energy"] == "landscape" || process == "sde" {
                    assert_eq!(share(row, "fraction_decreasing"), Some(0.0), "{row}");
                }
            }
        }
    }
}

#[test]
#[ignore = "half a minute"]
fn a_surface_of_genus_two() {
    let answer = run("genus-two", &[]);
    answer.has(&[1, 4, 5, 1]);
    assert_eq!(
        (&answer.summary["completeness"], &answer.summary["levels"]["region"]),
        (&"proven".into(), &"proven".into())
    );
    let case = include_str!("../cases/genus-two.toml").parse::<toml::Table>().unwrap();
    for known in case["points"].as_array().unwrap() {
        let x: Vec<f64> = known["x"].as_array().unwrap().iter().map(|v| v.as_float().unwrap()).collect();
        let index = known["index"].as_integer().unwrap();
        answer.at(u64::try_from(index).unwrap(), &x, 1e-12);
    }
    // Below energy 3 lie as many points as the surface has cycles, and what bounds what adds up to nothing.
    let on_surface = |index| answer.nodes(index).iter().filter(|n| n.energy < 3.0).count();
    assert_eq!([0, 1, 2, 3].map(on_surface), [1, 4, 1, 0]);
    let edges = answer.graph["edges"].as_array().unwrap();
    for saddle in answer.nodes(1) {
        let signs = edges.iter().filter(|e| e["source"] == saddle.id).map(|e| e["sign"].as_i64().unwrap());
        assert_eq!((answer.below(saddle.id), signs.sum::<i64>()), (vec![0, 0], 0));
    }
}

/// A thousand points on the circle at beta = 20 in the scale of Pham et al. (2025), sigma^2 = 1/40: the minima and the saddles between
/// them are on the ring of infinitely many points, whose radius is .987256 by their equation 13; none is a memory.
#[test]
fn a_thousand_points_are_a_ring() {
    let ring = run("data-size-circle", &["sigma=0.15811388300841897", "memorization.draw=0"]);
    let radii: Vec<f64> =
        [ring.nodes(0), ring.nodes(1)].concat().iter().map(|n| n.x[0].hypot(n.x[1])).collect();
    let mean = radii.iter().sum::<f64>() / radii.len() as f64;
    assert!((mean - 0.987256).abs() < 0.002, "{mean} of {radii:?}");
    let classes = &ring.summary["memorization"];
    assert_eq!((&classes["counts"]["memorized"], &classes["memorized"]), (&0.into(), &0.into()), "{classes}");
    assert_eq!(ring.summary["euler_characteristic"], 1);
}

/// Few data are repeated by what has learned them. Samples of what has learned a thousand on the circle are no nearer to them than any
/// point of it: 1 - 2^(-1/2) = 29% of these are within half the median distance of a datum to the next one.
#[test]
#[ignore = "half a minute"]
fn a_learned_score_repeats_few_data() {
    let draw = ["memorization.draw=300"];
    for few in [run("circle-samples-2", &draw), run("circle-samples-9", &draw)] {
        let samples = &few.summary["memorization"]["samples"];
        assert!(samples["memorized"].as_u64().unwrap() >= 285, "{samples}");
    }
    let many = run("circle-samples-1000", &draw);
    let (counts, samples) =
        (&many.summary["memorization"]["counts"], &many.summary["memorization"]["samples"]);
    assert_eq!(counts["memorized"], 0);
    assert!((45..=130).contains(&samples["memorized"].as_u64().unwrap()), "{samples}");
}

#[test]
fn every_shipped_study_is_tested() {
    let these = [
        include_str!("studies.rs"),
        include_str!("../continuation/command.rs"),
        include_str!("../continuation/plane.rs"),
        include_str!("sweep.rs"),
        include_str!("../measures/studies.rs"),
        include_str!("../rates/tables.rs"),
    ];
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("analyses")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue; // analyses/cluster, which .ci/run runs
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        let call = format!("run(\"{name}\"");
        // Wherever the line breaks.
        let calls = |text: &str| text.split_whitespace().collect::<String>().contains(&call);
        assert!(these.iter().any(|t| calls(t)), "{name} has no test");
    }
}
