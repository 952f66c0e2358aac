//! Services that are added and removed while the daemon runs.
//!
//! The end of each daemon's run is checked against its guarantees, as in all tests: see
//! `.cargo/config.toml`.

mod groups;
mod kit;
mod manual;
mod memory;
mod owned;
mod reconcile;
mod refused;
mod removing;
mod stress;
mod taking_part;
