//! The result files: tables, graph formats and pictures of landscapes whose graph is known in closed form.

use faer::{Mat, MatMut, MatRef};
use smale::connection::{Connection, Loose, MorseGraph, MorseSmale, Orbit};
use smale::critical::{Completeness, CriticalPoint, CriticalSet, DegenerateFamily, Level, Work};
use smale::landscape::{Landscape, Linearization, Region};
use smale::{export, report};

/// `E(x) = sum_i a_i (x_i^2 - 1)^2`: 3^n critical points with coordinates in {-1, 0, 1}; the index is the number of
/// zeros; orbits between neighbouring indices run along an axis.
pub(crate) struct Wells(pub(crate) Vec<f64>);

struct Diagonal(Mat<f64>);

impl Linearization for Diagonal {
    fn apply(&self, vectors: MatRef<'_, f64>, mut out: MatMut<'_, f64>) {
        for j in 0..vectors.ncols() {
            for i in 0..vectors.nrows() {
                out[(i, j)] = self.0[(i, if self.0.ncols() == 1 { 0 } else { j })] * vectors[(i, j)];
            }
        }
    }
}

impl Landscape for Wells {
    fn dim(&self) -> usize {
        self.0.len()
    }
    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], mut gradients: MatMut<'_, f64>) {
        for j in 0..points.ncols() {
            energies[j] = 0.0;
            for (i, a) in self.0.iter().enumerate() {
                let x = points[(i, j)];
                energies[j] += a * (x * x - 1.0).powi(2);
                gradients[(i, j)] = 4.0 * a * x * (x * x - 1.0);
            }
        }
    }
    fn linearize<'a>(&'a self, points: MatRef<'_, f64>) -> Box<dyn Linearization + 'a> {
        Box::new(Diagonal(Mat::from_fn(points.nrows(), points.ncols(), |i, j| {
            4.0 * self.0[i] * (3.0 * points[(i, j)].powi(2) - 1.0)
        })))
    }
    fn hessian(&self, x: &[f64], mut out: MatMut<'_, f64>) {
        out.fill(0.0);
        for i in 0..x.len() {
            out[(i, i)] = 4.0 * self.0[i] * (3.0 * x[i] * x[i] - 1.0);
        }
    }
    fn third(&self, x: &[f64], u: &[f64], v: &[f64], out: &mut [f64]) {
        for i in 0..x.len() {
            out[i] = 24.0 * self.0[i] * x[i] * u[i] * v[i];
        }
    }
    fn region(&self) -> Option<Region> {
        Some(Region::ball(vec![0.0; self.0.len()], 3.0))
    }
}

impl Wells {
    pub(crate) fn set(&self) -> CriticalSet {
        let n = self.0.len();
        let mut points: Vec<CriticalPoint> = (0..3usize.pow(n as u32))
            .map(|code| {
                let x: Vec<f64> = (0..n).map(|i| (code / 3usize.pow(i as u32) % 3) as f64 - 1.0).collect();
                let mut eigenvalues: Vec<f64> =
                    x.iter().zip(&self.0).map(|(x, a)| 4.0 * a * (3.0 * x * x - 1.0)).collect();
                eigenvalues.sort_by(f64::total_cmp);
                CriticalPoint {
                    energy: x.iter().zip(&self.0).map(|(x, a)| a * (x * x - 1.0).powi(2)).sum(),
                    index: x.iter().filter(|x| **x == 0.0).count(),
                    eigenvalues,
                    gradient_norm: 0.0,
                    radius: 1e-14,
                    level: Level::Checked,
                    proof: None,
                    x,
                }
            })
            .collect();
        points.sort_by(|a, b| {
            let (p, q) = (a.x.iter(), b.x.iter());
            let by_place = p.zip(q).map(|(p, q)| p.total_cmp(q)).find(|o| o.is_ne());
            (a.index.cmp(&b.index)).then(a.energy.total_cmp(&b.energy)).then(by_place.expect("points differ"))
        });
        CriticalSet {
            points,
            degenerate: vec![],
            completeness: Completeness::Proven,
            euler_expected: Some(1),
            rough: false,
            coverage: Default::default(),
            highest_index: n,
            region: Region::ball(vec![0.0; n], 3.0),
            work: Work::default(),
            interrupted: false,
        }
    }

