//! The files and pictures of the algebra.

use serde_json::{Value, json};
use smale::connection::algebra::{analyse, barriers};
use smale::connection::{Loose, Orbit};
use smale::critical::{Completeness, Level};
use smale::{export, report};

use super::spaces::{Space, circle, graph, line, set};

fn rows(table: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    reader.records().map(|r| r.expect("a row").iter().map(str::to_owned).collect()).collect()
}

fn grid() -> Space {
    line(&[0.0, 0.125, 0.5], &[1.0, 1.25]).times(&line(&[0.0, 0.25], &[1.5]))
}

#[test]
fn the_complex_reads_back_as_json() {
    let (set, mut graph) = grid().solved();
    let text = export::complex_json(&set, &graph, &analyse(&set, &graph, 2), "a \"grid\"").unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["title"], "a \"grid\"");
    assert_eq!(read["complete_to"], 2);
    let ids =
        |index: usize| (0..set.points.len()).filter(|i| set.points[*i].index == index).collect::<Vec<_>>();
    assert_eq!(read["points"], json!([0, 1, 2].map(|index| json!({ "index": index, "ids": ids(index) }))));
    let mut entries: Vec<(usize, usize, i64)> = read["boundary"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|b| serde_json::from_value::<Vec<_>>(b["entries"].clone()).unwrap())
        .collect();
    entries.sort_unstable();
    let mut expected: Vec<(usize, usize, i64)> =
        graph.connections.iter().map(|c| (c.to, c.from, i64::from(c.sign))).collect();
    expected.sort_unstable();
    assert_eq!(entries, expected);
    assert_eq!(read["d_squared"], json!([]));
    assert_eq!(read["homology"][0], json!({ "degree": 0, "betti": 1, "torsion": [] }));
    assert_eq!(read["homology"][2], json!({ "degree": 2, "betti": 0, "torsion": [] }));
    assert_eq!(read["homology_mod2"], json!([1, 0, 0]));
    assert_eq!((&read["expected"], &read["reason"]), (&json!([1]), &Value::Null));
    assert_eq!(read["hasse"].as_array().unwrap().len(), graph.connections.len());
    // A point of index 2 is above the four minima around its cell.
    let below = read["minima_below"].as_array().unwrap();
    assert!(below.iter().all(|b| {
        let index = set.points[b["id"].as_u64().unwrap() as usize].index;
        b["minima"].as_array().unwrap().len() == 1 << index
    }));
    assert_eq!(below.len(), ids(1).len() + ids(2).len());

    graph.connections[0].sign *= -1;
    let text = export::complex_json(&set, &graph, &analyse(&set, &graph, 2), "t").unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    assert!(!read["d_squared"].as_array().unwrap().is_empty());
    assert_eq!((&read["homology"], &read["homology_mod2"]), (&Value::Null, &Value::Null));
    assert!(read["reason"].as_str().unwrap().contains("squared boundary"));
    // A torsion subgroup.
    let (set, graph) = (set_of_plane(), graph_of_plane());
    let text = export::complex_json(&set, &graph, &analyse(&set, &graph, 2), "t").unwrap();
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["homology"][1]["torsion"], json!([2]));
    assert_eq!(read["homology_mod2"], json!([1, 1, 1]));
}

/// The projective plane.
fn set_of_plane() -> smale::critical::CriticalSet {
    set(2, &[(0, 0.0), (1, 1.0), (2, 2.0)])
}

fn graph_of_plane() -> smale::connection::MorseGraph {
    graph(&[(1, 0, 0), (2, 1, 2)])
}

#[test]
fn tables_have_a_row_a_class_and_a_row_a_pair() {
    let ring = circle(&[0.0, 0.5], &[1.0, 2.0]);
    let (set, graph) = ring.solved();
    let table = export::persistence_csv(&set, &graph, &analyse(&set, &graph, 1)).unwrap().unwrap();
    // Two minima and two maxima around a circle: the lower of the maxima joins them, the higher one closes it.
    assert_eq!(
        table,
        "degree,birth_id,death_id,birth,death,persistence,level\n0,0,,0.0,,,checked\n0,1,2,0.5,1.0,0.5,checked\n\
         1,3,,2.0,,,checked\n"
    );
    assert_eq!(
        export::barriers_csv(&set, &graph).unwrap().unwrap(),
        "a,b,saddle,energy,above_a,above_b,level\n0,1,2,1.0,1.0,0.5,checked\n"
    );
    let (set, graph) = grid().solved();
    let table = rows(&export::barriers_csv(&set, &graph).unwrap().unwrap());
    assert_eq!(table.len(), 15);
    for (row, b) in table.iter().zip(barriers(&set, &graph)) {
        let value = |i: usize| row[i].parse::<f64>().unwrap();
        assert_eq!(value(3) - value(4), set.points[b.a].energy);
        assert_eq!(value(3) - value(5), set.points[b.b].energy);
    }
}

