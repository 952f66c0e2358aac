//! Reactive services daemon.

mod board;
mod children;
mod context;
mod core;
mod daemon;
mod engine;
mod error;
pub mod graph;
mod handle;
pub mod manager;
mod options;
mod pace;
mod panic;
pub mod prestart;
mod report;
mod service;
mod shutdown;
mod signals;
mod stall;
mod state;
mod supervisor;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
mod watch;

#[doc(hidden)]
pub mod __private;

pub use context::Context;
pub use core::{ServiceState, States};
pub use daemon::Daemon;
pub use error::{Cancelled, Error, LifecycleDone, Result, is_cancelled};
pub use graph::{Effect, Graph, Mode};
pub use handle::DaemonHandle;
pub use manager::Manager;
pub use options::{Backoff, OnFailure, Options};
pub use report::{Ending, Report};
pub use service::{Declared, Runner, Service, When};
pub use signals::Signal;
pub use state::{Action, Cause, Filter, State, Transition};
pub use watch::{Met, Names, Never, StateEvent, StateStream, Watch};
