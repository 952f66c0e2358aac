//! Declare a daemon on plain structs: the compiler generates each service's state machine, wires up
//! who watches whom, and rejects a service graph that could not work.
//!
//! A daemon is a handful of long-lived services that must start in the right order, notice each
//! other's trouble, come back after a failure, and stop cleanly. The idea at the heart of it: **a
//! service's lifecycle is a signal.** A health check is a service that is in Run while the thing is
//! healthy; everyone else watches that.
//!
//! The [guide](https://docs.rs/rxd/latest/rxd/docs/index.html) begins with an empty folder.
//!
//! ```no_run
//! use rxd::{Context, Runner};
//!
//! #[rxd::service]
//! struct Health;
//!
//! impl Runner for Health {
//!     async fn run(&mut self, cx: &Context) -> rxd::Result {
//!         cx.cancelled().await;
//!         Ok(())
//!     }
//! }
//!
//! #[rxd::service]
//! #[watch(any, entering, Run, "health")]           // hold me in Idle until health is in Run
//! #[watch(any, exited, Run, "health", then(stop))] // take me out of Run when health leaves it
//! struct Poller;
//!
//! impl Runner for Poller {
//!     async fn run(&mut self, cx: &Context) -> rxd::Result {
//!         cx.cancelled().await;
//!         Ok(())
//!     }
//! }
//!
//! #[rxd::daemon]
//! struct EdgeAgent {
//!     health: Health,
//!     poller: Poller,
//! }
//!
//! #[tokio::main]
//! async fn main() -> rxd::Result {
//!     EdgeAgent { health: Health, poller: Poller }.run().await?;
//!     Ok(())
//! }
//! ```
//!
//! # Concepts
//!
//! * A **service** is a struct with [methods](Runner), one for each state it can be in. It owns what is
//!   in its fields, and is one task.
//! * A **[manager](mod@manager)** is a table: where a service goes when a method has ended well, and
//!   where if not. Delays, back-off and limits are beside it, in [`Options`].
//! * A **watch** is about other services' states. As a *gate* it holds its service back, as a *reaction*
//!   it takes it out, as a *stream* it tells it.
//! * A **[daemon]** is a struct of services. Its watches make the **[graph]**, which the compiler
//!   checks, and from which the order of stopping is read.
//! * A **[handle](DaemonHandle)** is a running daemon, from outside: where everything is, why, and what
//!   is to become of it. [`Context`] is the same from inside.
//!
//! The graph of the daemon above, as `EdgeAgent::GRAPH` draws it for Mermaid or Graphviz:
//!
//! ```text
//!   +--------+   in Run: run (a gate)      +--------+
//!   | poller | --------------------------> | health |
//!   |        | - - - - - - - - - - - - - > |        |
//!   +--------+   left Run: stop            +--------+
//!
//!   start: health, poller                  stop: poller, health
//! ```
//!
//! # The lifecycle
//!
//! ```text
//!          +-------------------- comes round, with a delay --------------------+
//!          v                                                                   |
//!        Init ----> Idle ----[gates]----> Run ----> Stop ----------------------+
//!          |          |                              ^ |
//!          +----------+-------- failed --------------+ +----> Exit
//! ```
//!
//! Each state is *entered* when its method is about to be called and *exited* when it has ended.
//! Where a service goes from there is its [manager](mod@manager)'s to say; how it is paced and limited
//! is in its [`Options`]. A panic or a missed limit counts as a failure.
//!
//! # The words of an attribute
//!
//! | attribute | what it says |
//! |---|---|
//! | [`#[rxd::service]`](service) | this type is a service: its name, manager, delays, limits |
//! | [`#[watch(..)]`](watch) | hold me back until, or take me out when, others are somewhere |
//! | [`#[needs("db")]`](needs) | I am in Run while they all are |
//! | [`#[after("migrate")]`](after) | hold me back until they have ended well |
//! | [`#[rxd::daemon]`](daemon) | the fields of this struct are the services of a daemon |
//!
//! What the compiler refuses, and in which words, is in [`graph`].
//!
//! # Features
//!
//! | feature | | |
//! |---|---|---|
//! | `macros` | default | the attributes, and [`manager!`] |
//! | `log` | default | `rxd::log`: a level for each service, to be changed while it runs |
//! | `systemd` | default | `rxd::systemd`: readiness, status, an earned watchdog, sockets, a unit file |
//! | `journald` | | logs to the journal, with their fields |
//! | `admin` | | `rxd::admin`: routes and a page for operators, on loopback or a Unix socket; the crate `rxdctl` is their command line |
//! | `test-util` | | `rxd::testing`: services that do as they are told, and a judge of what came of it |
//!
//! # Runtimes
//!
//! A daemon runs in whatever tokio runtime it is started in, `current_thread` included; two may run
//! in one. Blocking code in one service holds up the others of a `current_thread` runtime.
//!
//! It runs on Unix.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "admin")]
pub mod admin;
mod board;
mod coop;
mod core;
mod daemon;
// Written for all that there is, so it is there if everything is.
#[cfg(all(
    any(doc, doctest),
    feature = "macros",
    feature = "admin",
    feature = "journald",
    feature = "systemd",
    feature = "test-util"
))]
pub mod docs;
mod engine;
mod error;
mod exit;
pub mod graph;
mod handle;
mod in_span;
pub mod intracom;
mod lifecycle;
#[cfg(feature = "log")]
pub mod log;
#[cfg(feature = "macros")]
mod macros;
mod monitor;
mod panic;
mod report;

mod service;
mod shutdown;
mod signals;
mod sync;
#[cfg(feature = "systemd")]
pub mod systemd;
#[cfg(not(feature = "systemd"))]
#[path = "systemd/off.rs"]
mod systemd;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
mod text;
#[cfg(any(test, feature = "test-util"))]
mod trace;
mod watch;

#[doc(hidden)]
pub mod __private;

#[cfg(all(doctest, feature = "macros"))]
#[doc = include_str!("../README.md")]
struct Readme;

pub use core::{ServiceState, States};
pub use daemon::Daemon;
pub use daemon::prestart;
pub use daemon::service::{Service, When};
pub use error::{AnyError, Cancelled, Error, LifecycleDone, Result, is_cancelled};
pub use graph::declaration::Declared;
pub use graph::{Effect, Graph, Mode};
pub use handle::DaemonHandle;
pub use lifecycle::manager::{self, Manager};
pub use lifecycle::options::{Backoff, OnFailure, Options};
pub use lifecycle::state::{Action, Cause, Filter, State, Transition};
pub use monitor::keeper::OnStale;
pub use report::{Report, ServiceReport};
pub use service::context::Context;
pub use service::runner::Runner;
pub use service::ticker::Ticker;
pub use signals::Signal;
pub use watch::why::{ServiceDiagnosis, UnmetGate, Why};
pub use watch::{
    ByType, ServiceSelector, StateEvent, StateStream, WaitError, WaitFor, Watch, WatchEnded, WatchEvent, by_type,
};

#[cfg(feature = "macros")]
pub use macros::{after, daemon, needs, service, watch};
