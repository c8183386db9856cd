//! The result folder: whole files or none, and the files of one run only.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::{Builder, NamedTempFile};

use crate::error::{Error, Result};

/// The file that lists the others of a run.
pub(super) const SUMMARY: &str = "summary.json";
/// Lists what may be there of a run that did not come to its end.
const UNFINISHED: &str = ".smale-unfinished.json";

/// A folder that results are written to. What it holds already stays, unless a result has the same name or it is a
/// result of an earlier run.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Did we make it?
    made: bool,
}

impl Folder {
    /// Opens the folder, making it where there is none, and makes sure that files can be written, so that this does
    /// not come out at the end of long work.
    pub fn open(path: &Path) -> Result<Folder> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let made = !path.exists();
        if !made && !path.is_dir() {
            return Err(Error::file(path, "results can't go there: it is a file, not a folder"));
        }
        std::fs::create_dir_all(path)
            .map_err(|e| Error::file(path, format!("the result folder can't be made: {e}")))?;
        let folder = Folder { path: path.to_owned(), made };
        folder.temporary()?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Refuses if a file that the study reads would be written over by one of `results`, or taken away as a result of
    /// an earlier run. Links count as what they lead to; a star in a name of `results` stands for any text.
    pub fn spare(&self, inputs: &[PathBuf], results: &[&str]) -> Result<()> {
        let earlier = [SUMMARY, UNFINISHED].iter().flat_map(|name| self.listed(name));
        let there = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        let starred = there
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| results.iter().any(|known| is_named(known, name)));
        let own = results.iter().copied().chain([SUMMARY, UNFINISHED]).map(str::to_owned).chain(starred);
        let targets: BTreeSet<PathBuf> =
            own.chain(earlier).filter_map(|name| self.path.join(name).canonicalize().ok()).collect();
        for input in inputs {
            if input.canonicalize().is_ok_and(|path| targets.contains(&path)) {
                let folder = self.path.display();
                return Err(Error::input(format!(
                    "the study reads {}, which its results in {folder} would replace or remove",
                    input.display()
                ))
                .with_help("write --out and another folder, or give the file another name"));
            }
        }
        Ok(())
    }

    /// Writes a file under a temporary name and renames it, so that nobody meets half of it.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.stage(name, bytes)?.put()
    }

    /// Writes several files: all under temporary names before the first is renamed, so that what fails leaves nothing of them.
    pub fn write_all(&self, files: &[(&str, &[u8])]) -> Result<()> {
        self.stage_all(files)?.into_iter().try_for_each(Staged::put)
    }

    /// Begins a file, which is in its place only after [`Staged::put`].
    pub fn create(&self, name: &str) -> Result<Staged> {
        let target = self.path.join(name);
        if target.is_dir() {
            return Err(Error::file(&target, "a result has this name, but a folder is there"));
        }
        Ok(Staged { file: self.temporary()?, target })
    }

    /// Puts the files of a run in the place of those of an earlier one. The last file is `summary.json`, whose `files`
    /// lists them all: who sees it sees them, and no other results. Files that an earlier summary lists and this run does not
    /// write go; any others stay.
    ///
    /// All is written under temporary names first, so that a full disk changes nothing. If it ends between, there is no
    /// summary, and the next run knows what to clear away.
    pub fn replace(&self, files: &[(&str, &[u8])]) -> Result<()> {
        let staged = self.stage_all(files)?;
        let ours: BTreeSet<&str> = files.iter().map(|(name, _)| *name).collect();
        let earlier: BTreeSet<String> =
            [SUMMARY, UNFINISHED].iter().flat_map(|name| self.listed(name)).collect();
        let all: BTreeSet<&str> = earlier.iter().map(String::as_str).chain(ours.iter().copied()).collect();
        self.write(UNFINISHED, (json!({ "smale": FORMAT, "files": all }).to_string() + "\n").as_bytes())?;
        self.remove(SUMMARY)?;
        for name in earlier.iter().filter(|name| !ours.contains(name.as_str())) {
            self.remove(name)?;
        }
        staged.into_iter().try_for_each(Staged::put)?;
        self.remove(UNFINISHED)
    }

    /// The files of the run whose list this is; none if it is missing or not by this program. A list names files of the
    /// folder itself only, so nothing outside can be meant.
    fn listed(&self, name: &str) -> Vec<String> {
        let list: Option<Value> =
            std::fs::read(self.path.join(name)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(list) = list.filter(|list| list["smale"] == FORMAT) else { return vec![] };
        let plain = |name: &&str| {
            !name.is_empty() && !name.contains(['/', '\\', ':', '\0']) && !matches!(*name, "." | "..")
        };
        let names = list["files"].as_array().into_iter().flatten().filter_map(Value::as_str);
        names.filter(plain).map(str::to_owned).collect()
    }

    /// Takes a file away, if it is there and no folder.
    fn remove(&self, name: &str) -> Result<()> {
        let path = self.path.join(name);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound && !path.is_dir() => {
                Err(Error::file(&path, format!("a result of an earlier run can't be removed: {e}")))
            }
            _ => Ok(()),
        }
    }

    fn stage_all(&self, files: &[(&str, &[u8])]) -> Result<Vec<Staged>> {
        files.iter().map(|(name, bytes)| self.stage(name, bytes)).collect()
    }

    /// Writes a file under a temporary name.
    fn stage(&self, name: &str, bytes: &[u8]) -> Result<Staged> {
        let mut staged = self.create(name)?;
        let written = staged.file.write_all(bytes).and_then(|()| staged.file.as_file().sync_data());
        written.map_err(|e| unwritable(&staged.target, &e))?;
        Ok(staged)
    }

    /// Takes the folder away again if we made it and it is empty.
    pub fn abandon(self) {
        if self.made {
            // Fails if anything is in it, which is what we want.
            let _ = std::fs::remove_dir(&self.path);
        }
    }

    fn temporary(&self) -> Result<NamedTempFile> {
        let mut builder = Builder::new();
        builder.prefix(".smale-");
        // Results are for others too, as far as the umask lets them.
        #[cfg(unix)]
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
        #[cfg(unix)]
        builder.permissions(permissions);
        builder
            .tempfile_in(&self.path)
            .map_err(|e| Error::file(&self.path, format!("the result folder can't be written to: {e}")))
    }
}

