//! `smale landscapes`: what can be analysed.

use clap::Args;

use super::output::{deliver, wrap};
use super::{Common, End};
use crate::error::Result;
use crate::landscape::{KINDS, Key, Kind, Takes};
use crate::study::{keys_of_kind, kind};

/// Characters of a line.
const WIDTH: usize = 100;

#[derive(Args)]
pub(super) struct Arguments {
    /// A kind, to see its keys and a study to begin with
    #[arg(value_name = "KIND")]
    kind: Option<String>,
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<End> {
    let kinds: Vec<&Kind> = match &arguments.kind {
        Some(name) => vec![kind(name)?],
        None => KINDS.to_vec(),
    };
    match (common.json, arguments.kind.is_some()) {
        (true, _) => deliver("landscapes.json", &format!("{:#}\n", json(&kinds)), common),
        (false, true) => {
            deliver("landscapes.txt", &kinds.iter().map(|k| describe(k)).collect::<String>(), common)
        }
        (false, false) => deliver("landscapes.txt", &table(&kinds), common),
    }
}

fn table(kinds: &[&Kind]) -> String {
    let column = |of: fn(&Kind) -> &str, head: &str, most: usize| {
        let longest = kinds.iter().map(|k| of(k).chars().count()).max().unwrap_or(0);
        longest.max(head.len()).min(most)
    };
    let name = column(|k| k.name, "KIND", usize::MAX);
    let energy = column(|k| k.energy, "ENERGY", 46);
    let source = WIDTH.saturating_sub(name + energy + 4).max(20);
    let mut text = format!("{:name$}  {:energy$}  SOURCE\n", "KIND", "ENERGY");
    for kind in kinds {
        let (energies, sources) = (wrap(kind.energy, energy), wrap(kind.source, source));
        for i in 0..energies.len().max(sources.len()) {
            let cell = |lines: &[String]| lines.get(i).cloned().unwrap_or_default();
            let first = if i == 0 { kind.name } else { "" };
            let line = format!("{first:name$}  {:energy$}  {}", cell(&energies), cell(&sources));
            text += line.trim_end();
            text.push('\n');
        }
    }
    text + "\nsmale landscapes KIND shows the keys of a kind and a study to begin with.\n"
}

fn describe(kind: &Kind) -> String {
    let keys = keys_of_kind(kind);
    let mut text = format!(
        "{}\n\n  energy  {}\n  source  {}\n\nKeys of [landscape]\n\n",
        kind.name, kind.energy, kind.source
    );
    let name = keys.iter().map(|k| k.name.len()).max().unwrap_or(0);
    let takes = keys.iter().map(|k| takes(k).len()).max().unwrap_or(0);
    for key in &keys {
        let mut doc = key.doc.to_owned();
        if !key.default.is_empty() {
            doc += &format!(" (default: {})", key.default);
        }
        for (i, line) in wrap(&doc, WIDTH.saturating_sub(name + takes + 6)).iter().enumerate() {
            let (first, second) = if i == 0 { (key.name, self::takes(key)) } else { ("", "") };
            text += format!("  {first:name$}  {second:takes$}  {line}").trim_end();
            text.push('\n');
        }
    }
    text + "\nA study to begin with: save it as study.toml, then smale run study.toml\n\n" + &example(kind)
}

fn takes(key: &Key) -> &'static str {
    match key.takes {
        Takes::Number => "number",
        Takes::Integer => "whole number",
        Takes::Text => "text",
        Takes::Flag => "true or false",
        Takes::Numbers => "numbers",
        Takes::Table => "table",
        Takes::Data => "file",
        Takes::Any => "",
    }
}

/// Keys of a study to begin with, for each kind.
const BEGINNINGS: &[(&str, &[&str])] = &[
    ("mixture", &["data = \"points.csv\"", "sigma = 0.35"]),
    ("modern-hopfield", &["data = \"points.csv\"", "beta = 8.0"]),
    ("dense-memory", &["data = \"points.csv\"", "p = 3", "lagrangian = \"tanh\"", "scale = 1.5"]),
    ("energy-transformer", &["tokens = 3", "dim = 4", "heads = 2"]),
    ("epanechnikov", &["data = \"points.csv\"", "beta = 1.5"]),
    ("hopfield", &["data = \"points.csv\"", "gain = 2.0"]),
    (
        "hierarchical",
        &[
            "[landscape.layers]",
            "visible = { lagrangian = \"identity\" }",
            "hidden = { lagrangian = \"softmax\", beta = 8.0, weights = \"points.csv\", tau = 0.0 }",
        ],
    ),
    ("neural", &["weights = \"model.safetensors\"", "activation = \"softplus\"", "lambda = 1.0"]),
    ("score", &["weights = \"score.safetensors\"", "activation = \"silu\""]),
    ("formula", &["dim = 2", "energy = \"(x[0]^2 - 1)^2 + a*x[1]^2\"", "parameters = { a = 0.5 }"]),
];

/// A study to begin with; one without keys for a kind that has none listed.
fn example(kind: &Kind) -> String {
    let keys = BEGINNINGS.iter().find(|(name, _)| *name == kind.name).map_or(&[][..], |(_, keys)| keys);
    let mut text = format!("title = \"My study\"\nseed = 1\n\n[landscape]\nkind = \"{}\"\n", kind.name);
    for key in keys {
        text += key;
        text.push('\n');
    }
    text
}

fn json(kinds: &[&Kind]) -> serde_json::Value {
    let key = |k: &Key| {
        serde_json::json!({
            "name": k.name,
            "takes": format!("{:?}", k.takes).to_lowercase(),
            "default": k.default,
            "doc": k.doc,
        })
    };
    kinds
        .iter()
        .map(|k| {
            serde_json::json!({
                "kind": k.name,
                "energy": k.energy,
                "source": k.source,
                "keys": keys_of_kind(k).iter().map(key).collect::<Vec<_>>(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Study;

    #[test]
    fn every_kind_has_a_study_to_begin_with_that_builds() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("points.csv"), "0,1\n1,0\n-1,0\n").unwrap();
        let numbers: Vec<u8> = [0.5_f64, -1.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        let view = |shape: &[usize], bytes| {
            safetensors::tensor::TensorView::new(safetensors::Dtype::F64, shape.to_vec(), bytes).unwrap()
        };
        let layer = [("0.weight", view(&[1, 2], &numbers)), ("0.bias", view(&[1], &numbers[..8]))];
        let bytes = safetensors::serialize(layer, None).unwrap();
        std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
        let weight: Vec<u8> = [1.0_f64, 0.5, -0.5, 1.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        let layer = [("0.weight", view(&[2, 2], &weight)), ("0.bias", view(&[2], &numbers))];
        let bytes = safetensors::serialize(layer, None).unwrap();
        std::fs::write(folder.path().join("score.safetensors"), bytes).unwrap();
        let path = folder.path().join("study.toml");
        for kind in KINDS {
            std::fs::write(&path, example(kind)).unwrap();
            let built = Study::read(&path, &[]).and_then(|study| study.build());
            let built = built.map_err(|e| format!("{}: {e}", kind.name)).map(|f| f.dim() > 1);
            assert_eq!(built, Ok(true));
        }
    }
}
