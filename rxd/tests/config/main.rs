//! Daemons with a configuration: loading, checking, applying, and taking back.
//!
//! Time is paused, except in `process`, which sends real signals to a real program.

mod declared;
mod faults;
mod kit;
mod reloads;
mod secrets;
mod start;