    fn graph(&self, set: &CriticalSet) -> MorseGraph {
        self.graph_by(set, 300)
    }

    /// The graph with orbits of so many steps.
    pub(crate) fn graph_by(&self, set: &CriticalSet, steps: usize) -> MorseGraph {
        let mut connections = vec![];
        for (from, p) in set.points.iter().enumerate() {
            for i in (0..p.x.len()).filter(|&i| p.x[i] == 0.0) {
                for (side, sign) in [(-1.0, -1), (1.0, 1)] {
                    let points: Vec<Vec<f64>> = (0..=steps)
                        .map(|s| {
                            let mut x = p.x.clone();
                            x[i] = side * s as f64 / steps as f64;
                            x
                        })
                        .collect();
                    let energies = points.iter().map(|x| self.energy(x)).collect();
                    let to = set.points.iter().position(|q| q.x == points[steps]).expect("an end is a point");
                    let orbit = Orbit { points, energies };
                    connections.push(Connection::new(from, to, sign, orbit));
                }
            }
        }
        MorseGraph {
            connections,
            loose: vec![],
            misses: vec![],
            morse_smale: MorseSmale::Yes(Level::Checked),
            components: 1,
            examined: vec![true, true],
        }
    }
}

/// A set with everything in it that is not a point: families, exits, orbits between saddles, lost ones.
pub(crate) fn with_loose_ends() -> (CriticalSet, MorseGraph) {
    let wells = Wells(vec![1.0, 0.7]);
    let mut set = wells.set();
    let mut graph = wells.graph(&set);
    let circle: Vec<Vec<f64>> = (0..500)
        .map(|i| {
            let t = i as f64 / 500.0 * std::f64::consts::TAU;
            vec![2.0 + 0.2 * t.cos(), 0.2 * t.sin()]
        })
        .collect();
    set.degenerate.push(DegenerateFamily {
        x: circle[0].clone(),
        energy: 0.5,
        eigenvalues: vec![0.0, 3.0],
        dimension: 1,
        gradient_norm: 1e-13,
        samples: circle,
    });
    set.points[0].radius = f64::INFINITY;
    let line = |a: [f64; 2], b: [f64; 2]| Orbit {
        points: (0..=10).map(|i| (0..2).map(|k| a[k] + (b[k] - a[k]) * i as f64 / 10.0).collect()).collect(),
        energies: (0..=10).map(|i| 1.0 - i as f64 / 10.0).collect(),
    };
    graph.loose = vec![
        Loose::Exit { point: 8, orbit: line([0.0, 0.0], [1.2, 1.7]), backward: false },
        Loose::Exit { point: 4, orbit: line([-1.5, 1.9], [0.0, 1.0]), backward: true },
        Loose::NotTransverse { from: 6, to: 4, orbit: line([0.0, -1.0], [-1.0, 0.0]), gap: 1e-9 },
        Loose::NotTransverse { from: 6, to: 5, orbit: line([0.0, -1.0], [1.0, 0.0]), gap: f64::NAN },
        Loose::Degenerate { point: 5, family: 0, orbit: line([1.0, 0.0], [1.8, 0.0]), backward: false },
        Loose::Lost { point: 7, orbit: Orbit::default(), backward: true, reason: "step < \"tiny\"".into() },
    ];
    graph.morse_smale = MorseSmale::No("the orbit from 6 to 4 joins two saddles".into());
    (set, graph)
}

