//! Orbits that are proven while others are not yet, kept in a file of lines, so that a run that was interrupted loses little.
//!
//! The first line has the version and a hash of the landscape, the points and the settings: another file is begun if they differ. Each further
//! line is one pair of halves with what came of it at one radius. Lines are written whole; one that is damaged is as if it were not
//! there. Nothing depends on them: the certificate is checked as a whole before it is written.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::edges::Pair;
use super::{Edge, Failure};
use crate::certificate::format::{Definition, Hex, HexVec};

/// What came of a pair of halves at a radius: they, or why they could not be proven.
pub(super) type Proven = Result<[Edge; 2], Failure>;

/// Those that are known, and the file.
#[derive(Default)]
pub(super) struct Parts {
    known: BTreeMap<Key, Proven>,
    file: Option<(PathBuf, Mutex<File>)>,
}

/// Point, direction, radius and length.
type Key = (usize, bool, u64, u64);

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    version: String,
    hash: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    of: usize,
    up: bool,
    e0: Hex,
    length: Hex,
    why: Option<(HexVec, String)>,
    edges: Vec<Edge>,
}

const FORMAT: &str = "smale certificate parts 2";

impl Parts {
    /// Opens the file, and reads it if it is of this landscape, these points and these settings.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn open(
        path: &Path,
        definition: &Definition,
        settings: &str,
        places: &[&[f64]],
    ) -> Result<Parts, String> {
        let mut hash = Sha256::new();
        hash.update(serde_json::to_string(definition).map_err(|e| e.to_string())?);
        hash.update(settings);
        places.iter().copied().flatten().for_each(|x| hash.update(x.to_le_bytes()));
        let hash: String = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        let version = env!("CARGO_PKG_VERSION").to_string();
        let header = Header { format: FORMAT.into(), version, hash };
        let first = serde_json::to_string(&header).map_err(|e| e.to_string())?;
        let before = std::fs::read_to_string(path).unwrap_or_default();
        let mut lines = before.lines();
        let same = lines.next() == Some(first.as_str());
        let mut known = BTreeMap::new();
        for line in lines.filter(|_| same).filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
            let key = (line.of, line.up, line.e0.0.to_bits(), line.length.0.to_bits());
            if let Some(proven) = line.proven() {
                known.insert(key, proven);
            }
        }
        let wrong =
            |e: std::io::Error| format!("{}: parts of the certificate can't be kept: {e}", path.display());
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .append(same)
            .truncate(!same)
            .open(path)
            .map_err(wrong)?;
        // A line that was cut off ends here.
        let begin = if !same {
            first + "\n"
        } else if before.ends_with('\n') {
            String::new()
        } else {
            "\n".into()
        };
        file.write_all(begin.as_bytes()).map_err(wrong)?;
        Ok(Parts { known, file: Some((path.to_owned(), Mutex::new(file))) })
    }

    /// What came of a pair at this radius, if it is known.
    pub(super) fn known(&self, pair: Pair, e0: f64, length: f64) -> Option<Proven> {
        self.known.get(&(pair.of, pair.up, e0.to_bits(), length.to_bits())).cloned()
    }

    /// Keeps what came of a pair. A disk that is full costs no more than what is kept.
    pub(super) fn keep(&self, pair: Pair, e0: f64, length: f64, proven: &Proven) {
        let Some((_, file)) = &self.file else { return };
        let (why, edges) = match proven {
            Ok(edges) => (None, edges.to_vec()),
            Err((at, why)) => (Some((HexVec(at.clone()), why.clone())), vec![]),
        };
        let line = Line { of: pair.of, up: pair.up, e0: Hex(e0), length: Hex(length), why, edges };
        let Ok(text) = serde_json::to_string(&line) else { return };
        if let Ok(mut file) = file.lock() {
            let _ = file.write_all((text + "\n").as_bytes());
        }
    }

    /// Takes the file away.
    pub(super) fn remove(&mut self) {
        if let Some((path, _)) = self.file.take() {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Line {
    fn proven(self) -> Option<Proven> {
        match (self.why, <[Edge; 2]>::try_from(self.edges)) {
            (None, Ok(edges)) => Some(Ok(edges)),
            (Some((at, why)), Err(_)) => Some(Err((at.0, why))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_known_again_and_damage_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("parts.jsonl");
        let definition = |a: f64| Definition::Formula {
            dim: 1,
            energy: "x".into(),
            parameters: vec![],
            confinement: Hex(a),
        };
        let open = |a: f64| Parts::open(&path, &definition(a), "full", &[&[1.0]]).unwrap();
        let (one, two) = (Pair { of: 1, up: false }, Pair { of: 2, up: true });
        let failed: Proven = Err((vec![0.5], "why".into()));
        let parts = open(0.0);
        parts.keep(one, 0.1, 1.0, &failed);
        drop(parts);
        // A line that was cut off.
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}{}", &text.lines().nth(1).unwrap()[..20])).unwrap();
        let parts = open(0.0);
        assert!(matches!(parts.known(one, 0.1, 1.0), Some(Err(f)) if f == (vec![0.5], "why".to_string())));
        assert!(parts.known(one, 0.2, 1.0).is_none() && parts.known(two, 0.1, 1.0).is_none());
        parts.keep(two, 0.1, 1.0, &failed);
        drop(parts);
        assert!(open(0.0).known(two, 0.1, 1.0).is_some());
        // Of another landscape nothing is taken.
        let mut other = open(1.0);
        assert!(other.known(one, 0.1, 1.0).is_none());
        other.remove();
        assert!(!path.exists());
    }
}
