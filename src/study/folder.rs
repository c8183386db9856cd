//! The result folder: whole files or none.

use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::error::{Error, Result};

/// A folder that results are written to. What it holds already stays, unless a result has the same name.
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

    /// Writes a file under a temporary name and renames it, so that nobody meets half of it.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let target = self.path.join(name);
        if target.is_dir() {
            return Err(Error::file(&target, "a result has this name, but a folder is there"));
        }
        let failed = |e: std::io::Error| Error::file(&target, format!("can't be written: {e}"));
        let mut file = self.temporary()?;
        file.write_all(bytes).and_then(|()| file.as_file().sync_data()).map_err(failed)?;
        file.persist(&target).map_err(|e| failed(e.error))?;
        Ok(())
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
