//! Unstable manifolds as a study writes them. With SMALE_MANIFOLDS=<folder> the files stay there, for `tests/vtp/read.py`.

#![allow(clippy::unwrap_used)]

use smale::control::Control;
use smale::study::pipeline::{Outcome, Part, execute};
use smale::study::{Override, Study};

fn study(sets: &[&str]) -> smale::Result<Study> {
    let mut overrides = vec![Override::text("--landscape", &["landscape", "kind"], "mixture")];
    for set in sets {
        overrides.push(Override::parse(set)?);
    }
    Study::from_flags(&overrides)
}

/// Three corners of a cube in five dimensions: an equilateral triangle, whose centre is a maximum in its plane.
fn triangle(manifolds: &str) -> Outcome {
    let data = "data=[[1.0,0.0,0.0,2.0,0.0],[0.0,1.0,0.0,2.0,0.0],[0.0,0.0,1.0,2.0,0.0]]";
    let study = study(&[data, "sigma=0.3", &format!("graph.manifolds={manifolds}")]).unwrap();
    execute(&study, Part::Graph, &Control::quiet()).unwrap()
}

#[test]
fn manifolds_of_a_landscape_in_fewer_dimensions() {
    let outcome = triangle("surfaces");
    assert_eq!(outcome.summary["counts"], serde_json::json!([3, 3, 1]));
    let list = outcome.summary["manifolds"].as_array().unwrap();
    assert_eq!(list.len(), 4);
    // Each saddle joins two minima; the surface of the maximum has all the others on its edge.
    let saddle = &list[0];
    let ends: Vec<u64> =
        saddle["ends"].as_array().unwrap().iter().map(|e| e["point"].as_u64().unwrap()).collect();
    assert!(ends.len() == 2 && ends[0] != ends[1] && ends.iter().all(|e| *e < 3), "{saddle}");
    let surface = &list[3];
    assert_eq!(surface["ends"], serde_json::json!([0, 1, 2, 3, 4, 5]));
    assert_eq!(
        (surface["dimension"].as_u64(), surface["open"].as_str(), &surface["leaves"]),
        (Some(2), None, &false.into())
    );
    // By symmetry its edge is three times the curve of a saddle, and nearly a triangle.
    let length = saddle["length"].as_f64().unwrap();
    let area = surface["area"].as_f64().unwrap();
    assert!(area > 0.0 && area < length * length * 3.0_f64.sqrt() / 4.0 * 1.05, "{area} {length}");
    for entry in list {
        let name = entry["file"].as_str().unwrap();
        assert!(outcome.files.iter().any(|(file, _)| file == name), "{name}");
    }
    // The same bytes again, and fewer if fewer are asked for.
    assert_eq!(triangle("surfaces").files, outcome.files);
    let curves = triangle("curves");
    if let Some(folder) = std::env::var_os("SMALE_MANIFOLDS") {
        for (name, bytes) in outcome.files.iter().filter(|(n, _)| n.ends_with(".vtp")) {
            std::fs::write(std::path::Path::new(&folder).join(name), bytes).unwrap();
        }
    }
    let names =
        |o: &Outcome| o.files.iter().filter(|(n, _)| n.ends_with(".vtp")).cloned().collect::<Vec<_>>();
    assert_eq!(names(&curves), names(&outcome)[..3]);
    assert!(names(&triangle("none")).is_empty());
}

#[test]
fn an_unknown_choice_is_refused() {
    let error = study(&["data=[[0.0],[1.0]]", "sigma=0.3", "graph.manifolds=ribbons"]).err().unwrap();
    assert!(error.to_string().contains("ribbons"), "{error}");
}
