//! Families: services of which there are any number, and which a watch names as one.
//!
//! The end of each daemon's run is checked against its guarantees, as in all tests: see
//! `.cargo/config.toml`.

mod declared;
mod kit;
mod random;
mod refused;
mod scaling;
mod watches;
