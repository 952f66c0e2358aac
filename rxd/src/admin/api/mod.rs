//! The routes, a file for each thing they are about.

pub(crate) mod actions;
pub(crate) mod events;
pub(crate) mod graph;
pub(crate) mod levels;
pub(crate) mod metrics;
pub(crate) mod probes;
pub(crate) mod services;
