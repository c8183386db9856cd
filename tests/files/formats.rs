//! The graph in every format, read by parsers that share nothing with its writers, of a landscape whose graph is known in closed form.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Write;

use base64::Engine;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use smale::connection::{Loose, Miss, MorseGraph, MorseSmale, Orbit};
use smale::critical::{CriticalSet, DegenerateFamily, Level};
use smale::export;

use crate::export::Wells;

/// Weights of `E = a (x^2 - 1)^2 + b (y^2 - 1)^2`: minima at (+-1, +-1) with energy 0, saddles (0, +-1) at a and (+-1, 0) at b, and the
/// maximum 0 at a + b.
const WEIGHTS: [f64; 2] = [1.0, 0.7];

fn known() -> (CriticalSet, MorseGraph) {
    let wells = Wells(WEIGHTS.to_vec());
    let mut set = wells.set();
    for p in &mut set.points {
        p.gradient_norm = 1.0 / 3.0 * 1e-15;
        p.level = if p.index == 0 { Level::Proven } else { Level::Checked };
    }
    let mut graph = wells.graph_by(&set, 30);
    graph.connections.iter_mut().for_each(|c| c.residual = 0.1 + 0.2);
    (set, graph)
}

/// What a format says of the graph: by node its attributes, and the edges with theirs, all as text.
#[derive(Default)]
struct Found {
    nodes: BTreeMap<usize, BTreeMap<String, String>>,
    edges: Vec<(usize, usize, BTreeMap<String, String>)>,
}

/// All of it is what the closed form says.
fn check(format: &str, found: &Found) {
    assert_eq!(found.nodes.len(), 9, "{format}");
    assert_eq!(found.edges.len(), 12, "{format}");
    let place = |id: usize| ["x0", "x1"].map(|name| found.nodes[&id][name].parse::<f64>().unwrap());
    let number =
        |of: &BTreeMap<String, String>, name: &str| of.get(name).map(|text| text.parse::<f64>().unwrap());
    for (id, node) in &found.nodes {
        let x = place(*id);
        let index = x.iter().filter(|v| **v == 0.0).count();
        let energy: f64 = x.iter().zip(WEIGHTS).map(|(x, a)| if *x == 0.0 { a } else { 0.0 }).sum();
        assert_eq!(node["index"], index.to_string(), "{format}");
        assert_eq!(number(node, "energy"), Some(energy), "{format}");
        // Out of every minimum the lower of the two kinds of saddles leads.
        assert_eq!(number(node, "barrier"), (index == 0).then_some(0.7), "{format}: {node:?}");
        assert_eq!(node["level"], if index == 0 { "proven" } else { "checked" }, "{format}");
        if let Some(label) = node.get("label") {
            assert!(label.starts_with(&id.to_string()), "{format}: {label}");
        }
    }
    for (source, target, edge) in &found.edges {
        let (from, to) = (place(*source), place(*target));
        let axis = (0..2).find(|i| from[*i] != to[*i]).unwrap();
        assert_eq!((from[axis], from[1 - axis]), (0.0, to[1 - axis]), "{format}");
        assert_eq!(number(edge, "sign"), Some(to[axis]), "{format}");
        let height = number(edge, "barrier").unwrap();
        assert!((height - WEIGHTS[axis]).abs() < 1e-15, "{format}: {height}");
        assert_eq!(edge["level"], "checked", "{format}");
    }
}

fn words(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    pairs.collect()
}

#[test]
fn graphml_says_what_is_known() {
    let (set, graph) = known();
    let text = export::graph_graphml(&set, &graph, "Wells", 16).unwrap();
    let xml = roxmltree::Document::parse(&text).unwrap();
    let all = |name: &'static str| xml.descendants().filter(move |n| n.tag_name().name() == name);
    let names: BTreeMap<&str, &str> =
        all("key").map(|k| (k.attribute("id").unwrap(), k.attribute("attr.name").unwrap())).collect();
    let data = |node: roxmltree::Node<'_, '_>| {
        let data = node.children().filter(|n| n.tag_name().name() == "data");
        words(data.map(|d| (names[d.attribute("key").unwrap()].into(), d.text().unwrap_or_default().into())))
    };
    let id = |node: roxmltree::Node<'_, '_>, name: &str| node.attribute(name).unwrap().parse().unwrap();
    check(
        "graphml",
        &Found {
            nodes: all("node").map(|n| (id(n, "id"), data(n))).collect(),
            edges: all("edge").map(|e| (id(e, "source"), id(e, "target"), data(e))).collect(),
        },
    );
    let none = export::graph_graphml(&set, &graph, "Wells", 1).unwrap();
    assert!(!none.contains("x0") && none.contains("energy"));
}

