//! Values with their places: TOML of a file, and `key=value` of the command line laid over it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::data::RawTable;
use crate::error::{Error, Place, Result, brief};

/// A text that values come from.
#[derive(Debug)]
pub(super) struct Source {
    /// What to call it: the path as the user gave it, or a flag.
    pub(super) name: String,
    pub(super) text: String,
    /// What relative paths in it are relative to.
    pub(super) folder: PathBuf,
}

/// A stretch of a source, in bytes.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub(super) source: Arc<Source>,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl At {
    pub(super) fn place(&self) -> Place {
        let text = self.source.text.clone();
        Place { name: self.source.name.clone(), text, span: (self.start, self.end - self.start) }
    }

    pub(super) fn text(&self) -> &str {
        self.source.text.get(self.start..self.end).unwrap_or("")
    }
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Number(f64),
    Text(String),
    Flag(bool),
    Date,
    Array(Vec<(Value, At)>),
    Table(Vec<Entry>),
}

impl Value {
    /// The type with its article, for messages.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Value::Number(_) => "a number",
            Value::Text(_) => "a text",
            Value::Flag(_) => "true or false",
            Value::Date => "a date",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
        }
    }
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_at: At,
    pub(super) value: Value,
    pub(super) value_at: At,
    /// Has somebody asked for it?
    pub(super) read: bool,
    /// The numbers of the file that the value names, where they have been read already.
    pub(super) loaded: Option<Arc<RawTable>>,
}

/// The tables of a TOML text, in its order.
pub(super) fn parse(source: &Arc<Source>) -> Result<Vec<Entry>> {
    let table = DeTable::parse(&source.text).map_err(|e| syntax(source, 0, &e))?;
    Ok(entries(source, 0, table.get_ref()))
}

fn syntax(source: &Arc<Source>, shift: usize, error: &toml::de::Error) -> Error {
    let span = error.span().unwrap_or(0..0);
    let at = At { source: source.clone(), start: span.start + shift, end: span.end + shift };
    let message = error.message().lines().collect::<Vec<_>>().join("; ");
    Error::input(message)
        .at(at.place())
        .with_help("a study is a TOML file: [section] lines and key = value lines")
}

/// `shift` is where the parsed text begins in its source.
fn entries(source: &Arc<Source>, shift: usize, table: &DeTable<'_>) -> Vec<Entry> {
    let at = |span: std::ops::Range<usize>| At {
        source: source.clone(),
        start: span.start + shift,
        end: span.end + shift,
    };
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_at: at(key.span()),
            value: convert(source, shift, value),
            value_at: at(value.span()),
            read: false,
            loaded: None,
        })
        .collect();
    entries.sort_by_key(|e| e.key_at.start);
    entries
}

