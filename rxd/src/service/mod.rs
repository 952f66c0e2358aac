//! What one service has: the trait of its methods, its context, its cancellation and its tasks.

mod cancel;
pub(crate) mod cancelled;
pub(crate) mod configure;
pub(crate) mod context;
pub(crate) mod function;
pub(crate) mod part;
pub(crate) mod provided;
pub(crate) mod runner;
pub(crate) mod tasks;
pub(crate) mod thread;
pub(crate) mod ticker;
