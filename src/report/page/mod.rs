//! One page with all results of a folder: `report.html`, self-contained.
//!
//! In: the summary and the files of a run. Out: an HTML document that asks for nothing outside of itself: its content
//! policy forbids all requests. What comes from data and studies is embedded as JSON and shown as text; tables and pictures in elements
//! of their own, which nobody reads before they are looked at. The script draws the graph and the portrait itself, so that no library
//! is needed.

use serde_json::{Map, Value, json};

use super::plane::Plane;
use super::quantity::Quantity;
use crate::error::{Error, Result};

/// The page's name in a result folder.
pub const PAGE: &str = "report.html";

/// Tables and figures above this size are named but not embedded (bytes).
const MOST_BYTES: usize = 6_000_000;

const PARTS: [(&str, &str); 2] = [("style", include_str!("page.css")), ("script", include_str!("page.js"))];

/// What each figure shows, by how its name begins, and the table with its data.
const WORDS: [(&str, &str, &str); 16] = [
    (
        "portrait",
        "Phase portrait: contours of the energy, critical points by index, connecting orbits.",
        "portrait.csv",
    ),
    (
        "projection",
        "Projection: critical points by index and the orbits between them, in a plane of many dimensions.",
        "projection.csv",
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
    ("regimes", "Regimes of memorization and generalization.", "regimes.csv"),
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
    let mut texts = String::new();
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
        if extension == "json" {
            let mut value: Value =
                serde_json::from_str(text).map_err(|e| Error::input(format!("{name} is no JSON: {e}")))?;
            // There a second time, for other readers.
            if let Some(graph) = value.as_object_mut().filter(|g| g.contains_key("links")) {
                graph.remove("edges");
            }
            if let Some(axes) = axes(summary, &value) {
                value["axes"] = axes;
            }
            data.insert(stem.to_owned(), value);
            continue;
        }
        let id = format!("text-{}", tables.len() + figures.len());
        texts += &format!(
            "<script type=\"application/json\" id=\"{id}\">{}</script>\n",
            within_script(&text.into())
        );
        if extension == "csv" {
            tables.push(json!({ "name": name, "text": id }));
        } else {
            let known = WORDS.iter().find(|(begin, ..)| stem.starts_with(begin));
            let (words, table) = known.map_or(("", ""), |(_, words, table)| (*words, *table));
            figures.push(json!({ "name": name, "text": id, "words": words, "table": table }));
        }
    }
    data.insert("summary".into(), summary.clone());
    data.insert("image".into(), summary["image"].clone());
    data.insert("tables".into(), tables.into());
    data.insert("figures".into(), figures.into());
    data.insert("left_out".into(), left_out.into());
    let title = summary["title"].as_str().unwrap_or("Results");
    let data = within_script(&Value::from(data));
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
            "texts" => &texts,
            _ => PARTS.iter().find(|(part, _)| *part == name).map_or("", |(_, text)| text),
        });
        page.push_str(rest);
    }
    Ok(page)
}

/// JSON that cannot end the script element it stands in, nor begin a comment or another one within: only a "<" with one of a few
/// letters behind it can, and most are those of pictures, which would grow by half.
fn within_script(value: &Value) -> String {
    let mut out = String::new();
    let text = value.to_string();
    let mut pieces = text.split('<');
    out.extend(pieces.next());
    for piece in pieces {
        let harmless = piece.starts_with(|c: char| c.is_ascii_alphanumeric() && !matches!(c, 's' | 'S'));
        out.push_str(if harmless { "<" } else { "\\u003c" });
        out.push_str(piece);
    }
    out
}

/// The axes onto which the page projects the points of a graph, or those of all graphs along a parameter; none where their own
/// coordinates are the plane.
fn axes(summary: &Value, of: &Value) -> Option<Value> {
    let chosen = summary["axes"].as_array().and_then(|axes| {
        <[Quantity; 2]>::try_from(axes.iter().filter_map(Quantity::from_json).collect::<Vec<_>>()).ok()
    });
    let graphs = of["intervals"].as_array().map_or(std::slice::from_ref(of), Vec::as_slice);
    let nodes = graphs.iter().filter_map(|graph| graph["nodes"].as_array()).flatten();
    let points: Vec<Vec<f64>> = nodes
        .filter_map(|node| node["x"].as_array()?.iter().map(Value::as_f64).collect::<Option<_>>())
        .collect();
    let n = points.first()?.len();
    let fits = chosen.iter().flatten().all(|axis| axis.misfit(n).is_none());
    if !fits || points.iter().any(|x| x.len() != n) || n < 3 && chosen.is_none() {
        return None;
    }
    let points: Vec<&[f64]> = points.iter().map(Vec::as_slice).collect();
    Some(Plane::new(&points, chosen.as_ref())?.json())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_data_stays_text() {
        let hostile = "</script><script>alert(1)</SCRIPT><!-- \"'& \u{202e}{{script}}";
        let summary = json!({ "title": hostile, "version": "0" });
        let files = [(
            "points.csv".to_owned(),
            format!("id,name\n0,\"{}\"\n", hostile.replace('"', "\"\"")).into_bytes(),
        )];
        let page = page(&summary, &files).expect("a page");
        // The data, the table, the page's own.
        assert_eq!(page.to_lowercase().matches("<script").count(), 3);
        assert_eq!(page.to_lowercase().matches("</script").count(), 3);
        assert!(!page.contains("<!--"));
        let read = |id: &str| -> Value {
            let text = page.split(&format!("id=\"{id}\">")).nth(1).and_then(|t| t.split("</script>").next());
            serde_json::from_str(text.expect("an element")).expect("JSON")
        };
        let data = read("data");
        assert_eq!(data["summary"]["title"], hostile);
        assert_eq!(data["tables"][0]["name"], "points.csv");
        let table = read(data["tables"][0]["text"].as_str().expect("an id"));
        assert_eq!(table.as_str().expect("text").as_bytes(), files[0].1);
    }

    #[test]
    fn nothing_outside_is_asked_for() {
        let page = page(&json!({}), &[]).expect("a page");
        for word in ["http://", "https://", "@import", "fetch(", "XMLHttpRequest", "src=\"/"] {
            let found = page.replace("http://www.w3.org/2000/svg", "");
            assert!(!found.contains(word), "{word}");
        }
    }
}
