//! Every case under `tests/*/pass` compiles and runs. Every case under `tests/*/fail` does not
//! compile, and its errors are those in the `.stderr` file next to it.
//!
//! `TRYBUILD=overwrite cargo test -p ui-tests` overwrites the `.stderr` files. Read the difference
//! as a user who has just made that mistake.

mod agree;
mod cases;
mod documents;

use std::sync::{Mutex, PoisonError};

/// Both tests write to the same project directory, so only one may run at a time.
static PROJECT: Mutex<()> = Mutex::new(());

// A test of its own: with one case that runs, trybuild uses `cargo build` for all cases instead of
// `cargo check`.
#[test]
fn passing_code_compiles_and_runs() {
    let _project = PROJECT.lock().unwrap_or_else(PoisonError::into_inner);
    trybuild::TestCases::new().pass("tests/*/pass/*.rs");
}

#[test]
fn failing_code_has_the_errors_next_to_it() {
    let _project = PROJECT.lock().unwrap_or_else(PoisonError::into_inner);
    trybuild::TestCases::new().compile_fail("tests/*/fail/*.rs");
}
