//! What one service is given: its declaration, its context, its cancellation and its tasks.

pub(crate) mod cancellation;
pub(crate) mod cancelled;
pub(crate) mod context;
pub(crate) mod declared;
pub(crate) mod tasks;
pub(crate) mod ticker;
pub(crate) mod tracker;
