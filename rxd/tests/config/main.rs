//! Daemons with a configuration: loading, checking, applying, and taking back.
//!
//! Time is paused. The tests of signals (`faults`) and of `rxdctl` reload real programs.

mod declared;
mod faults;
mod kit;
mod random;
mod reloads;
mod secrets;
mod start;
#[cfg(feature = "config-watch")]
mod watch;
