//! Reactive services daemon.

mod alive;
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
mod reload;
mod report;
mod service;
mod shutdown;
mod signals;
mod state;
mod supervisor;
#[cfg(feature = "systemd")]
pub mod systemd;
#[cfg(not(feature = "systemd"))]
#[path = "systemd/off.rs"]
mod systemd;
mod watch;

#[doc(hidden)]
pub mod __private;

pub use alive::OnStale;
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
