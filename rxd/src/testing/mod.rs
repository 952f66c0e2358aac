//! For tests: services that do as they are told, and a judge of what came of it.
//!
//! Every promise about a lifecycle is a statement about the ordered log of transitions that a
//! daemon keeps. [`judge`] is one pure function over that log ([`Trace`]) and what was declared
//! ([`Rules`]); it knows nothing of the engine, and says which guarantee was broken, where, and
//! what the log around it looks like. Run it after every test that runs a daemon:
//!
//! ```
//! use rxd::testing::{Act, Puppet, Rules, Trace};
//! use rxd::{Daemon, Service, State};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> rxd::Result {
//! let daemon = Daemon::new("agent")
//!     .signals([])
//!     .add(Service::new("db", Puppet::new().on(State::Init, [Act::Fail, Act::Ok])))
//!     .add(Service::new("api", Puppet::new()).needs(["db"]));
//! let rules = Rules::of(&daemon).exact();
//! let handle = daemon.start().await?;
//! handle.wait_for("api", State::Run).await?;
//! handle.shutdown();
//! let report = handle.wait().await;
//! Trace::of(&handle).assert(&rules);
//! assert!(report.is_ok());
//! # Ok(())
//! # }
//! ```
//!
//! Use tokio's paused time (`start_paused = true`): a test then takes no time at all, and times in
//! the log are exact. For a run with more than a thousand transitions ask for a longer
//! [`history`](crate::Daemon::history).

mod judge;
mod puppet;
mod rules;
mod trace;

pub use judge::{Violation, judge};
pub use puppet::{Act, Probe, Puppet, Reloading};
pub use rules::Rules;
pub use trace::{Step, Trace};
