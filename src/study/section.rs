//! A table of a study, read key by key; what nobody reads is reported as unknown.

use std::path::{Path, PathBuf};

use super::nearest::nearest;
use super::value::{self, At, Entry, Override, Value};
use crate::data::RawTable;
use crate::error::{Error, Result, brief};
use crate::landscape::Key;

/// Largest integer up to which every integer is a f64.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A table of a study file (or of the command line), which knows where each of its keys stands.
#[derive(Clone, Debug)]
pub struct Section {
    name: String,
    pub(super) entries: Vec<Entry>,
    /// Where the table itself stands; `None` if it is nowhere in a file.
    header: Option<At>,
}

/// What an array of [`Section::items`] holds.
#[derive(Clone, Debug)]
pub enum Item {
    /// A text.
    Text(String),
    /// A table.
    Table(Section),
}

impl Section {
    /// A section called `name` from `key=value` pairs alone, without any file.
    pub fn from_pairs(name: &str, pairs: &[&str]) -> Result<Section> {
        let mut entries = Vec::new();
        for pair in pairs {
            Override::parse(pair)?.apply(&mut entries)?;
        }
        Ok(Section { name: name.to_owned(), entries, header: None })
    }

    /// The top of a TOML file, or of a JSON file by its extension, that a study refers to. Places in JSON are those in its
    /// contents written as TOML.
    pub fn read(path: &Path) -> Result<Section> {
        let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Error::file(path, "there is no such file"),
            _ => Error::file(path, e),
        })?;
        let text = match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("json") => {
                let value: serde_json::Value = serde_json::from_str(&text)
                    .map_err(|e| Error::input(format!("{} is no JSON: {e}", path.display())))?;
                toml::to_string(&value)
                    .map_err(|e| Error::input(format!("{}: JSON of no use here: {e}", path.display())))?
            }
            _ => text,
        };
        let source = value::file_source(path, text);
        let entries = value::parse(&source)?;
        let header = Some(At { source, start: 0, end: 0 });
        Ok(Section { name: String::new(), entries, header })
    }

    pub(super) fn new(name: &str, entries: Vec<Entry>) -> Section {
        Section { name: name.to_owned(), entries, header: None }
    }

    /// A finite real number (whole numbers count); an error with its place if it is anything else.
    pub fn number(&mut self, key: &str) -> Result<Option<f64>> {
        self.mark(key);
        let Some(entry) = self.get(key) else { return Ok(None) };
        self.finite(key, &entry.value, &entry.value_at, "a number").map(Some)
    }

    /// A number that must be there.
    pub fn need_number(&mut self, key: &str) -> Result<f64> {
        self.number(key)?.ok_or_else(|| self.missing(key, "0.5"))
    }

    /// A whole number, zero or more.
    pub fn integer(&mut self, key: &str) -> Result<Option<usize>> {
        self.mark(key);
        let Some(entry) = self.get(key) else { return Ok(None) };
        self.whole(key, &entry.value, &entry.value_at).map(Some)
    }

    /// A text.
    pub fn text(&mut self, key: &str) -> Result<Option<String>> {
        self.mark(key);
        let Some(entry) = self.get(key) else { return Ok(None) };
        match &entry.value {
            Value::Text(text) => Ok(Some(text.clone())),
            // On the command line nobody quotes a text that happens to look like a number.
            _ if entry.value_at.source.name.starts_with("--") => Ok(Some(entry.value_at.text().to_owned())),
            other => {
                let help = format!("write it in quotes: {key} = \"...\"");
                Err(self.error(key, format!("`{key}` must be a text, not {}", other.what())).with_help(help))
            }
        }
    }

    /// true or false.
    pub fn flag(&mut self, key: &str) -> Result<Option<bool>> {
        self.mark(key);
        let Some(entry) = self.get(key) else { return Ok(None) };
        match &entry.value {
            Value::Flag(flag) => Ok(Some(*flag)),
            other => Err(self
                .error(key, format!("`{key}` must be true or false, not {}", other.what()))
                .with_help(format!("write {key} = true or {key} = false, without quotes"))),
        }
    }

    /// An array of finite numbers.
    pub fn numbers(&mut self, key: &str) -> Result<Option<Vec<f64>>> {
        self.mark(key);
        let Some(entry) = self.get(key) else { return Ok(None) };
        match &entry.value {
            Value::Array(items) => {
                let number = |(value, at): &(Value, At)| self.finite(key, value, at, "an array of numbers");
                items.iter().map(number).collect::<Result<Vec<f64>>>().map(Some)
            }
            other => Err(self
                .error(key, format!("`{key}` must be an array of numbers, not {}", other.what()))
                .with_help(format!("write {key} = [0.5, 1.0]"))),
        }
    }

    /// A table within this one.
    pub fn table(&mut self, key: &str) -> Result<Option<Section>> {
        let name = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        self.mark(key);
        let Some(entry) = self.get(key) else { return Ok(None) };
        match &entry.value {
            Value::Table(entries) => {
                let (entries, header) = (entries.clone(), Some(entry.value_at.clone()));
                Ok(Some(Section { name, entries, header }))
            }
            other => Err(self
                .error(key, format!("`{key}` must be a table, not {}", other.what()))
                .with_help(format!("write [{name}] and its keys below, or {key} = {{ ... }}"))),
        }
    }

    /// An array of texts and tables, or a single one of either.
    pub fn items(&mut self, key: &str) -> Result<Option<Vec<Item>>> {
        self.mark(key);
        let Some(entry) = self.get(key) else { return Ok(None) };
        let single = [(entry.value.clone(), entry.value_at.clone())];
        let items = match &entry.value {
            Value::Array(items) => &items[..],
            _ => &single,
        };
        let item =
            |(value, at): &(Value, At)| match value {
                Value::Text(text) => Ok(Item::Text(text.clone())),
                Value::Table(entries) => {
                    let (entries, header) = (entries.clone(), Some(at.clone()));
                    Ok(Item::Table(Section { name: key.to_owned(), entries, header }))
                }
                other => Err(Error::input(format!("`{key}` holds texts and tables, not {}", other.what()))
                    .at(at.place())),
            };
        items.iter().map(item).collect::<Result<Vec<Item>>>().map(Some)
    }

    /// A matrix as an array of rows, each an array of numbers; an array of numbers is a column.
    pub fn matrix(&mut self, key: &str) -> Result<Option<RawTable>> {
        let Some(entry) = self.get(key) else { return Ok(None) };
        match &entry.value {
            Value::Array(items) if items.iter().all(|(v, _)| matches!(v, Value::Number(_))) => {
                let values = self.numbers(key)?.unwrap_or_default();
                if values.is_empty() {
                    return Err(self.error(key, format!("`{key}` holds no number")));
                }
                Ok(Some(RawTable { columns: 1, values }))
            }
            _ => self.inline_table(key).map(Some),
        }
    }

    /// Paths, relative to the folder of the study: an array of texts, or one text.
    pub fn paths(&mut self, key: &str) -> Result<Option<Vec<PathBuf>>> {
        if !self.is_array(key) {
            return Ok(self.path(key)?.map(|path| vec![path]));
        }
        let Some(items) = self.items(key)? else { return Ok(None) };
        let folder = self.get(key).map(|e| e.value_at.source.folder.clone()).unwrap_or_default();
        let path = |item: &Item| match item {
            Item::Text(text) if !text.trim().is_empty() => Ok(folder.join(text)),
            _ => Err(self.error(key, format!("`{key}` must name files"))),
        };
        items.iter().map(path).collect::<Result<Vec<PathBuf>>>().map(Some)
    }

    /// The keys that are there and not yet read, in the file's order.
    pub fn remaining(&self) -> Vec<String> {
        self.entries.iter().filter(|e| !e.read).map(|e| e.key.clone()).collect()
    }

    /// Is `key` there?
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Is the value of `key` an array?
    pub fn is_array(&self, key: &str) -> bool {
        self.get(key).is_some_and(|e| matches!(e.value, Value::Array(_)))
    }

    /// Is the value of `key` a text?
    pub fn is_text(&self, key: &str) -> bool {
        self.get(key).is_some_and(|e| matches!(e.value, Value::Text(_)))
    }

    /// Is the value of `key` a table?
    pub fn is_table(&self, key: &str) -> bool {
        self.get(key).is_some_and(|e| matches!(e.value, Value::Table(_)))
    }

    /// Is the value of `key` true or false?
    pub fn is_flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|e| matches!(e.value, Value::Flag(_)))
    }

    /// A path, relative to the folder of the study (from the command line: to the current directory).
    pub fn path(&mut self, key: &str) -> Result<Option<PathBuf>> {
        let Some(text) = self.text(key)? else { return Ok(None) };
        if text.trim().is_empty() {
            return Err(self.error(key, format!("`{key}` must name a file")));
        }
        let folder = self.get(key).map(|e| e.value_at.source.folder.clone()).unwrap_or_default();
        Ok(Some(folder.join(text)))
    }

    /// The files that texts anywhere in the table name, as far as there are such files: with or without a `#key`.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let mut found = vec![];
        self.entries.iter().for_each(|e| files_of(&e.value, &e.value_at, &mut found));
        found
    }

    /// An input error that points at the value of `key`.
    pub fn error(&self, key: &str, message: impl Into<String>) -> Error {
        let error = Error::input(self.naming(key, message.into()));
        match self.get(key).map(|e| &e.value_at).or(self.header.as_ref()) {
            Some(at) => error.at(at.place()),
            None => error,
        }
    }

    /// An input error that points into the text value of `key`: `start..end` are byte offsets in the decoded text.
    pub fn error_in_text(&self, key: &str, start: usize, end: usize, message: impl Into<String>) -> Error {
        let whole = self.error(key, message);
        let Some(Entry { value: Value::Text(text), value_at, .. }) = self.get(key) else { return whole };
        let (Some(offset), true) = (offset_of_text(value_at.text(), text), start <= end && end <= text.len())
        else {
            return whole;
        };
        let begin = value_at.start + offset;
        whole.at(At { source: value_at.source.clone(), start: begin + start, end: begin + end }.place())
    }

    /// Complains about keys that nobody has read, naming the nearest of `known`.
    pub fn finish(&self, known: &[Key]) -> Result<()> {
        let mut unread = self.entries.iter().filter(|e| !e.read);
        if let Some(stranger) = unread.clone().find(|e| known.iter().all(|k| k.name != e.key)) {
            return Err(self.unknown(stranger, known));
        }
        match unread.next() {
            None => Ok(()),
            Some(entry) => Err(Error::input(format!("`{}` has no effect {}", entry.key, self.whereabouts()))
                .with_help("nothing else here makes use of it: remove it")
                .at(entry.key_at.place())),
        }
    }

    /// The error for the first unread key that looks like a slip for one of `known`.
    pub(super) fn misspelt(&self, known: &[Key]) -> Result<()> {
        let names: Vec<&str> = known.iter().map(|k| k.name).collect();
        let slip =
            |e: &&Entry| !e.read && !names.contains(&e.key.as_str()) && nearest(&e.key, &names).is_some();
        self.entries.iter().find(slip).map_or(Ok(()), |entry| Err(self.unknown(entry, known)))
    }

    fn unknown(&self, entry: &Entry, known: &[Key]) -> Error {
        let key = &entry.key;
        let names: Vec<&str> = known.iter().map(|k| k.name).collect();
        let list = names.join(", ");
        let help = match nearest(key, &names) {
            Some(near) => format!("did you mean `{near}`? The keys are: {list}"),
            None => format!("the keys are: {list}"),
        };
        let place = entry.key_at.place();
        Error::input(format!("unknown key `{}` {}", brief(key), self.whereabouts())).with_help(help).at(place)
    }

    /// The error for a key that must be there; `example` is a value it could have.
    pub fn missing(&self, key: &str, example: &str) -> Error {
        let error = Error::input(format!("`{key}` is missing {}", self.whereabouts()));
        match &self.header {
            Some(at) => error.at(at.place()).with_help(format!("write, for example, {key} = {example}")),
            None => error.with_help(format!("add, for example, --set {key}={example}")),
        }
    }

    /// The same error, with the section's own place if it has none.
    pub(super) fn locate(&self, error: Error) -> Error {
        match (&error, &self.header) {
            (Error::Input { place: None, .. }, Some(at)) => error.at(at.place()),
            _ => error,
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|e| e.key == key)
    }

    pub(super) fn mark(&mut self, key: &str) {
        if let Some(entry) = self.entries.iter_mut().find(|e| e.key == key) {
            entry.read = true;
        }
    }

    pub(super) fn finite(&self, key: &str, value: &Value, at: &At, wanted: &str) -> Result<f64> {
        let error = |message: String| Error::input(message).at(at.place());
        match value {
            Value::Number(v) if v.is_finite() => Ok(*v),
            Value::Number(v) => Err(error(format!("`{key}` must be finite, not {v}"))
                .with_help("neither nan nor inf nor a number beyond 1.8e308 can be computed with")),
            Value::Text(text) if text.trim().parse::<f64>().is_ok_and(f64::is_finite) => {
                Err(error(format!("`{key}` must be {wanted}, not a text"))
                    .with_help(format!("write it without quotes: {}", brief(text.trim()))))
            }
            other => Err(error(format!("`{key}` must be {wanted}, not {}", other.what())).with_help(
                format!("write {key} = {}", if wanted == "a number" { "0.5" } else { "[0.5, 1.0]" }),
            )),
        }
    }

    pub(super) fn whole(&self, key: &str, value: &Value, at: &At) -> Result<usize> {
        match value {
            Value::Number(v) if v.fract() == 0.0 && (0.0..=EXACT).contains(v) => Ok(*v as usize),
            other => {
                let found = match other {
                    Value::Number(_) => brief(at.text()),
                    _ => other.what().to_owned(),
                };
                Err(Error::input(format!("`{key}` must be a whole number, zero or more, not {found}"))
                    .at(at.place())
                    .with_help(format!("write, for example, {key} = 3")))
            }
        }
    }

    /// The message, with the key in front if it does not mention it.
    fn naming(&self, key: &str, message: String) -> String {
        let mentioned =
            message.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).any(|word| word == key);
        if mentioned { message } else { format!("`{key}`: {message}") }
    }

    fn whereabouts(&self) -> String {
        if self.name.is_empty() { "at the top of the study".into() } else { format!("in [{}]", self.name) }
    }
}

