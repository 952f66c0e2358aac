//! Logs, by the records that come out of them.

mod capture;
mod console;
mod forging;
#[cfg(feature = "journald")]
mod journald;
mod levels;
