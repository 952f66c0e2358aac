//! Ready-made health services: a service that is in Run while its target is healthy.
//!
//! [`Tcp`] connects, [`Http`] requests, [`Command`] runs a program. Each is a [`Runner`]:
//!
//! * In Idle it checks its target until that has passed often enough in a row. So the service enters
//!   Run only then, and its dependents wait for it.
//! * In Run it checks once each period. After enough failures in a row, `run` returns an error that
//!   names the target and the last cause. So the service leaves Run, its dependents stop, and after
//!   the back-off it checks in Idle again.
//!
//! A cancellation ends each check at once, also one of a host that never answers.
//!
//! ```
//! use rxd::{Daemon, Service, probe};
//! use std::time::Duration;
//! # use rxd::{Context, Runner};
//! # struct Api;
//! # impl Runner for Api {
//! #     async fn run(&mut self, cx: &Context) -> rxd::Result { cx.cancelled().await; Ok(()) }
//! # }
//!
//! let db = probe::Tcp::new("127.0.0.1:5432").period(Duration::from_secs(5));
//! let daemon = Daemon::new("agent")
//!     .add(Service::new("db-health", db))
//!     .add(Service::new("api", Api).needs(["db-health"]));
//! # let _ = daemon;
//! ```
//!
//! In a declared daemon, put the probe into a struct of yours, and have that delegate to it:
//!
//! ```
//! #[rxd::service(name = "db-health", delegate)]
//! struct DbHealth(rxd::probe::Tcp);
//!
//! #[rxd::daemon]
//! struct Agent {
//!     db_health: DbHealth,
//! }
//!
//! let agent = Agent { db_health: DbHealth(rxd::probe::Tcp::new("127.0.0.1:5432")) };
//! # let _ = agent.into_daemon();
//! ```
//!
//! # Defaults
//!
//! A check each 10 s, which may take 3 s; three failures in a row to leave Run, one success to enter
//! it.
//!
//! [`Runner`]: crate::Runner

mod checks;
mod command;
mod http;
mod tcp;

pub use command::Command;
pub use http::Http;
pub use tcp::Tcp;
