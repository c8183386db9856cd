//! DOT, for Graphviz: `dot -Tpdf graph.dot`.

use std::fmt::Write;

use super::{check_graph, edges, significant};
use crate::connection::{Loose, MorseGraph};
use crate::critical::CriticalSet;
use crate::error::Result;

/// `graph.dot`: points of one index in one rank, minima lowest; labelled with id and energy, shaped by index; edges
/// labelled with their sign; orbits between saddles that a Morse-Smale flow cannot have dashed and red.
pub fn graph_dot(set: &CriticalSet, graph: &MorseGraph, title: &str) -> Result<String> {
    check_graph(set, graph)?;
    let mut out = String::new();
    let _ = writeln!(
        out,
        "digraph smale {{\n  label=\"{}\";\n  labelloc=t;\n  fontname=\"Helvetica\";\n  \
         node [fontname=\"Helvetica\", fontsize=10];\n  edge [fontname=\"Helvetica\", fontsize=8, arrowsize=0.6];",
        quoted(title)
    );
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
                "    {id} [label=\"{id}{energy}\", shape={}, index={}];",
                shape(p.index),
                p.index
            );
        }
        let _ = writeln!(out, "  }}");
    }
    for e in edges(graph) {
        let sign = if e.sign < 0 { "-" } else { "+" };
        let _ = writeln!(out, "  {} -> {} [label=\"{sign}\"];", e.source, e.target);
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
