//! Declare a daemon on plain structs. Macros generate each service's state machine and the watches
//! between services, and the compiler rejects a service graph that cannot work.
//!
//! A daemon is a handful of long-lived services that must start in the right order, react to each
//! other's failures, restart after a failure, and stop cleanly. The central idea of rxd: **a
//! service's lifecycle is a signal.** A health check is a service that is in Run while its target
//! is healthy; other services watch it.
//!
//! To start, read the [guide](https://docs.rs/rxd/latest/rxd/docs/index.html): it begins with an
//! empty folder.
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
//! * A **service** is a struct with [methods](Runner), one for each state that it can be in. It
//!   owns its fields, and runs as one task.
//! * A **[manager](mod@manager)** is a table: which state follows when a method has returned `Ok`,
//!   and which when it has failed. Delays, back-off and limits are [`Options`].
//! * A **watch** asks about the states of other services. A *gate* holds its service back until the
//!   condition holds; a *reaction* stops or ends its service when it does; a *stream* lets the
//!   service's methods wait for it.
//! * A **[daemon]** is a struct of services. Their watches make the **[graph]**, which the compiler
//!   checks, and which gives the stop order.
//! * A **[handle](DaemonHandle)** is a running daemon, seen from outside: the state of every
//!   service, why it is in it, and requests to start, stop, restart and reload. [`Context`] is the
//!   same from inside.
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
//!          +-------------------- restart, with a delay ------------------------+
//!          v                                                                   |
//!        Init ----> Idle ----[gates]----> Run ----> Stop ----------------------+
//!          |          |                              ^ |
//!          +----------+-------- failed --------------+ +----> Exit
//! ```
//!
//! A state is *entered* when its method is about to be called, and *exited* when that has ended.
//! The [manager](mod@manager) then chooses the next state; the [`Options`] set the delays and
//! limits. A panic or an exceeded limit counts as a failure.
//!
//! One pass from Init to Stop is an *incarnation*. After it the service is *restarted*, or ends in
//! Exit.
//!
//! # The attributes
//!
//! | attribute | what it declares |
//! |---|---|
//! | [`#[rxd::service]`](service) | this type is a service: its name, manager, delays, limits |
//! | [`#[watch(..)]`](watch) | it waits for, or reacts to, the states of other services |
//! | [`#[needs("db")]`](needs) | it is in Run only while all of these are |
//! | [`#[after("migrate")]`](after) | it waits until all of these have ended after a successful Run |
//! | [`#[rxd::daemon]`](daemon) | the fields of this struct are the services of a daemon |
//!
//! [`graph`] lists what the compiler rejects, with the messages.
//!
//! # Features
//!
//! | feature | | |
//! |---|---|---|
//! | `macros` | default | the attributes, and [`manager!`] |
//! | `log` | default | `rxd::log`: a log level for each service, which can be changed at run time |
//! | `systemd` | default | `rxd::systemd`: readiness, status, watchdog pings, sockets, a unit file |
//! | `intracom` | default | `rxd::intracom`: typed publish/subscribe between services |
//! | `fd-store` | | `rxd::systemd::store`: file descriptors that outlive a restart of the process |
//! | `journald` | | sends logs to the journal, with their fields |
//! | `admin` | | `rxd::admin`: HTTP routes and a page for operators, on loopback or a Unix socket; the crate `rxdctl` is their command line |
//! | `axum` | | `rxd::http`: a service that serves an axum router, and drains when it stops |
//! | `cron` | | [`Schedule`]: services that run at set times, in a time zone |
//! | `probe` | | `rxd::probe`: health services that connect, request, or run a command |
//! | `process` | | `rxd::process`: a service that runs another program; waiting for orphans |
//! | `config-watch` | | [`Daemon::watch_config`]: a change of the configuration's file reloads |
//! | `unblock-signals` | | stop signals are delivered although the process that started this one has blocked them |
//! | `test-util` | | `rxd::testing`: fake services, paused time, and an invariant checker for recorded runs |
//!
//! # Runtimes
//!
//! A daemon runs in the tokio runtime it is started in, also a `current_thread` one; several
//! daemons can share a runtime. On a `current_thread` runtime, code that blocks in one service
//! delays all others, unless that service has a thread of its own: see [`BlockingRunner`].
//!
//! # Systems
//!
//! rxd runs on Linux (also as a static program for musl), macOS and other Unix systems, and Windows:
//! see [Windows and macOS](https://docs.rs/rxd/latest/rxd/docs/operating/index.html#windows-and-macos).
#![cfg_attr(docsrs, feature(doc_cfg))]

// First: its macros are for all that follow.
#[macro_use]
mod text;

#[cfg(feature = "admin")]
pub mod admin;
mod board;
#[cfg(feature = "cron")]
mod clock;
mod coop;
mod core;
mod daemon;
// The guide links to items of all these features, so it is built only with all of them.
#[cfg(all(
    any(doc, doctest),
    feature = "macros",
    feature = "intracom",
    feature = "admin",
    feature = "journald",
    feature = "fd-store",
    feature = "cron",
    feature = "probe",
    feature = "process",
    feature = "test-util"
))]
pub mod docs;
mod engine;
mod error;
mod escape;
mod exit;
pub mod graph;
mod handle;
#[cfg(feature = "axum")]
pub mod http;
mod in_span;
#[cfg(feature = "intracom")]
pub mod intracom;
pub mod launchd;
mod lifecycle;
#[cfg(feature = "log")]
pub mod log;
#[cfg(feature = "macros")]
mod macros;
mod monitor;
mod output;
mod panic;
mod platform;
#[cfg(feature = "probe")]
pub mod probe;
#[cfg(feature = "process")]
pub mod process;
mod race;
mod random;
mod report;
mod service;
mod shutdown;
mod signals;
mod spawn;
mod sync;
#[cfg(feature = "systemd")]
pub mod systemd;
#[cfg(not(feature = "systemd"))]
#[path = "systemd/off.rs"]
mod systemd;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
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
pub use daemon::added::reconcile::Reconciled;
pub use daemon::family::{Family, FromIndex};
pub use daemon::prestart;
pub use daemon::service::{Service, When};
pub use error::{AnyError, Cancelled, Error, LifecycleDone, Result, is_cancelled};
pub use graph::declaration::Declared;
pub use graph::{Effect, Graph, Mode};
pub use handle::DaemonHandle;
pub use handle::group::{GroupOutcome, ServiceGroup};
pub use lifecycle::cancel_cause::CancelCause;
pub use lifecycle::manager::{self, Manager};
#[cfg(feature = "cron")]
pub use lifecycle::options::recurrence::Schedule;
pub use lifecycle::options::recurrence::{Every, FirstRun, MissedRun};
pub use lifecycle::options::{Backoff, OnFailure, OnStale, Options, Readiness};
pub use lifecycle::state::{Action, Cause, Filter, State, Transition};
pub use platform::Signal;
pub use report::{Report, ServiceReport};
pub use service::configure::{ConfigPart, Configure};
pub use service::context::Context;
pub use service::provided::Provides;
pub use service::runner::Runner;
pub use service::thread::blocking::BlockingRunner;
pub use service::thread::blocking_context::BlockingContext;
pub use service::thread::local::LocalRunner;
pub use service::ticker::Ticker;
pub use watch::holding::HoldingReaction;
pub use watch::why::{ServiceDiagnosis, UnmetGate, Why};
pub use watch::{
    ByType, ServiceSelector, StateEvent, StateStream, WaitError, WaitFor, Watch, WatchEnded, WatchEvent, by_type,
};

#[cfg(feature = "macros")]
pub use macros::{after, daemon, needs, service, watch};