/// The files that texts in a value name.
pub(super) fn files_of(value: &Value, at: &At, found: &mut Vec<PathBuf>) {
    match value {
        Value::Text(text) => {
            let names = [Some(text.as_str()), text.rsplit_once('#').map(|(file, _)| file)];
            let paths = names.into_iter().flatten().map(|name| at.source.folder.join(name));
            // A star stands for all files of such names, a path through them.
            let files = paths.flat_map(|path| crate::landscape::neural::matching(&path).unwrap_or_default());
            found.extend(files.filter(|path| path.is_file()));
        }
        Value::Array(items) => items.iter().for_each(|(value, at)| files_of(value, at, found)),
        Value::Table(entries) => entries.iter().for_each(|e| files_of(&e.value, &e.value_at, found)),
        Value::Number(_) | Value::Flag(_) | Value::Date => {}
    }
}

/// Where in the raw TOML string the decoded text begins, if it stands there as it is.
fn offset_of_text(raw: &str, text: &str) -> Option<usize> {
    if raw == text {
        return Some(0); // unquoted, from the command line
    }
    for quotes in ["\"\"\"", "'''", "\"", "'"] {
        let Some(inner) = raw.strip_prefix(quotes).and_then(|r| r.strip_suffix(quotes)) else { continue };
        if inner == text {
            return Some(quotes.len());
        }
        // The line end right after the opening quotes is no part of the text.
        let trimmed = inner.strip_prefix("\r\n").or_else(|| inner.strip_prefix('\n'));
        if trimmed == Some(text) {
            return Some(quotes.len() + inner.len() - text.len());
        }
    }
    None
}
