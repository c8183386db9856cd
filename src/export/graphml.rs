//! GraphML, for Gephi, yEd, igraph and networkx.

use std::fmt::Write;

use super::{barriers_out, check_graph, edges, escape_xml, level_name, number};
use crate::connection::MorseGraph;
use crate::critical::CriticalSet;
use crate::error::Result;

/// `graph.graphml`: nodes with `label`, `index`, `energy`, `barrier` (of a minimum: how far the lowest saddle that leads to another
/// one is above it), `level` and up to `most` dimensions `x0`, `x1`, ..; edges downhill with an id, `sign`, `level` and `barrier`, the
/// height of the upper end above the lower one.
pub fn graph_graphml(set: &CriticalSet, graph: &MorseGraph, title: &str, most: usize) -> Result<String> {
    check_graph(set, graph)?;
    let n = set.region.dim();
    let coordinates = if n <= most { n } else { 0 };
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
    key("barrier", "node", "barrier", "double");
    key("level", "node", "level", "string");
    for i in 0..coordinates {
        key(&format!("x{i}"), "node", &format!("x{i}"), "double");
    }
    key("sign", "edge", "sign", "int");
    key("edge_level", "edge", "level", "string");
    key("edge_barrier", "edge", "barrier", "double");
    let _ = writeln!(out, "  <graph id=\"G\" edgedefault=\"directed\">");
    let _ = writeln!(out, "    <data key=\"title\">{}</data>", escape_xml(title));
    let barriers = barriers_out(set, graph);
    let value = |key: &str, value: Option<f64>| {
        value.map_or(String::new(), |v| format!("<data key=\"{key}\">{}</data>", number(v)))
    };
    for (id, p) in set.points.iter().enumerate() {
        let energy =
            value("energy", Some(p.energy).filter(|e| !e.is_nan())) + &value("barrier", barriers[id]);
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
    for (id, e) in edges(set, graph).into_iter().enumerate() {
        let _ = writeln!(
            out,
            "    <edge id=\"e{id}\" source=\"{}\" target=\"{}\"><data key=\"sign\">{}</data>\
             <data key=\"edge_level\">{}</data>{}</edge>",
            e.source,
            e.target,
            e.sign,
            level_name(e.level),
            value("edge_barrier", e.barrier)
        );
    }
    out.push_str("  </graph>\n</graphml>\n");
    Ok(out)
}
