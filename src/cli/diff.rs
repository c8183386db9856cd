//! `smale diff`: how the graph of one result folder became that of another.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::run::pretty;
use super::{Common, End, output, report};
use crate::connection::MorseGraph;
use crate::connection::algebra::{difference, matched};
use crate::critical::CriticalSet;
use crate::error::{Error, Result};

pub(super) const EXAMPLES: &str = "\
Examples:
  smale diff before.results after.results
  smale diff before.results after.results --json

Points are the same if they have the same index and each is the nearest to the other.

Exit codes:
  0    done, whether they differ or not
  2    a folder is no result folder with a graph";

#[derive(Args)]
pub(super) struct Arguments {
    /// Result folder before
    before: PathBuf,
    /// Result folder after
    after: PathBuf,
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<End> {
    let (a, b) = (graph(&arguments.before)?, graph(&arguments.after)?);
    let dims = [&a, &b].map(|(set, _)| set.points.first().map(|p| p.x.len()));
    if let [Some(p), Some(q)] = dims
        && p != q
    {
        return Err(Error::input(format!(
            "the points have {p} coordinates before and {q} after: nothing to compare"
        )));
    }
    let partner = matched(&a.0, &b.0);
    let found = difference((&a.0, &a.1), (&b.0, &b.1), &partner);
    let pairs: Vec<Value> = partner
        .iter()
        .enumerate()
        .filter_map(|(i, j)| {
            let j = (*j)?;
            let distance = b.0.region.distance(&a.0.points[i].x, &b.0.points[j].x);
            Some(json!({ "before": i, "after": j, "distance": distance }))
        })
        .collect();
    if common.json {
        let all = json!({
            "vanished": found.vanished,
            "appeared": found.appeared,
            "rewired": found.moved,
            "same": pairs,
            "sentences": found.sentences,
        });
        return output::deliver("diff.json", &pretty(&all)?, common);
    }
    let text = match found.sentences.as_slice() {
        [] => "the graphs are the same\n".to_owned(),
        sentences => sentences.join("\n") + "\n",
    };
    output::deliver("diff.txt", &text, common)
}

fn graph(dir: &Path) -> Result<(CriticalSet, MorseGraph)> {
    let (summary, files) = report::read(dir)?;
    match report::graph(dir, &summary, &files)? {
        Some((set, graph, _)) => Ok((set, graph)),
        None => Err(Error::file(dir, "holds no graph.json").with_help("smale graph writes one")),
    }
}