#[test]
fn gexf_says_what_is_known() {
    let (set, graph) = known();
    let text = export::graph_gexf(&set, &graph, "Wells", 16).unwrap();
    let xml = roxmltree::Document::parse(&text).unwrap();
    let all = |name: &'static str| xml.descendants().filter(move |n| n.tag_name().name() == name);
    let class = |of: &str| -> BTreeMap<String, String> {
        let list = all("attributes").find(|a| a.attribute("class") == Some(of)).unwrap();
        let each = list.children().filter(|n| n.is_element());
        each.map(|a| (a.attribute("id").unwrap().into(), a.attribute("title").unwrap().into())).collect()
    };
    let data = |node: roxmltree::Node<'_, '_>, names: &BTreeMap<String, String>| {
        let values = node.descendants().filter(|n| n.tag_name().name() == "attvalue");
        words(
            values
                .map(|v| (names[v.attribute("for").unwrap()].clone(), v.attribute("value").unwrap().into())),
        )
    };
    let (of_nodes, of_edges) = (class("node"), class("edge"));
    let id = |node: roxmltree::Node<'_, '_>, name: &str| node.attribute(name).unwrap().parse().unwrap();
    check(
        "gexf",
        &Found {
            nodes: all("node").map(|n| (id(n, "id"), data(n, &of_nodes))).collect(),
            edges: all("edge").map(|e| (id(e, "source"), id(e, "target"), data(e, &of_edges))).collect(),
        },
    );
}

