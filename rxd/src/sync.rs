//! The primitives under the board: the standard library's, or loom's where its model is checked.

#[cfg(not(all(test, rxd_loom)))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

#[cfg(all(test, rxd_loom))]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
