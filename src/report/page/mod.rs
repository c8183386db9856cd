//! One page with all results of a folder: `report.html`, self-contained.
//!
//! In: the summary and the files of a run. Out: an HTML document that asks for nothing outside of itself: its content
//! policy forbids all requests. What comes from data and studies is embedded as JSON and shown as text. The script draws
//! the graph and the portrait itself, so that no library is needed.

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// The page's name in a result folder.
pub const PAGE: &str = "report.html";

/// Tables and figures above this size are named but not embedded (bytes).
const MOST_BYTES: usize = 6_000_000;

const PARTS: [(&str, &str); 2] = [("style", include_str!("page.css")), ("script", include_str!("page.js"))];

/// What each figure shows, by how its name begins, and the table with its data.
const WORDS: [(&str, &str, &str); 15] = [
    (
        "portrait",
        "Phase portrait: contours of the energy, critical points by index, connecting orbits.",
        "portrait.csv",
    ),
    ("graph", "Connection graph: critical points by index and energy, connections downhill.", "edges.csv"),
    ("tree", "Disconnectivity graph: minima merge at the barriers between them.", "tree.csv"),
    ("persistence", "Persistence diagram: pairs of critical points by their energies.", "persistence.csv"),
    (
        "bifurcation-diagram",
        "Bifurcation diagram: branches along the parameter, solid where stable.",
        "branches.csv",
    ),
    ("splitting-tree", "Splitting tree: minima and where they merge along the parameter.", "splitting.csv"),
    ("phase-diagram", "Phase diagram: regions of two parameters with the same graph.", "curves.csv"),
    ("memorization", "Memorization curves.", "memorization.csv"),
    ("regimes", "Regimes of memorization and generalization.", "memorization.csv"),
    ("convergence", "Distances to the limit at falling temperature, with errors and theory.", "measure.csv"),
    ("basin-weights", "Weights of the basins at falling temperature, with errors and theory.", "measure.csv"),
    ("rates", "Rates between minima at falling temperature.", "rates.csv"),
    (
        "spectra",
        "Hessian spectra: eigenvalues along the parameter, with the events where one crosses zero.",
        "spectra.csv",
    ),
    ("manifold", "Invariant manifolds.", ""),
    ("", "Figure.", ""),
];

/// The page of a run, from its summary and its files (name and content, in the order of the page).
///
/// # Errors
/// If a file that the page takes apart is not what its name says.
pub fn page(summary: &Value, files: &[(String, Vec<u8>)]) -> Result<String> {
    let mut data = Map::new();
    let (mut tables, mut figures, mut left_out): (Vec<Value>, Vec<Value>, Vec<&str>) =
        (vec![], vec![], vec![]);
    for (name, bytes) in files {
        let Some((stem, extension)) = name.rsplit_once('.') else { continue };
        let needed =
            matches!(extension, "csv" | "svg") || matches!(name.as_str(), "graph.json" | "itinerary.json");
        if !needed {
            continue;
        }
        if bytes.len() > MOST_BYTES {
            left_out.push(name);
            continue;
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| Error::input(format!("{name} is no text, so the page can't show it")))?;
        match (name.as_str(), extension) {
            ("graph.json" | "itinerary.json", _) => {
                let mut value: Value = serde_json::from_str(text)
                    .map_err(|e| Error::input(format!("{name} is no JSON: {e}")))?;
                // There a second time, for other readers.
                if let Some(graph) = value.as_object_mut().filter(|g| g.contains_key("links")) {
                    graph.remove("edges");
                }
                data.insert(stem.to_owned(), value);
            }
            ("orbits.csv", _) => {
                data.insert("orbits".into(), orbits(text));
                tables.push(json!({ "name": name, "csv": text }));
            }
            (_, "csv") => tables.push(json!({ "name": name, "csv": text })),
            _ => {
                let known = WORDS.iter().find(|(begin, ..)| stem.starts_with(begin));
                let (words, table) = known.map_or(("", ""), |(_, words, table)| (*words, *table));
                figures.push(json!({ "name": name, "svg": text, "words": words, "table": table }));
            }
        }
    }
    data.insert("summary".into(), summary.clone());
    data.insert("image".into(), summary["image"].clone());
    data.insert("tables".into(), tables.into());
    data.insert("figures".into(), figures.into());
    data.insert("left_out".into(), left_out.into());
    let title = summary["title"].as_str().unwrap_or("Results");
    // Within a script element nothing but "<" could end it.
    let data = Value::from(data).to_string().replace('<', "\\u003c");
    let title = crate::export::escape_xml(title);
    let mut page = String::new();
    for (number, piece) in include_str!("page.html").split("{{").enumerate() {
        let Some((name, rest)) = piece.split_once("}}").filter(|_| number > 0) else {
            page.push_str(piece);
            continue;
        };
        page.push_str(match name {
            "title" => &title,
            "data" => &data,
            _ => PARTS.iter().find(|(part, _)| *part == name).map_or("", |(_, text)| text),
        });
        page.push_str(rest);
    }
    Ok(page)
}

/// The orbits of a table of them: for each connection its number and its points, as energy and coordinates.
fn orbits(table: &str) -> Value {
    let mut orbits: Vec<(u64, Vec<Value>)> = vec![];
    for line in table.lines().skip(1) {
        let mut fields = line.split(',');
        let Some(number) = fields.next().and_then(|f| f.parse().ok()) else { continue };
        let mut numbers = fields.skip(1).map(|f| f.parse::<f64>().ok());
        let energy = numbers.next().flatten();
        let x: Vec<Option<f64>> = numbers.collect();
        match orbits.last_mut() {
            Some((last, points)) if *last == number => points.push(json!([energy, x])),
            _ => orbits.push((number, vec![json!([energy, x])])),
        }
    }
    json!(orbits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_data_stays_text() {
        let hostile = "</script><script>alert(1)</script> \"'& \u{202e}{{script}}";
        let summary = json!({ "title": hostile, "version": "0" });
        let files = [(
            "points.csv".to_owned(),
            format!("id,name\n0,\"{}\"\n", hostile.replace('"', "\"\"")).into_bytes(),
        )];
        let page = page(&summary, &files).expect("a page");
        assert_eq!(page.matches("<script").count(), 2);
        assert_eq!(page.matches("</script>").count(), 2);
        let data = page.split("id=\"data\">").nth(1).and_then(|t| t.split("</script>").next()).expect("data");
        let data: Value = serde_json::from_str(data).expect("JSON");
        assert_eq!(data["summary"]["title"], hostile);
        assert!(data["tables"][0]["csv"].as_str().expect("text").contains("alert(1)"));
    }

    #[test]
    fn nothing_outside_is_asked_for() {
        let page = page(&json!({}), &[]).expect("a page");
        for word in ["http://", "https://", "@import", "fetch(", "XMLHttpRequest", "src=\"/"] {
            let found = page.replace("http://www.w3.org/2000/svg", "");
            assert!(!found.contains(word), "{word}");
        }
    }

    #[test]
    fn orbits_are_taken_apart() {
        let table = "connection,step,energy,x0,x1\n0,0,1.5,0.25,2\n0,1,1.25,0.5,3\n2,0,,1,1\n";
        assert_eq!(
            orbits(table),
            json!([[0, [[1.5, [0.25, 2.0]], [1.25, [0.5, 3.0]]]], [2, [[null, [1.0, 1.0]]]]])
        );
    }
}