fn convert(source: &Arc<Source>, shift: usize, value: &Spanned<DeValue<'_>>) -> Value {
    match value.get_ref() {
        DeValue::String(s) => Value::Text(s.to_string()),
        // Beyond 128 bits only the float is left; beyond f64 it is infinite and refused where it is read.
        DeValue::Integer(i) => Value::Number(match i128::from_str_radix(i.as_str(), i.radix()) {
            Ok(whole) => whole as f64,
            Err(_) => i.as_str().parse().unwrap_or(f64::INFINITY),
        }),
        DeValue::Float(f) => Value::Number(f.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(b) => Value::Flag(*b),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(items) => Value::Array(
            items
                .iter()
                .map(|item| {
                    let span = item.span();
                    let at = At { source: source.clone(), start: span.start + shift, end: span.end + shift };
                    (convert(source, shift, item), at)
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(entries(source, shift, table)),
    }
}

/// A value for one key that comes from outside the file.
#[derive(Clone, Debug)]
pub struct Override {
    path: Vec<(String, At)>,
    value: Value,
    value_at: At,
}

impl Override {
    /// From `key=value` as typed after `--set`; the key may be dotted. The value is read as TOML, and as a text if it
    /// is none. Relative paths in it are relative to the current directory.
    pub fn parse(typed: &str) -> Result<Override> {
        let source = flag_source("--set", typed);
        let at = |start, end| At { source: source.clone(), start, end };
        let wrong = |start, end, message: &str| {
            Err(Error::input(format!("--set {}: {message}", brief(typed)))
                .at(at(start, end).place())
                .with_help("write --set sigma=0.35, or --set critical.rounds=3 for another section"))
        };
        let Some((keys, raw)) = typed.split_once('=') else {
            return wrong(0, typed.len(), "there is no `=`");
        };
        let mut path = Vec::new();
        let mut start = 0;
        for part in keys.split('.') {
            let key = part.trim();
            if key.is_empty() || !key.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_') {
                return wrong(start, start + part.len(), "the key is a name or names with dots between");
            }
            path.push((key.to_owned(), at(start, start + part.len())));
            start += part.len() + 1;
        }
        if path.len() > 8 {
            return wrong(0, keys.len(), "no key is nested that deep");
        }
        let value = raw.trim();
        if value.is_empty() {
            return wrong(keys.len(), typed.len(), "the value is missing");
        }
        let begin = keys.len() + 1 + (raw.len() - raw.trim_start().len());
        let value_at = at(begin, begin + value.len());
        let value = match DeValue::parse(value) {
            Ok(parsed) => convert(&source, begin, &parsed),
            // Numbers as people type them, too: .5 and 1. are none in TOML.
            Err(_) => value.parse().map_or_else(|_| Value::Text(value.to_owned()), Value::Number),
        };
        Ok(Override { path, value, value_at })
    }

    /// A text given by a flag of its own, such as `--data`.
    pub fn text(flag: &str, path: &[&str], text: &str) -> Override {
        let at = At { source: flag_source(flag, text), start: 0, end: text.len() };
        Override {
            path: path.iter().map(|key| ((*key).to_owned(), at.clone())).collect(),
            value: Value::Text(text.to_owned()),
            value_at: at,
        }
    }

    /// A value that stands in a study for a key elsewhere in it: `path` with the place of the key.
    pub(super) fn placed(path: &[String], key_at: &At, value: Value, value_at: &At) -> Override {
        Override {
            path: path.iter().map(|key| (key.clone(), key_at.clone())).collect(),
            value,
            value_at: value_at.clone(),
        }
    }

    /// The files that its value names.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut found = vec![];
        super::section::files_of(&self.value, &self.value_at, &mut found);
        found
    }

    /// The first key of its path, and whether that is all of it.
    pub(super) fn first(&self) -> (&str, bool) {
        (&self.path[0].0, self.path.len() == 1)
    }

    /// The same, one table further down.
    pub(super) fn within(mut self, table: &str) -> Override {
        let at = self.path[0].1.clone();
        self.path.insert(0, (table.to_owned(), at));
        self
    }

    /// Lays the value over `entries`, making tables on the way as needed.
    pub(super) fn apply(self, entries: &mut Vec<Entry>) -> Result<()> {
        let (leaf, tables) =
            self.path.split_last().expect("an override has a key, as its constructors see to");
        let mut here = entries;
        for (key, at) in tables {
            let place = position_or_insert(here, key, at, || Value::Table(Vec::new()));
            match &mut here[place].value {
                Value::Table(inner) => here = inner,
                other => {
                    let message = format!("`{key}` is {}, so it has no `{}`", other.what(), brief(&leaf.0));
                    return Err(Error::input(message)
                        .at(at.place())
                        .with_help(format!("set `{key}` as a whole")));
                }
            }
        }
        let place = position_or_insert(here, &leaf.0, &leaf.1, || Value::Flag(false));
        here[place] = Entry {
            key: leaf.0.clone(),
            key_at: leaf.1.clone(),
            value: self.value,
            value_at: self.value_at,
            read: false,
            loaded: None,
        };
        Ok(())
    }
}

fn position_or_insert(entries: &mut Vec<Entry>, key: &str, at: &At, value: fn() -> Value) -> usize {
    entries.iter().position(|e| e.key == key).unwrap_or_else(|| {
        entries.push(Entry {
            key: key.to_owned(),
            key_at: at.clone(),
            value: value(),
            value_at: at.clone(),
            read: false,
            loaded: None,
        });
        entries.len() - 1
    })
}

/// The entries as they would stand in a file.
pub(super) fn table(entries: &[Entry]) -> toml::Table {
    entries.iter().map(|e| (e.key.clone(), plain(&e.value))).collect()
}

fn plain(value: &Value) -> toml::Value {
    match value {
        // Whole numbers are written as they are usually typed.
        Value::Number(v) if v.fract() == 0.0 && v.abs() < 1e15 => toml::Value::Integer(*v as i64),
        Value::Number(v) => toml::Value::Float(*v),
        Value::Text(text) => toml::Value::String(text.clone()),
        Value::Flag(flag) => toml::Value::Boolean(*flag),
        // No key takes one.
        Value::Date => toml::Value::String(String::new()),
        Value::Array(items) => toml::Value::Array(items.iter().map(|(item, _)| plain(item)).collect()),
        Value::Table(entries) => toml::Value::Table(table(entries)),
    }
}

fn flag_source(flag: &str, typed: &str) -> Arc<Source> {
    Arc::new(Source { name: flag.to_owned(), text: typed.to_owned(), folder: PathBuf::new() })
}

/// The source of a study file.
pub(super) fn file_source(path: &Path, text: String) -> Arc<Source> {
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    Arc::new(Source { name: path.display().to_string(), text, folder })
}
