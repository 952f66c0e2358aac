//! The handlers of the routes, one file for each subject.

pub(crate) mod actions;
pub(crate) mod added;
pub(crate) mod events;
pub(crate) mod families;
pub(crate) mod graph;
pub(crate) mod groups;
pub(crate) mod levels;
pub(crate) mod metrics;
mod metrics_writer;
pub(crate) mod probes;
mod series;
pub(crate) mod services;
pub(crate) mod shutdown;
