//! What a service is: its states, its options, its manager and its back-off. Nothing here knows tokio's tasks.

pub(crate) mod backoff;
pub(crate) mod duration;
pub mod manager;
pub(crate) mod options;
pub(crate) mod state;
