//! Logs: what is written, where to, and at which levels.

mod capture;
mod console;
mod forging;
#[cfg(all(unix, feature = "journald"))]
mod journald;
mod levels;
mod output;