#[test]
fn levels_are_the_weakest_that_a_row_rests_on() {
    let (mut set, mut graph) = circle(&[0.0, 0.5], &[1.0, 2.0]).solved();
    let level = |set: &_, graph: &_| rows(&export::barriers_csv(set, graph).unwrap().unwrap())[0][6].clone();
    assert_eq!(level(&set, &graph), "checked");
    set.points.iter_mut().for_each(|p| p.level = Level::Proven);
    assert_eq!(level(&set, &graph), "checked");
    graph.connections.iter_mut().for_each(|c| c.level = Level::Proven);
    assert_eq!(level(&set, &graph), "proven");
    // A saddle that was not found could be lower, or lead elsewhere.
    let lost =
        |point: usize| Loose::Lost { point, orbit: Orbit::default(), backward: false, reason: String::new() };
    graph.loose = vec![lost(2)];
    assert_eq!(level(&set, &graph), "estimated");
    graph.loose.clear();
    set.completeness = Completeness::Estimated { unseen: 0.0, low: 0.0, high: 1.0 };
    assert_eq!(level(&set, &graph), "estimated");
}

#[test]
fn what_would_be_too_large_is_left_out() {
    let points: Vec<(usize, f64)> = (0..501).map(|i| (0, f64::from(i))).collect();
    assert_eq!(export::barriers_csv(&set(2, &points), &graph(&[])).unwrap(), None);
    assert!(export::barriers_csv(&set(2, &points[..500]), &graph(&[])).unwrap().is_some());
    let (set, mut graph) = grid().solved();
    graph.connections[0].sign *= -1;
    // Over Z/2 signs do not matter, but the complex is none.
    assert_eq!(export::persistence_csv(&set, &graph, &analyse(&set, &graph, 2)).unwrap(), None);
}

#[test]
fn the_tree_has_a_leaf_a_minimum_and_images_if_asked() {
    let (mut set, graph) = grid().solved();
    let svg = report::tree(&set, &graph, None, "a & b").unwrap();
    assert!(svg.contains("a &amp; b") && svg.ends_with("</svg>\n"));
    // A disc a leaf, one with a rim in the legend; a square a node and one in the legend. Two of the saddles that join
    // components, both of energy 1.5, meet in one node.
    assert_eq!(svg.matches("<circle").count(), 6 + 2);
    assert_eq!(svg.matches("<polygon").count(), 4 + 1);
    assert!(["6 minima", "5 saddles that join them"].iter().all(|text| svg.contains(text)));
    assert_eq!(svg, report::tree(&set, &graph, None, "a & b").unwrap());
    let with = report::tree(&set, &graph, Some((1, 2)), "t").unwrap();
    assert_eq!(with.matches("<image").count(), 6);
    assert!(report::tree(&set, &graph, Some((2, 2)), "t").is_err());
    let apart = report::tree(&set, &super::spaces::graph(&[]), None, "t").unwrap();
    assert!(apart.contains("6 components that are not joined"));
    set.points[0].energy = f64::INFINITY;
    assert!(report::tree(&set, &graph, None, "t").is_err());
}

#[test]
fn the_persistence_diagram_has_a_marker_a_class() {
    let (set, graph) = circle(&[0.0, 0.5, 0.25], &[1.0, 2.0, 1.5]).solved();
    let pairs = analyse(&set, &graph, 1).pairs.unwrap();
    let svg = report::persistence(&set, &pairs, "ring").unwrap();
    assert!(["3 classes of degree 0", "1 class of degree 1", "whole region"].iter().all(|t| svg.contains(t)));
    // Discs have a white rim beneath, squares a line.
    assert_eq!(svg.matches("<circle").count(), 2 * (3 + 1));
    assert_eq!(svg.matches("<polygon").count(), 1 + 1);
    let mut wrong = pairs.clone();
    wrong[0].birth = 99;
    assert!(report::persistence(&set, &wrong, "t").is_err());
}