/// The elements of GEXF 1.2 that a graph without dynamics and colours needs, as gexf.xsd and data.xsd of gexf.net have them: what each
/// may hold, which attributes it must have, and which others it may have.
type Rule = (&'static str, &'static [&'static str], &'static [&'static str], &'static [&'static str]);
const GEXF: [Rule; 13] = [
    ("gexf", &["meta", "graph"], &["version"], &["variant"]),
    ("meta", &["creator", "keywords", "description"], &[], &["lastmodifieddate"]),
    ("creator", &[], &[], &[]),
    ("description", &[], &[], &[]),
    ("graph", &["attributes", "nodes", "edges"], &[], &["defaultedgetype", "idtype", "mode"]),
    ("attributes", &["attribute"], &["class"], &["mode"]),
    ("attribute", &["default", "options"], &["id", "title", "type"], &[]),
    ("nodes", &["node"], &[], &["count"]),
    ("node", &["attvalues"], &["id"], &["label"]),
    ("edges", &["edge"], &[], &["count"]),
    ("edge", &["attvalues"], &["id", "source", "target"], &["type", "label", "weight"]),
    ("attvalues", &["attvalue"], &[], &[]),
    ("attvalue", &[], &["for", "value"], &[]),
];

#[test]
fn gexf_keeps_to_its_schema() {
    let (set, graph) = known();
    let text = export::graph_gexf(&set, &graph, "Wells <& more>", 16).unwrap();
    let xml = roxmltree::Document::parse(&text).unwrap();
    let root = xml.root_element();
    // Gephi reads the version by the name space, which kept the word draft.
    assert_eq!(root.tag_name().namespace(), Some("http://www.gexf.net/1.2draft"));
    assert_eq!((root.tag_name().name(), root.attribute("version")), ("gexf", Some("1.2")));
    let name = |node: roxmltree::Node<'_, '_>| node.tag_name().name().to_owned();
    for node in xml.descendants().filter(roxmltree::Node::is_element) {
        let own = name(node);
        let (_, children, needed, others) = GEXF.iter().find(|rule| rule.0 == own).expect(&own);
        for child in node.children().filter(roxmltree::Node::is_element) {
            assert!(children.contains(&name(child).as_str()), "{} in {own}", name(child));
        }
        assert!(needed.iter().all(|attribute| node.has_attribute(*attribute)), "{node:?}");
        for attribute in node.attributes() {
            let known = needed.contains(&attribute.name()) || others.contains(&attribute.name());
            assert!(known, "{} of {own}", attribute.name());
        }
        for (attribute, allowed) in [
            ("class", &["node", "edge"][..]),
            ("mode", &["static", "dynamic"]),
            ("defaultedgetype", &["directed", "undirected", "mutual"]),
            ("type", &["integer", "long", "double", "float", "boolean", "liststring", "string", "anyURI"]),
        ] {
            assert!(node.attribute(attribute).is_none_or(|value| allowed.contains(&value)), "{node:?}");
        }
    }
    let ids = |element: &'static str, attribute: &'static str| {
        let all =
            xml.descendants().filter(move |n| n.has_tag_name(("http://www.gexf.net/1.2draft", element)));
        all.map(|n| n.attribute(attribute).unwrap().to_owned()).collect::<Vec<_>>()
    };
    for element in ["node", "edge"] {
        let mut all = ids(element, "id");
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "{element}");
    }
    let nodes = ids("node", "id");
    assert!(ids("edge", "source").iter().chain(&ids("edge", "target")).all(|end| nodes.contains(end)));
}

#[test]
fn dot_says_what_is_known() {
    let (set, graph) = known();
    let text = export::graph_dot(&set, &graph, "Wells").unwrap();
    let mut found = Found::default();
    for line in text.lines().map(str::trim) {
        let Some((head, rest)) = line.split_once(" [") else { continue };
        let list = rest.trim_end_matches("];");
        let pairs = list.split(", ").filter_map(|p| p.split_once('='));
        let mut data = words(pairs.map(|(k, v)| (k.into(), v.trim_matches('"').into())));
        if let Some(x) = data.remove("x") {
            data.extend(x.split(' ').enumerate().map(|(i, v)| (format!("x{i}"), v.to_owned())));
        }
        match head.split_once(" -> ") {
            Some((a, b)) => found.edges.push((a.parse().unwrap(), b.parse().unwrap(), data)),
            None => {
                if let Ok(id) = head.parse() {
                    found.nodes.insert(id, data);
                }
            }
        }
    }
    check("dot", &found);
}

fn table(csv: &[u8]) -> Vec<BTreeMap<String, String>> {
    let text = std::str::from_utf8(csv).unwrap();
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        words(
            head.iter()
                .zip(line.split(','))
                .map(|(k, v)| (k.to_string(), v.to_owned()))
                .filter(|(_, v)| !v.is_empty()),
        )
    };
    lines.map(row).collect()
}

/// The rows of a Parquet file; of a list `x` its numbers as `x0`, `x1`, ..
fn rows(bytes: Vec<u8>) -> Vec<BTreeMap<String, String>> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&bytes).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let text = |field: &Field| match field {
        Field::Null => None,
        Field::Str(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let row = |row: parquet::record::Row| {
        let mut data = BTreeMap::new();
        for (name, field) in row.get_column_iter() {
            match field {
                Field::ListInternal(list) => {
                    let each = list.elements().iter().enumerate();
                    data.extend(each.filter_map(|(i, v)| Some((format!("{name}{i}"), text(v)?))));
                }
                field => data.extend(text(field).map(|t| (name.clone(), t))),
            }
        }
        data
    };
    reader.get_row_iter(None).unwrap().map(|r| row(r.unwrap())).collect()
}

#[test]
fn tables_say_what_is_known() {
    let (set, graph) = known();
    let csv =
        (table(&export::nodes_csv(&set, &graph).unwrap()), table(&export::edges_csv(&set, &graph).unwrap()));
    let parquet = (
        rows(export::nodes_parquet(&set, &graph).unwrap()),
        rows(export::edges_parquet(&set, &graph).unwrap()),
    );
    for (format, (nodes, edges)) in [("csv", csv), ("parquet", parquet)] {
        let id = |row: &BTreeMap<String, String>, name: &str| row[name].parse().unwrap();
        // Largest curvature of a minimum: 8 a.
        assert_eq!(nodes[0]["lambda_max"].parse::<f64>().unwrap(), 8.0, "{format}");
        check(
            format,
            &Found {
                nodes: nodes.into_iter().map(|row| (id(&row, "id"), row)).collect(),
                edges: edges.into_iter().map(|row| (id(&row, "source"), id(&row, "target"), row)).collect(),
            },
        );
    }
}

#[test]
fn vtk_has_points_first_and_orbits_between_them() {
    let (set, graph) = known();
    let text = String::from_utf8(export::graph_vtp(&set, &graph).unwrap()).unwrap();
    let xml = roxmltree::Document::parse(&text).unwrap();
    let array = |parent: &str, name: &str| -> Vec<[u8; 8]> {
        let within = xml.descendants().find(|n| n.tag_name().name() == parent).unwrap();
        let node = within.children().find(|n| n.attribute("Name") == Some(name)).unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(node.text().unwrap()).unwrap();
        bytes[8..].chunks_exact(8).map(|c| c.try_into().unwrap()).collect()
    };
    let whole = |parent: &str, name: &str| {
        array(parent, name).into_iter().map(i64::from_le_bytes).collect::<Vec<_>>()
    };
    let real = |parent: &str, name: &str| {
        array(parent, name).into_iter().map(f64::from_le_bytes).collect::<Vec<_>>()
    };
    let places = real("Points", "Points");
    let (energies, indices) = (real("PointData", "energy"), whole("PointData", "index"));
    // Nine points; of twelve orbits the 29 places between their ends.
    assert_eq!((places.len(), energies.len()), (3 * (9 + 12 * 29), 9 + 12 * 29));
    for (x, energy) in places.chunks_exact(3).zip(&energies) {
        let expected: f64 = x.iter().zip(WEIGHTS).map(|(x, a)| a * (x * x - 1.0).powi(2)).sum();
        assert!((expected - energy).abs() < 1e-15 && x[2] == 0.0);
    }
    assert_eq!(&indices[..9], [0, 0, 0, 0, 1, 1, 1, 1, 2]);
    assert_eq!(whole("Verts", "connectivity"), (0..9).collect::<Vec<i64>>());
    let (line, ends) = (whole("Lines", "connectivity"), whole("Lines", "offsets"));
    assert_eq!(ends, (1..=12).map(|k| 31 * k).collect::<Vec<i64>>());
    let (signs, barriers) = (whole("CellData", "sign"), real("CellData", "barrier"));
    assert_eq!((signs.len(), barriers.len()), (21, 21));
    for (k, c) in line.chunks_exact(31).enumerate() {
        let fall: Vec<f64> = c.iter().map(|p| energies[*p as usize]).collect();
        assert!(fall.windows(2).all(|w| w[1] < w[0]));
        assert!((fall[0] - fall[30] - barriers[9 + k]).abs() < 1e-15);
        assert_eq!(signs[9 + k].abs(), 1);
    }
    assert_eq!(&barriers[..4], [0.7; 4]);
    assert_eq!(&signs[..9], [0; 9]);
}

/// Everything that is no node or edge, too.
#[test]
fn a_graph_is_read_back_to_the_same_file() {
    let (mut set, mut graph) = known();
    let summary = serde_json::json!({ "region": { "ball": { "center": [0.0, 0.0], "radius": 3.0 } } });
    let parallel = graph.connections[2].clone();
    graph.connections.push(parallel);
    graph.connections[3].open = Some("too near a \"ridge\"".into());
    graph.connections[12].open = Some("tube too wide".into());
    graph.connections[1].transversality = None;
    graph.connections[5].level = Level::Proven;
    set.points[0].radius = f64::INFINITY;
    set.points[2].gradient_norm = 5e-324;
    set.degenerate.push(DegenerateFamily {
        x: vec![0.1, 1.0 / 3.0],
        energy: 0.5,
        eigenvalues: vec![0.0, 3.0],
        dimension: 1,
        gradient_norm: 1e-13,
        samples: (0..300).map(|i| vec![f64::from(i).sin(), f64::from(i).cos()]).collect(),
    });
    let line = |a: f64| Orbit { points: vec![vec![a, 0.0], vec![a, 2.9]], energies: vec![1.0, 0.5] };
    graph.loose = vec![
        Loose::Exit { point: 8, orbit: line(0.3), backward: false },
        Loose::Exit { point: 4, orbit: line(-0.7), backward: true },
        Loose::Exit { point: 4, orbit: Orbit::default(), backward: true },
        Loose::NotTransverse { from: 6, to: 4, orbit: line(0.0), gap: 1e-9 },
        Loose::NotTransverse { from: 6, to: 5, orbit: line(0.0), gap: f64::NAN },
        Loose::Degenerate { point: 5, family: 0, orbit: line(1.0), backward: false },
        Loose::Lost { point: 7, orbit: Orbit::default(), backward: true, reason: "step < \"tiny\"".into() },
    ];
    graph.misses = vec![Miss { from: 4, to: 6, gap: -1e-5, backward: true, mode: vec![1.0, 0.0] }];
    let verdicts = [
        MorseSmale::Yes(Level::Estimated),
        MorseSmale::No("6 to 4".into()),
        MorseSmale::Unknown("order".into()),
    ];
    for verdict in verdicts {
        graph.morse_smale = verdict;
        let text = export::graph_json(&set, &graph, "Wells").unwrap();
        let (read_set, mut read) =
            export::read_graph(&summary, &serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(export::graph_json(&read_set, &read, "Wells").unwrap(), text);
        let orbits = export::orbits_csv(&set, &graph).unwrap().unwrap();
        export::read_orbits(&orbits, &mut read).unwrap();
        assert_eq!(export::orbits_csv(&read_set, &read).unwrap().unwrap(), orbits);
        assert_eq!(export::nodes_csv(&read_set, &read).unwrap(), export::nodes_csv(&set, &graph).unwrap());
        assert_eq!(export::graph_vtp(&read_set, &read).unwrap(), export::graph_vtp(&set, &graph).unwrap());
    }
    let (_, mut other) = known();
    other.connections.truncate(3);
    let orbits = export::orbits_csv(&set, &graph).unwrap().unwrap();
    let refused = export::read_orbits(&orbits, &mut other).unwrap_err().to_string();
    // Three orbits of 31 points and the header come before the first that is unknown.
    assert!(refused.contains("line 95"), "{refused}");
}
