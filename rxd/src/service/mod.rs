//! What one service is given: its declaration, its context, its cancellation and its tasks.

pub(crate) mod cancelled;
pub(crate) mod context;
pub(crate) mod runner;
pub(crate) mod tasks;
pub(crate) mod ticker;
