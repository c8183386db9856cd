//! `smale export`: the graph of a result folder in other formats, its pictures as PNG.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::report::{Files, read};
use super::run::pretty;
use super::{Common, End, output};
use crate::connection::MorseGraph;
use crate::critical::CriticalSet;
use crate::error::{Error, Result};
use crate::study::Folder;
use crate::{export, report};

pub(super) const EXAMPLES: &str = "\
Examples:
  smale export himmelblau.results --format parquet
  smale export himmelblau.results --format graphml,png --out figures

Exit codes:
  0    done
  2    the folder is no result folder, or holds nothing to export";

#[derive(Args)]
pub(super) struct Arguments {
    /// Result folder
    dir: PathBuf,
    /// One of these or several, with commas between [default: all of the graph]
    #[arg(long = "format", value_name = "FORMAT", value_enum, value_delimiter = ',')]
    formats: Vec<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// graph.json: node-link, for networkx
    Json,
    /// graph.graphml: for Gephi, yEd, igraph, networkx
    Graphml,
    /// graph.gexf: for Gephi, networkx
    Gexf,
    /// graph.dot: for Graphviz
    Dot,
    /// nodes.csv and edges.csv
    Csv,
    /// nodes.parquet and edges.parquet
    Parquet,
    /// graph.vtp: points and orbits, for ParaView
    Vtk,
    /// every picture of the folder
    Png,
    /// every picture of the folder with its font within
    Svg,
}

/// Of these there is one unless others are asked for.
const OF_THE_GRAPH: [Format; 7] =
    [Format::Json, Format::Graphml, Format::Gexf, Format::Dot, Format::Csv, Format::Parquet, Format::Vtk];

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<End> {
    let dir = &arguments.dir;
    let (mut summary, files) = read(dir)?;
    let mut formats: Vec<Format> = vec![];
    for format in if arguments.formats.is_empty() { &OF_THE_GRAPH[..] } else { &arguments.formats } {
        if !formats.contains(format) {
            formats.push(*format);
        }
    }
    let graph = match formats.iter().any(|format| !matches!(format, Format::Png | Format::Svg)) {
        true => Some(graph(dir, &summary, &files)?),
        false => None,
    };
    let mut made: Files = vec![];
    for format in formats {
        made.extend(match (&graph, format) {
            (_, Format::Png) => pictures(dir, &files, "png", report::png)?,
            (_, Format::Svg) => {
                pictures(dir, &files, "svg", |svg| Ok(report::with_letters(svg)?.into_bytes()))?
            }
            (Some(graph), format) => graph.files(format)?,
            (None, _) => vec![],
        });
    }
    let out = common.out.as_deref().unwrap_or(dir);
    let own = is_same(out, dir);
    spare(out, own, &summary, &made)?;
    let paths: Vec<PathBuf> = made.iter().map(|(name, _)| out.join(name)).collect();
    // In the result folder itself the next run has to know what to clear away.
    if own && list(&mut summary, &made) {
        made.push(("summary.json".to_owned(), pretty(&summary)?.into_bytes()));
    }
    let folder = Folder::open(out)?;
    let ready: Vec<(&str, &[u8])> =
        made.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    if let Err(error) = folder.write_all(&ready) {
        folder.abandon();
        return Err(error);
    }
    output::print(&match common.json {
        true => format!("{}\n", json!({ "files": paths })),
        false => paths.iter().map(|path| format!("{}\n", path.display())).collect(),
    })?;
    Ok(End::Done)
}

/// Nothing is replaced that is not known to be ours: in the result folder itself what its summary lists, elsewhere nothing but
/// the results of an earlier export, which lie in no result folder.
fn spare(out: &Path, own: bool, summary: &Value, made: &Files) -> Result<()> {
    if !own && out.join("summary.json").exists() {
        let message = format!("{} is the folder of another result", out.display());
        return Err(Error::input(message).with_help("--out takes a folder without a summary.json"));
    }
    let listed =
        |name: &str| summary["files"].as_array().is_some_and(|files| files.iter().any(|f| f == name));
    let foreign = |(name, _): &&(String, Vec<u8>)| out.join(name).exists() && !listed(name);
    match made.iter().find(foreign).filter(|_| own) {
        None => Ok(()),
        Some((name, _)) => Err(Error::input(format!(
            "{} is there already, and is no file of this result",
            out.join(name).display()
        ))
        .with_help("--out DIR writes to another folder")),
    }
}

