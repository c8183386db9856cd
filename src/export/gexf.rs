//! GEXF 1.2, for Gephi and networkx (which reads 1.3 only from its version 3.6 on).

use std::fmt::Write;

use super::{barriers_out, check_graph, edges, escape_xml, level_name, number};
use crate::connection::MorseGraph;
use crate::critical::CriticalSet;
use crate::error::Result;

/// `graph.gexf`: the same nodes, edges and attributes as the GraphML file, coordinates up to `most` dimensions.
pub fn graph_gexf(set: &CriticalSet, graph: &MorseGraph, title: &str, most: usize) -> Result<String> {
    check_graph(set, graph)?;
    let n = set.region.dim();
    let coordinates = if n <= most { n } else { 0 };
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gexf xmlns=\"http://www.gexf.net/1.2draft\" version=\"1.2\">\n  \
         <meta><creator>smale {}</creator><description>{}</description></meta>\n  \
         <graph mode=\"static\" defaultedgetype=\"directed\">",
        env!("CARGO_PKG_VERSION"),
        escape_xml(title)
    );
    let mut attributes = vec![("index".to_owned(), "integer"), ("energy".to_owned(), "double")];
    attributes.push(("level".to_owned(), "string"));
    attributes.push(("barrier".to_owned(), "double"));
    attributes.extend((0..coordinates).map(|i| (format!("x{i}"), "double")));
    let _ = writeln!(out, "    <attributes class=\"node\">");
    for (i, (name, kind)) in attributes.iter().enumerate() {
        let _ = writeln!(out, "      <attribute id=\"{i}\" title=\"{name}\" type=\"{kind}\"/>");
    }
    out.push_str(
        "    </attributes>\n    <attributes class=\"edge\">\n      \
         <attribute id=\"0\" title=\"sign\" type=\"integer\"/>\n      \
         <attribute id=\"1\" title=\"level\" type=\"string\"/>\n      \
         <attribute id=\"2\" title=\"barrier\" type=\"double\"/>\n    </attributes>\n    <nodes>\n",
    );
    let barriers = barriers_out(set, graph);
    for (id, p) in set.points.iter().enumerate() {
        let _ = write!(out, "      <node id=\"{id}\" label=\"{id}\"><attvalues>");
        let mut value = |i: usize, text: &str| {
            let _ = write!(out, "<attvalue for=\"{i}\" value=\"{text}\"/>");
        };
        value(0, &p.index.to_string());
        if !p.energy.is_nan() {
            value(1, &number(p.energy));
        }
        value(2, level_name(p.level));
        if let Some(barrier) = barriers[id] {
            value(3, &number(barrier));
        }
        for (i, &x) in p.x.iter().take(coordinates).enumerate() {
            value(4 + i, &number(x));
        }
        let _ = writeln!(out, "</attvalues></node>");
    }
    out.push_str("    </nodes>\n    <edges>\n");
    for (id, e) in edges(set, graph).into_iter().enumerate() {
        let barrier =
            e.barrier.map_or(String::new(), |b| format!("<attvalue for=\"2\" value=\"{}\"/>", number(b)));
        let _ = writeln!(
            out,
            "      <edge id=\"{id}\" source=\"{}\" target=\"{}\"><attvalues>\
             <attvalue for=\"0\" value=\"{}\"/><attvalue for=\"1\" value=\"{}\"/>{barrier}</attvalues></edge>",
            e.source,
            e.target,
            e.sign,
            level_name(e.level)
        );
    }
    out.push_str("    </edges>\n  </graph>\n</gexf>\n");
    Ok(out)
}