/// Is this the name, or one that fits it if there is a star in it?
pub(super) fn is_named(known: &str, name: &str) -> bool {
    match known.split_once('*') {
        None => known == name,
        Some((head, tail)) => {
            name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
        }
    }
}

/// Says that a list of files is by this program; changes if the meaning of the list does.
pub(super) const FORMAT: u32 = 1;

/// A file that is not yet in its place; it goes if it is never put there.
#[derive(Debug)]
pub struct Staged {
    file: NamedTempFile,
    target: PathBuf,
}

impl Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Staged {
    /// Puts the file in its place.
    ///
    /// # Errors
    /// If it cannot be written to the disk, or not be named so.
    pub fn put(self) -> Result<()> {
        self.file.as_file().sync_data().map_err(|e| unwritable(&self.target, &e))?;
        self.file.persist(&self.target).map_err(|e| unwritable(&self.target, &e.error))?;
        Ok(())
    }
}

fn unwritable(target: &Path, why: &std::io::Error) -> Error {
    Error::file(target, format!("can't be written: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_strangers_stay() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("a/b.results");
        let folder = Folder::open(&path).unwrap();
        std::fs::write(path.join("mine.txt"), "mine").unwrap();
        folder.write("x.csv", b"1").unwrap();
        folder.write("x.csv", b"22").unwrap();
        let mut names: Vec<_> = std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["mine.txt", "x.csv"]);
        assert_eq!(std::fs::read(path.join("x.csv")).unwrap(), b"22");
        folder.abandon();
        assert!(path.join("mine.txt").exists());
    }

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(path)
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// A run that writes these names.
    fn run(folder: &Folder, names: &[&str]) -> Result<()> {
        let all: Vec<&str> = names.iter().copied().chain([SUMMARY]).collect();
        let summary = json!({ "smale": FORMAT, "files": all }).to_string();
        let files = all.iter().map(|name| (*name, if *name == SUMMARY { summary.as_bytes() } else { b"1" }));
        folder.replace(&files.collect::<Vec<_>>())
    }

    #[test]
    fn results_of_an_earlier_run_go_and_nothing_else_does() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("r");
        let folder = Folder::open(&path).unwrap();
        std::fs::write(path.join("mine.txt"), "mine").unwrap();
        run(&folder, &["a.csv", "b.svg"]).unwrap();
        run(&folder, &["a.csv", "c.svg"]).unwrap();
        assert_eq!(names(&path), ["a.csv", "c.svg", "mine.txt", SUMMARY]);

        // Lists that are not by this program, or reach out of the folder, are no reason to remove anything.
        std::fs::write(outer.path().join("out.txt"), "").unwrap();
        std::fs::create_dir(path.join("sub")).unwrap();
        for list in [
            json!({ "files": ["mine.txt"] }),
            json!({ "smale": "1", "files": ["mine.txt"] }),
            json!({ "smale": FORMAT, "files": ["../out.txt", "..", ".", "", "sub", "none.csv", 3] }),
            json!({ "smale": FORMAT, "files": "mine.txt" }),
            json!(["mine.txt"]),
        ] {
            std::fs::write(path.join(SUMMARY), list.to_string()).unwrap();
            run(&folder, &["a.csv"]).unwrap();
            assert_eq!(names(&path), ["a.csv", "c.svg", "mine.txt", "sub", SUMMARY], "{list}");
            assert!(outer.path().join("out.txt").exists());
        }
        std::fs::write(path.join(SUMMARY), "{ \"smale\": 1, \"files\": [\"mine.t").unwrap();
        run(&folder, &["a.csv"]).unwrap();
        assert!(path.join("mine.txt").exists());
    }

    #[test]
    fn a_run_that_fails_to_write_leaves_no_summary_of_another() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Folder::open(outer.path()).unwrap();
        run(&folder, &["a.csv", "b.svg"]).unwrap();
        // Known before anything is touched: the earlier results stay whole.
        std::fs::create_dir(outer.path().join("x.csv")).unwrap();
        assert!(run(&folder, &["a.csv", "x.csv"]).is_err());
        assert_eq!(names(outer.path()), ["a.csv", "b.svg", SUMMARY, "x.csv"]);

        // Ended after some files were put in place: the list left behind names both runs' files.
        std::fs::remove_file(outer.path().join(SUMMARY)).unwrap();
        let list = json!({ "smale": FORMAT, "files": ["a.csv", "b.svg", "c.svg", SUMMARY] });
        std::fs::write(outer.path().join(UNFINISHED), list.to_string()).unwrap();
        std::fs::write(outer.path().join("c.svg"), "new").unwrap();
        run(&folder, &["a.csv"]).unwrap();
        assert_eq!(names(outer.path()), ["a.csv", SUMMARY, "x.csv"]);
    }

    #[test]
    fn files_are_written_all_or_none() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Folder::open(outer.path()).unwrap();
        folder.write("a.csv", b"old").unwrap();
        std::fs::create_dir(outer.path().join("c.csv")).unwrap();
        let all: [(&str, &[u8]); 3] = [("a.csv", b"new"), ("b.csv", b"new"), ("c.csv", b"new")];
        assert!(folder.write_all(&all).is_err());
        assert_eq!(names(outer.path()), ["a.csv", "c.csv"]);
        assert_eq!(std::fs::read(outer.path().join("a.csv")).unwrap(), b"old");
        folder.write_all(&all[..2]).unwrap();
        assert_eq!(names(outer.path()), ["a.csv", "b.csv", "c.csv"]);
        assert_eq!(std::fs::read(outer.path().join("a.csv")).unwrap(), b"new");
    }

    #[test]
    fn inputs_that_results_would_replace_are_noticed() {
        let outer = tempfile::tempdir().unwrap();
        let folder = Folder::open(outer.path()).unwrap();
        let results = ["a.csv", "m-*.vtp"];
        for (name, spared) in [("a.csv", false), ("m-12.vtp", false), ("m.vtp", true), ("b.csv", true)] {
            std::fs::write(outer.path().join(name), "").unwrap();
            assert_eq!(folder.spare(&[outer.path().join(name)], &results).is_ok(), spared, "{name}");
        }
    }

    #[test]
    fn a_folder_made_in_vain_goes_again() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("r");
        Folder::open(&path).unwrap().abandon();
        assert!(!path.exists());
        std::fs::create_dir(&path).unwrap();
        Folder::open(&path).unwrap().abandon();
        assert!(path.exists());
    }

    #[test]
    fn what_is_no_folder_is_refused() {
        let outer = tempfile::tempdir().unwrap();
        let file = outer.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(Folder::open(&file).unwrap_err().to_string().contains("not a folder"));
        assert!(Folder::open(&file.join("below")).is_err());
        let folder = Folder::open(outer.path()).unwrap();
        std::fs::create_dir(outer.path().join("x.csv")).unwrap();
        assert!(folder.write("x.csv", b"1").is_err());
    }
}