fn is_same(a: &Path, b: &Path) -> bool {
    a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

/// Adds the files to those that the summary lists; was any of them new?
fn list(summary: &mut Value, made: &Files) -> bool {
    let Some(listed) = summary["files"].as_array_mut() else { return false };
    let before = listed.len();
    for (name, _) in made {
        if !listed.iter().any(|known| known == name.as_str()) {
            // The summary itself is the last.
            listed.insert(listed.len().saturating_sub(1), name.as_str().into());
        }
    }
    listed.len() > before
}

struct Graph {
    set: CriticalSet,
    graph: MorseGraph,
    title: String,
}

/// The graph of the folder with the orbits that lie beside it.
fn graph(dir: &Path, summary: &Value, files: &Files) -> Result<Graph> {
    let found = |name: &str| files.iter().find(|(known, _)| known == name).map(|(_, bytes)| bytes);
    let Some((set, mut graph, title)) = super::report::graph(dir, summary, files)? else {
        let message = format!("{} holds no graph.json, so there is no graph to export", dir.display());
        return Err(Error::input(message).with_help(
            "smale run and smale graph write one; smale critical does not; --format png and svg need none",
        ));
    };
    if let Some(bytes) = found("orbits.csv") {
        let path = dir.join("orbits.csv");
        let table = std::str::from_utf8(bytes).map_err(|e| Error::file(&path, e))?;
        export::read_orbits(table, &mut graph)?;
    }
    let title = title.unwrap_or_else(|| summary["title"].as_str().unwrap_or("graph").to_owned());
    Ok(Graph { set, graph, title })
}

impl Graph {
    fn files(&self, format: Format) -> Result<Files> {
        let Graph { set, graph, title } = self;
        // Whoever asks for a file gets all of it.
        let most = usize::MAX;
        let one = |name: &str, bytes: Vec<u8>| vec![(name.to_owned(), bytes)];
        let two = |extension: &str, nodes: Vec<u8>, edges: Vec<u8>| {
            vec![(format!("nodes.{extension}"), nodes), (format!("edges.{extension}"), edges)]
        };
        Ok(match format {
            Format::Json => one("graph.json", export::graph_json(set, graph, title)?.into_bytes()),
            Format::Graphml => {
                one("graph.graphml", export::graph_graphml(set, graph, title, most)?.into_bytes())
            }
            Format::Gexf => one("graph.gexf", export::graph_gexf(set, graph, title, most)?.into_bytes()),
            Format::Dot => one("graph.dot", export::graph_dot(set, graph, title)?.into_bytes()),
            Format::Csv => two("csv", export::nodes_csv(set, graph)?, export::edges_csv(set, graph)?),
            Format::Parquet => {
                two("parquet", export::nodes_parquet(set, graph)?, export::edges_parquet(set, graph)?)
            }
            Format::Vtk => one("graph.vtp", export::graph_vtp(set, graph)?),
            Format::Png | Format::Svg => vec![],
        })
    }
}

/// Every picture among the files in another form.
fn pictures(
    dir: &Path,
    files: &Files,
    extension: &str,
    form: impl Fn(&str) -> Result<Vec<u8>>,
) -> Result<Files> {
    let mut made = vec![];
    for (name, bytes) in files {
        let Some(stem) = name.strip_suffix(".svg") else { continue };
        let text = std::str::from_utf8(bytes).map_err(|e| Error::file(&dir.join(name), e))?;
        let picture = form(text).map_err(|e| Error::file(&dir.join(name), e))?;
        made.push((format!("{stem}.{extension}"), picture));
    }
    if made.is_empty() {
        let message = format!("{} holds no picture, so there is nothing to paint", dir.display());
        return Err(Error::input(message).with_help("smale run and smale graph draw pictures"));
    }
    Ok(made)
}
