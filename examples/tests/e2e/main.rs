//! Each example as its user runs it: a process, its output, real requests, real signals.

mod multi_service;
mod prestart;
mod program;
mod pubsub;
mod run_until_success;
mod sensors;
mod single_service;
#[cfg(target_os = "linux")]
mod systemd;
