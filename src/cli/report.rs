//! `smale report`: the page of a result folder.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::{Common, End, output};
use crate::connection::MorseGraph;
use crate::critical::CriticalSet;
use crate::error::{Error, Result};
use crate::export;
use crate::report::{PAGE, page};
use crate::study::Folder;

#[derive(Args)]
pub(super) struct Arguments {
    /// Result folder
    dir: PathBuf,
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<End> {
    let (summary, files) = read(&arguments.dir)?;
    let page = page(&summary, &files)?;
    // What is no graph would be shown as none.
    graph(&arguments.dir, &summary, &files)?;
    let folder = Folder::open(common.out.as_deref().unwrap_or(&arguments.dir))?;
    folder.write(PAGE, page.as_bytes())?;
    let path = folder.path().join(PAGE);
    output::print(&match common.json {
        true => format!("{}\n", json!({ "report": path })),
        false => format!("{}\n", path.display()),
    })?;
    Ok(End::Done)
}

/// Names and contents.
pub(super) type Files = Vec<(String, Vec<u8>)>;

/// The graph of a result folder with its title, if `graph.json` is among its files.
pub(super) fn graph(
    dir: &Path,
    summary: &Value,
    files: &Files,
) -> Result<Option<(CriticalSet, MorseGraph, Option<String>)>> {
    let Some((name, bytes)) = files.iter().find(|(name, _)| name == "graph.json") else { return Ok(None) };
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|e| Error::file(&dir.join(name), format!("is no JSON: {e}")))?;
    let (set, graph) = export::read_graph(summary, &value)?;
    Ok(Some((set, graph, value["graph"]["title"].as_str().map(str::to_owned))))
}

/// The summary of a result folder, and those of its other files that are there.
pub(super) fn read(dir: &Path) -> Result<(Value, Files)> {
    if !dir.is_dir() {
        return Err(
            Error::file(dir, "there is no such folder").with_help("name a folder that smale run has written")
        );
    }
    let path = dir.join("summary.json");
    let bytes = std::fs::read(&path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::file(&path, "is not there, so this is no result folder"),
        _ => Error::file(&path, e),
    })?;
    let summary: Value =
        serde_json::from_slice(&bytes).map_err(|e| Error::file(&path, format!("is no summary: {e}")))?;
    let Some(listed) = summary["files"].as_array() else {
        return Err(Error::file(&path, "lists no `files`, so it is no summary of a run"));
    };
    let mut files = vec![];
    for name in listed.iter().filter_map(Value::as_str) {
        // Names of files in the folder, and no paths that lead out of it.
        if name == PAGE || Path::new(name).components().count() != 1 || name.contains("..") {
            continue;
        }
        match std::fs::read(dir.join(name)) {
            Ok(bytes) => files.push((name.to_owned(), bytes)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::file(&dir.join(name), e)),
        }
    }
    Ok((summary, files))
}
