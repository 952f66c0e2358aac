//! `rxd::intracom` as loom sees it. See `tests/intracom.rs`.
#![cfg(loom)]
#![allow(rustdoc::all, missing_docs)]

#[path = "../../src/intracom/mod.rs"]
pub mod intracom;

#[path = "../../src/coop.rs"]
mod coop;

#[path = "../../src/sync.rs"]
mod sync;