#[test]
fn the_table_reads_back_to_the_same_numbers() {
    let wells = Wells(vec![0.1, 1.0 / 3.0, 7e-9]);
    let mut set = wells.set();
    set.points[3].radius = f64::INFINITY;
    let text = export::critical_points_csv(&set).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let expected = "id,index,energy,gradient_norm,radius,level,lambda_min,lambda_max,x0,x1,x2";
    assert_eq!(header.join(","), expected);
    let rows: Vec<csv::StringRecord> = reader.records().map(|r| r.unwrap()).collect();
    assert_eq!(rows.len(), 27);
    for (id, (row, p)) in rows.iter().zip(&set.points).enumerate() {
        let value = |i: usize| row[i].parse::<f64>().unwrap();
        assert_eq!(row[0].parse::<usize>().unwrap(), id);
        assert_eq!(row[1].parse::<usize>().unwrap(), p.index);
        assert_eq!(value(2).to_bits(), p.energy.to_bits());
        assert_eq!(row[4].is_empty(), id == 3);
        assert_eq!(&row[5], "checked");
        assert_eq!((value(6), value(7)), (p.eigenvalues[0], p.eigenvalues[2]));
        assert_eq!([value(8), value(9), value(10)], p.x[..]);
    }
}

#[test]
fn the_array_reads_back_in_c_order() {
    let set = Wells(vec![1.0, 2.0, 3.0]).set();
    let bytes = export::critical_points_npy(&set).unwrap();
    let array = npyz::NpyFile::new(&bytes[..]).unwrap();
    assert_eq!(array.shape(), [27, 3]);
    assert_eq!(array.order(), npyz::Order::C);
    let values: Vec<f64> = array.into_vec().unwrap();
    let expected: Vec<f64> = set.points.iter().flat_map(|p| p.x.clone()).collect();
    assert_eq!(values, expected);
}

#[test]
fn an_empty_set_gives_headers_and_an_empty_graph() {
    let mut set = Wells(vec![1.0, 1.0]).set();
    set.points.clear();
    let graph = MorseGraph {
        connections: vec![],
        loose: vec![],
        misses: vec![],
        morse_smale: MorseSmale::Unknown("no point".into()),
        components: 0,
        examined: vec![],
    };
    assert_eq!(export::degenerate_csv(&set).unwrap().lines().count(), 1);
    assert_eq!(export::critical_points_csv(&set).unwrap().lines().count(), 1);
    let npy = export::critical_points_npy(&set).unwrap();
    assert_eq!(npyz::NpyFile::new(&npy[..]).unwrap().shape(), [0, 2]);
    let json: serde_json::Value =
        serde_json::from_str(&export::graph_json(&set, &graph, "").unwrap()).unwrap();
    assert_eq!(json["nodes"].as_array().unwrap().len(), 0);
    assert_eq!(json["graph"]["morse_smale"], "unknown");
    assert!(report::drawing(&set, &graph, None, "nothing").unwrap().contains("<svg"));
    let landscape = Wells(vec![1.0, 1.0]);
    assert!(report::portrait(&landscape, &set, &graph, "nothing").unwrap().contains("<svg"));
}

#[test]
fn the_graph_has_the_keys_of_both_versions_of_networkx() {
    let (set, graph) = with_loose_ends();
    let text = export::graph_json(&set, &graph, "two \"wells\" & more").unwrap();
    assert!(!text.contains("null") && !text.contains("NaN"));
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["directed"], true);
    assert_eq!(json["multigraph"], true);
    assert_eq!(json["links"], json["edges"]);
    let nodes = json["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 9);
    for (id, (node, p)) in nodes.iter().zip(&set.points).enumerate() {
        assert_eq!(node["id"], id);
        assert_eq!(node["index"], p.index);
        assert_eq!(node["energy"].as_f64().unwrap().to_bits(), p.energy.to_bits());
        assert_eq!(node["x"].as_array().unwrap().len(), 2);
        assert_eq!(node.get("radius").is_none(), id == 0);
    }
    // Four edges leave the maximum, two each of the four saddles.
    let edges = json["edges"].as_array().unwrap();
    assert_eq!(edges.len(), 12);
    for e in edges {
        let energy = |end: &str| nodes[e[end].as_u64().unwrap() as usize]["energy"].as_f64().unwrap();
        assert!(energy("source") > energy("target"));
        assert_eq!(e["key"], 0);
    }
    let about = &json["graph"];
    assert_eq!(about["morse_smale"], false);
    assert_eq!(about["title"], "two \"wells\" & more");
    assert_eq!(about["exits"][0]["x"], serde_json::json!([1.2, 1.7]));
    assert_eq!(about["exits"][0]["direction"], "forward");
    assert_eq!(about["exits"][1]["x"], serde_json::json!([-1.5, 1.9]));
    assert_eq!(about["exits"][1]["direction"], "backward");
    assert_eq!(about["not_transverse"][0], serde_json::json!({"from": 6, "to": 4, "gap": 1e-9}));
    assert_eq!(about["not_transverse"][1], serde_json::json!({"from": 6, "to": 5}));
    assert_eq!(about["degenerate"][0]["samples"].as_array().unwrap().len(), 200);
    assert_eq!(about["to_degenerate"][0]["family"], 0);
    assert_eq!(about["lost"][0]["reason"], "step < \"tiny\"");
    assert_eq!(about["unproven_edges"], serde_json::json!([]));
    let mut graph = graph;
    graph.connections[3].open = Some("too near a \"ridge\"".into());
    let text = export::graph_json(&set, &graph, "open").unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let edge = &json["edges"][3];
    let open = &json["graph"]["unproven_edges"];
    assert_eq!(open.as_array().unwrap().len(), 1);
    assert_eq!(open[0]["reason"], "too near a \"ridge\"");
    assert!(["source", "target", "key"].iter().all(|k| open[0][k] == edge[k]));
}

