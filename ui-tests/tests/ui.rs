//! Every case under `tests/*/pass` compiles and runs; every case under `tests/*/fail` does not
//! compile, with exactly the words next to it.
//!
//! `TRYBUILD=overwrite cargo test -p ui-tests` writes the words anew: read them as somebody who
//! has just made that mistake.

mod agree;
mod cases;
mod documents;

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
