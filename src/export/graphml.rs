//! GraphML, for Gephi, yEd, igraph and networkx.

use std::fmt::Write;

use super::{MOST_COORDINATES, check_graph, edges, escape_xml, level_name, number};
use crate::connection::MorseGraph;
use crate::critical::CriticalSet;
use crate::error::Result;

/// `graph.graphml`: nodes with `label`, `index`, `energy`, `level` and up to 16 dimensions `x0`, `x1`, ..; edges
/// downhill with an id, `sign` and `level`.
pub fn graph_graphml(set: &CriticalSet, graph: &MorseGraph, title: &str) -> Result<String> {
    check_graph(set, graph)?;
    let n = set.region.dim();
    let coordinates = if n <= MOST_COORDINATES { n } else { 0 };
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:schemaLocation=\"http://graphml.graphdrawing.org/xmlns \
         http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd\">\n",
    );
    let mut key = |id: &str, of: &str, name: &str, kind: &str| {
        let _ = writeln!(out, "  <key id=\"{id}\" for=\"{of}\" attr.name=\"{name}\" attr.type=\"{kind}\"/>");
    };
    key("title", "graph", "title", "string");
    key("label", "node", "label", "string");
    key("index", "node", "index", "int");
    key("energy", "node", "energy", "double");
    key("level", "node", "level", "string");
    for i in 0..coordinates {
        key(&format!("x{i}"), "node", &format!("x{i}"), "double");
    }
    key("sign", "edge", "sign", "int");
    key("edge_level", "edge", "level", "string");
    let _ = writeln!(out, "  <graph id=\"G\" edgedefault=\"directed\">");
    let _ = writeln!(out, "    <data key=\"title\">{}</data>", escape_xml(title));
    for (id, p) in set.points.iter().enumerate() {
        let energy = match p.energy.is_nan() {
            true => String::new(),
            false => format!("<data key=\"energy\">{}</data>", number(p.energy)),
        };
        let _ = write!(
            out,
            "    <node id=\"{id}\"><data key=\"label\">{id}</data><data key=\"index\">{}</data>\
             {energy}<data key=\"level\">{}</data>",
            p.index,
            level_name(p.level)
        );
        for (i, &x) in p.x.iter().take(coordinates).enumerate() {
            let _ = write!(out, "<data key=\"x{i}\">{}</data>", number(x));
        }
        let _ = writeln!(out, "</node>");
    }
    for (id, e) in edges(graph).into_iter().enumerate() {
        let _ = writeln!(
            out,
            "    <edge id=\"e{id}\" source=\"{}\" target=\"{}\"><data key=\"sign\">{}</data>\
             <data key=\"edge_level\">{}</data></edge>",
            e.source,
            e.target,
            e.sign,
            level_name(e.level)
        );
    }
    out.push_str("  </graph>\n</graphml>\n");
    Ok(out)
}
