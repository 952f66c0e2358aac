//! What the service manager is told, judged by a peer that listens in its place.
//!
//! Each daemon runs in a process of its own, with an environment of its own: this same binary,
//! run again as [`subject`].
#![cfg(all(target_os = "linux", feature = "systemd"))]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "subjects are read, and a test that is skipped says so")]

mod faults;
#[cfg(feature = "journald")]
mod journal;
mod judge;
mod lifecycle;
mod manager;
mod peer;
mod real;
mod reload;
mod subject;
mod watchdog;

/// The process that the tests are about.
#[test]
fn subject() {
    subject::run_if_asked();
}

/// What the units of the tests run.
fn program() -> std::path::PathBuf {
    std::env::current_exe().expect("this program")
}
