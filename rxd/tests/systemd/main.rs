//! What daemons send to systemd, and what systemd makes of it.
//!
//! Each daemon runs in a separate process with its own environment: this binary, run again as
//! [`subject`]. In most tests a [`receiver`] listens in systemd's place; in [`real`] and `journal`
//! it is a systemd, found or booted by [`manager`].
#![cfg(all(target_os = "linux", feature = "systemd"))]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the tests read what subjects print, and a skipped test says why"
)]

mod faults;
#[cfg(feature = "journald")]
mod journal;
mod lifecycle;
mod manager;
mod protocol;
mod real;
mod receiver;
mod reload;
mod subject;
mod watchdog;

/// The process that the tests are about.
#[test]
fn subject() {
    subject::run_if_asked();
}

/// What boots a systemd for the tests.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/systemd/box.sh");

/// What the units of the tests run.
fn program() -> std::path::PathBuf {
    std::env::current_exe().expect("this program")
}
