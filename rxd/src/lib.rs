//! Reactive services daemon.

mod context;
mod error;
pub mod graph;
pub mod intracom;
pub mod manager;
mod options;
mod service;
mod state;

#[doc(hidden)]
pub mod __private;

pub use context::Context;
pub use error::{Error, Result};
pub use graph::{Effect, Graph, Mode};
pub use manager::Manager;
pub use options::{Backoff, OnFailure, Options};
pub use service::{Declared, Runner};
pub use state::{Action, Cause, Filter, State, Transition};
