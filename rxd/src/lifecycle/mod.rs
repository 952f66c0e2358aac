//! What a service is: its states, its options, its manager, and its restarts.
//!
//! This is plain data with the rules about it. The engine acts on it, the macros make constants of
//! it, and the graph is checked against it. Nothing here spawns tasks, and only [`backoff`] reads
//! the clock.

pub(crate) mod backoff;
pub(crate) mod cadence;
#[cfg(feature = "cron")]
pub(crate) mod calendar;
pub(crate) mod cancel_cause;
pub(crate) mod duration;
pub mod manager;
pub(crate) mod options;
pub(crate) mod state;
