//! `rxd::intracom` as loom sees it. See `tests/intracom.rs`.
#![cfg(loom)]
// `sync` also has the atomics of the rooms that are not here.
#![allow(rustdoc::all, missing_docs, unused_imports)]

#[path = "../../src/intracom/mod.rs"]
pub mod intracom;

#[path = "../../src/coop.rs"]
mod coop;

#[path = "../../src/sync.rs"]
mod sync;
