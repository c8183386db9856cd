//! DOT, for Graphviz: `dot -Tpdf graph.dot`.

use std::fmt::Write;

use super::{barriers_out, check_graph, edges, level_name, number, significant};
use crate::connection::{Loose, MorseGraph};
use crate::critical::CriticalSet;
use crate::error::Result;

/// `graph.dot`: points of one index in one rank, minima lowest; labelled with id and energy, shaped by index; edges
/// labelled with their sign; all with the attributes of the GraphML file, of which Graphviz draws nothing; orbits between saddles that a Morse-Smale flow cannot have dashed and red.
pub fn graph_dot(set: &CriticalSet, graph: &MorseGraph, title: &str) -> Result<String> {
    check_graph(set, graph)?;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "digraph smale {{\n  label=\"{}\";\n  labelloc=t;\n  fontname=\"Helvetica\";\n  \
         node [fontname=\"Helvetica\", fontsize=10];\n  edge [fontname=\"Helvetica\", fontsize=8, arrowsize=0.6];",
        quoted(title)
    );
    let barriers = barriers_out(set, graph);
    let attribute = |name: &str, value: Option<f64>| {
        value.map_or(String::new(), |v| format!(", {name}=\"{}\"", number(v)))
    };
    // Ids are ordered by index, so that each index is one run.
    for points in (0..set.points.len()).collect::<Vec<_>>().chunk_by(|&a, &b| {
        let index = |id: usize| set.points[id].index;
        index(a) == index(b)
    }) {
        let _ = writeln!(out, "  {{\n    rank=same;");
        for &id in points {
            let p = &set.points[id];
            let energy = match p.energy.is_nan() {
                true => String::new(),
                false => format!("\\n{}", significant(p.energy, 6)),
            };
            let _ = writeln!(
                out,
                "    {id} [label=\"{id}{energy}\", shape={}, index={}{}{}, level={}, x=\"{}\"];",
                shape(p.index),
                p.index,
                attribute("energy", Some(p.energy).filter(|e| !e.is_nan())),
                attribute("barrier", barriers[id]),
                level_name(p.level),
                p.x.iter().map(|&x| number(x)).collect::<Vec<_>>().join(" ")
            );
        }
        let _ = writeln!(out, "  }}");
    }
    for e in edges(set, graph) {
        let sign = if e.sign < 0 { "-" } else { "+" };
        let _ = writeln!(
            out,
            "  {} -> {} [label=\"{sign}\", sign={}, level={}{}];",
            e.source,
            e.target,
            e.sign,
            level_name(e.level),
            attribute("barrier", e.barrier)
        );
    }
    for loose in &graph.loose {
        if let Loose::NotTransverse { from, to, .. } = loose {
            let _ = writeln!(out, "  {from} -> {to} [style=dashed, color=red, constraint=false];");
        }
    }
    out.push_str("}\n");
    Ok(out)
}

fn shape(index: usize) -> &'static str {
    match index {
        0 => "ellipse",
        1 => "box",
        2 => "triangle",
        3 => "diamond",
        4 => "pentagon",
        5 => "hexagon",
        6 => "septagon",
        _ => "octagon",
    }
}

/// Text for a double-quoted string of DOT.
fn quoted(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).fold(String::new(), |mut out, c| {
        if c == '"' || c == '\\' {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_escaped() {
        assert_eq!(quoted("a\"b\\c\nd"), "a\\\"b\\\\c d");
    }
}
