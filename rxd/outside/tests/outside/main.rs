//! The programs of the documents, outside of rxd's workspace: G61.

mod database;
mod mains;
mod programs;
mod samples;
mod servers;

use outside::workspace::{self, Source};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The path of a program of the user's workspace. The first call builds the workspace.
fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let directory = BUILT.get_or_init(|| {
        let sources: Vec<Source> = programs::sources().into_iter().chain(database::sources()).collect();
        workspace::build(&sources)
    });
    directory.join(name)
}

/// A file of the repository.
fn document(path: &str) -> PathBuf {
    workspace::repository().join(Path::new(path))
}
