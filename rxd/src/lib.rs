//! Reactive services daemon.

#[cfg(feature = "admin")]
pub mod admin;
mod board;
mod children;
mod context;
mod core;
mod daemon;
mod engine;
mod error;
pub mod graph;
mod handle;
#[cfg(feature = "log")]
pub mod log;
pub mod manager;
mod options;
mod pace;
mod panic;
mod report;
mod service;
mod shutdown;
mod signals;
mod state;
mod supervisor;
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

#[cfg(feature = "macros")]
pub use rxd_macros::{after, daemon, needs, service, watch};
