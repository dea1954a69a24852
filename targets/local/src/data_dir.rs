//! The directory that holds everything: the databases, and the secrets that were made because none were given.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
};

const DATABASE: &str = "toolgate.db";
const LEDGER: &str = "ledger.db";
const LOCK: &str = "toolgate.lock";
/// Holds the master key.
pub(crate) const MASTER_KEY: &str = "master-key";
/// Holds the operator token.
pub(crate) const OPERATOR_TOKEN: &str = "operator-token";

/// Holds the URL of the gateway that serves the directory, for the operator's commands.
pub(crate) const ADDRESS: &str = "url";

/// Why the data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    #[error("the data directory {0} is in use by another toolgate: stop that one, or choose another with --data")]
    InUse(PathBuf),
    #[error("{0}: {1} (--data chooses the data directory)")]
    Io(PathBuf, io::Error),
}

/// A data directory.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

/// Keeps other processes out of the directory as long as it lives.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "the lock is held by being open")] File);

impl DataDir {
    /// Takes `path` as it is.
    pub(crate) const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Makes the directory, readable by its owner alone, and keeps other processes out.
    pub(crate) fn open(&self) -> Result<Lock, DataError> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(|e| DataError::Io(self.0.clone(), e))?;
        let path = self.0.join(LOCK);
        let error = |e| DataError::Io(path.clone(), e);
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(error)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(DataError::InUse(self.0.clone())),
            Err(TryLockError::Error(e)) => Err(error(e)),
        }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.0.join(DATABASE)
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.0.join(LEDGER)
    }

    /// The secret kept in the file `name`; made now if there is none.
    pub(crate) fn secret(&self, name: &str) -> Result<String, DataError> {
        // A power cut may leave nothing in a file that was not waited for (see `make`).
        let cut_off = |text: &String| text.trim_matches('\0').is_empty() && !self.database().exists();
        self.read(name)?.filter(|text| !cut_off(text)).map_or_else(|| self.make(name), Ok)
    }

    /// What the file `name` holds, without surrounding space.
    pub(crate) fn read(&self, name: &str) -> Result<Option<String>, DataError> {
        let path = self.0.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DataError::Io(path, error)),
        }
    }

    /// Writes the file `name` anew, for whom it helps to find it: unlike [`DataDir::write`], it doesn't wait for the disk.
    pub(crate) fn note(&self, name: &str, text: &str) -> Result<(), DataError> {
        let path = self.0.join(name);
        std::fs::write(&path, text).map_err(|e| DataError::Io(path, e))
    }

    /// Replaces the file `name`, as a whole or not at all; readable by its owner alone.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), DataError> {
        self.replace(name, text, File::sync_all)
    }

    fn replace(&self, name: &str, text: &str, wait: fn(&File) -> io::Result<()>) -> Result<(), DataError> {
        let (path, new) = (self.0.join(name), self.0.join(format!("{name}.new")));
        let write = || -> io::Result<()> {
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
            file.write_all(text.as_bytes())?;
            wait(&file)?;
            std::fs::rename(&new, &path)
        };
        write().map_err(|e| DataError::Io(path.clone(), e))
    }

    fn make(&self, name: &str) -> Result<String, DataError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|e| DataError::Io(self.0.join(name), io::Error::other(e.to_string())))?;
        let secret = hex::encode(bytes);
        // Nothing needs it before the database is made, and that waits for all files in the directory.
        let wait: fn(&File) -> io::Result<()> = if self.database().exists() { File::sync_all } else { |_| Ok(()) };
        self.replace(name, &format!("{secret}\n"), wait)?;
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt, path::Path};

    use super::*;
    use crate::test_dir::TestDir;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn secrets_are_made_once_and_readable_by_their_owner_alone() {
        let temp = TestDir::new();
        let dir = DataDir::at(temp.path("data"));
        let _lock = dir.open().unwrap();
        let made = dir.secret(MASTER_KEY).unwrap();
        assert_eq!(made.len(), 64);
        assert_eq!(dir.secret(MASTER_KEY).unwrap(), made);
        assert_ne!(dir.secret(OPERATOR_TOKEN).unwrap(), made);
        assert_eq!(mode(&temp.path("data")), 0o700);
        assert_eq!(mode(&temp.path("data").join(MASTER_KEY)), 0o600);
        assert_eq!(mode(&temp.path("data").join(OPERATOR_TOKEN)), 0o600);
    }

    #[test]
    fn a_secret_that_was_cut_off_is_made_anew_as_long_as_nothing_needs_it() {
        let temp = TestDir::new();
        let dir = DataDir::at(temp.path("data"));
        let _lock = dir.open().unwrap();
        dir.note(MASTER_KEY, "").unwrap();
        assert_eq!(dir.secret(MASTER_KEY).unwrap().len(), 64);
        dir.note(OPERATOR_TOKEN, "").unwrap();
        std::fs::write(dir.database(), "").unwrap();
        assert_eq!(dir.secret(OPERATOR_TOKEN).unwrap(), "");
    }

    #[test]
    fn a_second_process_is_kept_out() {
        let temp = TestDir::new();
        let dir = DataDir::at(temp.path("data"));
        let lock = dir.open().unwrap();
        assert!(matches!(dir.open(), Err(DataError::InUse(_))));
        drop(lock);
        dir.open().unwrap();
    }
}
