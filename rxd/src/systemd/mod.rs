#![doc = include_str!("README.md")]

// This file is what the rest of rxd calls. Without the feature, `off.rs` takes its place.
//
// What is about a running daemon exists on Unix only; elsewhere there is no systemd, and `off.rs` has
// methods that do nothing. A unit is text, and can be made everywhere.
//
// The imports of the files below run one way: connection, reporter, notify, then outbox, watchdog,
// readiness, status, address and text. `activation`, `store` and `unit` are for the user and stand
// apart.

#[cfg(unix)]
mod activation;
#[cfg(unix)]
mod address;
#[cfg(unix)]
mod connection;
#[cfg(unix)]
mod notify;
#[cfg(not(unix))]
mod off;
#[cfg(unix)]
mod outbox;
#[cfg(unix)]
mod readiness;
#[cfg(unix)]
mod reporter;
#[cfg(all(unix, feature = "axum"))]
mod server;
#[cfg(unix)]
mod status;
#[cfg(all(unix, feature = "fd-store"))]
mod store;
#[cfg_attr(not(unix), allow(dead_code, reason = "only a unit is made there"))]
mod text;
mod unit;
#[cfg(unix)]
mod watchdog;

#[cfg(unix)]
pub use activation::Sockets;
#[cfg(unix)]
pub(crate) use connection::Systemd;
#[cfg(not(unix))]
pub(crate) use off::Systemd;
#[cfg(all(unix, feature = "fd-store"))]
pub use store::{forget, store};
pub use unit::Unit;