#[test]
fn parallel_edges_are_counted_by_key() {
    // Both branches of a saddle end in the one minimum of a circle.
    let wells = Wells(vec![1.0]);
    let set = wells.set();
    let mut graph = wells.graph(&set);
    for c in &mut graph.connections {
        c.to = 0;
    }
    let json: serde_json::Value =
        serde_json::from_str(&export::graph_json(&set, &graph, "").unwrap()).unwrap();
    let keys: Vec<u64> =
        json["edges"].as_array().unwrap().iter().map(|e| e["key"].as_u64().unwrap()).collect();
    assert_eq!(keys, [0, 1]);
    let graphml = export::graph_graphml(&set, &graph, "", 16).unwrap();
    assert!(graphml.contains("<edge id=\"e0\" source=\"2\" target=\"0\">"));
    assert!(graphml.contains("<edge id=\"e1\" source=\"2\" target=\"0\">"));
}

#[test]
fn titles_cannot_break_a_format() {
    let (set, graph) = with_loose_ends();
    let title = "a <b> & \"c\" \\ \u{7}";
    for text in [
        export::graph_graphml(&set, &graph, title, 16).unwrap(),
        export::graph_gexf(&set, &graph, title, 16).unwrap(),
        report::drawing(&set, &graph, None, title).unwrap(),
        report::portrait(&Wells(vec![1.0, 0.7]), &set, &graph, title).unwrap(),
        report::Projection::new(&set, &graph, None, None).unwrap().unwrap().svg(title).unwrap(),
    ] {
        assert!(text.contains("a &lt;b&gt; &amp;") && !text.contains("<b>") && !text.contains('\u{7}'));
    }
    assert!(export::graph_dot(&set, &graph, title).unwrap().contains(r#"label="a <b> & \"c\" \\  ";"#));
}

#[test]
fn orbits_are_thinned_and_keep_their_ends() {
    let wells = Wells(vec![1.0, 0.5]);
    let set = wells.set();
    let graph = wells.graph(&set);
    let text = export::orbits_csv(&set, &graph).unwrap().unwrap();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<Vec<f64>> =
        reader.records().map(|r| r.unwrap().iter().map(|v| v.parse().unwrap()).collect()).collect();
    assert_eq!(rows.len(), 12 * 200);
    for (c, rows) in graph.connections.iter().zip(rows.chunks(200)) {
        assert_eq!(rows[0][3..], set.points[c.from].x);
        assert_eq!(rows[199][3..], set.points[c.to].x);
        assert!(rows.windows(2).all(|w| w[1][2] < w[0][2] && w[1][1] == w[0][1] + 1.0));
    }
}

#[test]
fn numbers_that_are_not_finite_are_refused_by_name() {
    let wells = Wells(vec![1.0, 0.5]);
    let mut set = wells.set();
    let graph = wells.graph(&set);
    set.points[2].eigenvalues[0] = f64::NAN;
    for error in [
        export::critical_points_csv(&set).unwrap_err(),
        export::graph_json(&set, &graph, "").unwrap_err(),
        report::drawing(&set, &graph, None, "").unwrap_err(),
    ] {
        assert!(error.to_string().contains("critical point 2"), "{error}");
    }
}

/// A plane that rises steadily and is not defined on one side.
struct Cliff;

impl Landscape for Cliff {
    fn dim(&self) -> usize {
        2
    }
    fn gradients(&self, points: MatRef<'_, f64>, energies: &mut [f64], mut gradients: MatMut<'_, f64>) {
        gradients.fill(0.0);
        for j in 0..points.ncols() {
            let x = points[(0, j)];
            energies[j] = if x < 0.0 { f64::NAN } else { x.ln() };
        }
    }
    fn linearize<'a>(&'a self, _: MatRef<'_, f64>) -> Box<dyn Linearization + 'a> {
        Box::new(Diagonal(Mat::zeros(2, 1)))
    }
    fn hessian(&self, _: &[f64], mut out: MatMut<'_, f64>) {
        out.fill(0.0);
    }
    fn third(&self, _: &[f64], _: &[f64], _: &[f64], out: &mut [f64]) {
        out.fill(0.0);
    }
    fn region(&self) -> Option<Region> {
        None
    }
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn pictures_are_the_same_bytes_every_time() {
    let (set, graph) = with_loose_ends();
    let landscape = Wells(vec![1.0, 0.7]);
    let portrait = || report::portrait(&landscape, &set, &graph, "twice").unwrap();
    assert_eq!(portrait(), portrait());
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(portrait(), one.install(portrait));
    let drawing = || report::drawing(&set, &graph, Some((1, 2)), "twice").unwrap();
    assert_eq!(drawing(), drawing());
}

#[test]
fn the_portrait_shows_each_point_with_the_marker_of_its_index() {
    let landscape = Wells(vec![1.0, 0.7]);
    let set = landscape.set();
    let svg = report::portrait(&landscape, &set, &landscape.graph(&set), "").unwrap();
    // One marker more of each kind stands in the legend; maxima also colour nothing else that is filled.
    assert_eq!(count(&svg, "fill=\"#0072B2\""), 4 + 1);
    assert_eq!(count(&svg, "fill=\"#C77F00\""), 4 + 1);
    assert_eq!(count(&svg, "fill=\"#009E73\""), 1 + 1);
    for label in ["4 minima", "4 saddles of index 1", "1 maximum", "unstable manifold", "stable manifold"] {
        assert!(svg.contains(label), "{label}");
    }
}

#[test]
fn the_legends_name_what_is_drawn() {
    let (mut set, graph) = with_loose_ends();
    let landscape = Wells(vec![1.0, 0.7]);
    let portrait = |set: &CriticalSet| report::portrait(&landscape, set, &graph, "").unwrap();
    let drawing = report::drawing(&set, &graph, None, "").unwrap();
    for label in ["1 degenerate family", "2 orbits from saddle to saddle", "1 orbit leaves the region"] {
        assert!(drawing.contains(label), "{label}");
    }
    assert!(portrait(&set).contains("1 degenerate family"));
    // The critical points lie within 2.2 of the origin: the edge of a ball is seen if it is not far beyond.
    set.region = Region::ball(vec![0.0, 0.0], 2.3);
    assert!(portrait(&set).contains("edge of the region"));
    set.region = Region::ball(vec![0.0, 0.0], 30.0);
    assert!(!portrait(&set).contains("edge of the region"));
    // One hollow circle alone, and one in the legend.
    let white = |svg: &str| count(svg, "fill=\"#FFFFFF\"");
    let before = white(&portrait(&set));
    set.degenerate.push(DegenerateFamily {
        x: vec![1.5, 1.0],
        energy: 0.7,
        eigenvalues: vec![0.0, 1.0],
        dimension: 0,
        gradient_norm: 0.0,
        samples: vec![vec![1.5, 1.0]],
    });
    assert_eq!(white(&portrait(&set)), before + 1);
    set.degenerate.remove(0);
    assert!(portrait(&set).contains("1 degenerate point"));
}

#[test]
fn a_portrait_exists_in_one_and_two_dimensions_only() {
    let line = Wells(vec![1.0]);
    let set = line.set();
    assert!(report::portrait(&line, &set, &line.graph(&set), "line").unwrap().contains("2 minima"));
    let space = Wells(vec![1.0, 1.0, 1.0]);
    let set = space.set();
    let error = report::portrait(&space, &set, &space.graph(&set), "space").unwrap_err();
    assert!(error.to_string().contains("one or two dimensions"), "{error}");
}

#[test]
fn pictures_hold_on_regions_and_energies_of_any_size() {
    for (scale, region) in [
        (1.0, Region::cuboid(vec![-1e8, -1e-3], vec![1e8, 1e-3])),
        (1e-300, Region::ball(vec![0.0, 0.0], 1e9)),
        (1e300, Region::ball(vec![0.0, 0.0], 1.0001)),
        (0.0, Region::cuboid(vec![-3.0, -3.0], vec![3.0, 3.0])),
    ] {
        let landscape = Wells(vec![scale, 0.5 * scale]);
        let mut set = landscape.set();
        set.region = region;
        let graph = landscape.graph(&set);
        for svg in [
            report::portrait(&landscape, &set, &graph, "").unwrap(),
            report::drawing(&set, &graph, None, "").unwrap(),
        ] {
            assert!(!svg.contains("NaN") && !svg.contains("\"inf"), "{scale}");
        }
        set.points.truncate(1);
        let graph = MorseGraph { connections: vec![], ..graph };
        report::portrait(&landscape, &set, &graph, "").unwrap();
        report::drawing(&set, &graph, None, "").unwrap();
        report::portrait(&Cliff, &set, &graph, "").unwrap();
    }
}

#[test]
fn minima_appear_as_images() {
    let landscape = Wells(vec![1.0, 0.9, 0.8, 0.7, 0.6, 0.5]);
    let set = landscape.set();
    let graph = landscape.graph(&set);
    let svg = report::drawing(&set, &graph, Some((2, 3)), "").unwrap();
    assert_eq!(count(&svg, "<image "), 64);
    assert_eq!(count(&svg, "data:image/png;base64,iVBORw0KGgo"), 64);
    let error = report::drawing(&set, &graph, Some((2, 4)), "").unwrap_err();
    assert!(error.to_string().contains("2 x 4"), "{error}");
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn hundreds_of_images_stay_a_small_file() {
    // 460 minima of 28 x 28 pixels in a chain of saddles.
    let n = 28 * 28;
    let point = |id: usize, index: usize, energy: f64| CriticalPoint {
        x: (0..n).map(|k| ((k * (2 * id + 1)) % 251) as f64 / 251.0).collect(),
        energy,
        eigenvalues: vec![1.0],
        index,
        gradient_norm: 0.0,
        radius: 0.0,
        level: Level::Checked,
        proof: None,
    };
    let mut set = Wells(vec![1.0]).set();
    set.region = Region::ball(vec![0.0; n], 100.0);
    set.points = (0..460).map(|id| point(id, 0, -1.0 + 1e-3 * id as f64)).collect();
    set.points.extend((0..1380).map(|id| point(id, 1, 1.0 + 1e-3 * id as f64)));
    let connections = (0..1380)
        .flat_map(|s| [s % 460, (s * 7 + 1) % 460].map(|to| (460 + s, to)))
        .map(|(from, to)| Connection::new(from, to, 1, Orbit::default()))
        .collect();
    let graph = MorseGraph {
        connections,
        loose: vec![],
        misses: vec![],
        morse_smale: MorseSmale::Yes(Level::Checked),
        components: 1,
        examined: vec![],
    };
    let svg = report::drawing(&set, &graph, Some((28, 28)), "").unwrap();
    assert_eq!(count(&svg, "<image "), 460);
    assert!(svg.len() < 3_000_000, "{} bytes", svg.len());
}
