//! Every case under `tests/*/pass` compiles and runs; every case under `tests/*/fail` does not
//! compile, with exactly the words next to it.
//!
//! `TRYBUILD=overwrite cargo test -p ui-tests` writes the words anew: read them as somebody who
//! has just made that mistake.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Both write the same project, and take turns.
static TURN: Mutex<()> = Mutex::new(());

// Apart from the other: one case that must run turns `cargo check` into `cargo build` for all.
#[test]
fn pass() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    trybuild::TestCases::new().pass("tests/*/pass/*.rs");
}

#[test]
fn fail() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    trybuild::TestCases::new().compile_fail("tests/*/fail/*.rs");
}

#[test]
fn every_error_belongs_to_a_case() {
    for stderr in failing("stderr") {
        assert!(stderr.with_extension("rs").exists(), "{} is an orphan", stderr.display());
    }
    for case in failing("rs") {
        assert!(case.with_extension("stderr").exists(), "{} says nothing", case.display());
    }
}

/// Words about the standard library change with every release of it.
#[test]
fn no_error_shows_the_standard_library() {
    for stderr in failing("stderr") {
        let text = fs::read_to_string(&stderr).expect("it was just listed");
        assert!(!text.contains("$RUST"), "{} shows the standard library", stderr.display());
    }
}

/// The files under `tests/*/fail` with this extension.
fn failing(extension: &str) -> Vec<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let rooms = fs::read_dir(tests).expect("the folder this file is in").filter_map(|room| {
        let fail = room.expect("a readable folder").path().join("fail");
        fail.is_dir().then_some(fail)
    });
    rooms
        .flat_map(|fail| fs::read_dir(fail).expect("it was just listed"))
        .map(|file| file.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}
