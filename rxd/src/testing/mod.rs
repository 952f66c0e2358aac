//! The test kit: a daemon in paused time, scripted fake services, and assertions about its trace.
//!
//! For tests of your own daemon. It needs the feature `test-util`.
//!
//! * [`Harness`] runs your daemon with [`FakeService`]s in place of what a test cannot have, or
//!   [one service](Harness::isolated) among fakes. The graph, the delays and the limits are the
//!   real ones. [`Running::set_behavior`] makes a fake fail, hang or panic while it runs.
//! * [`Trace`] is the ordered log of transitions that a daemon keeps. [`Trace::expect`] begins
//!   assertions about it.
//! * [`Explorer`] tries the orders in which some services may move, and shows the shortest sequence
//!   that leads to a condition that must never hold.
//! * [`Behavior::publish`] and [`Inbox`] replace publishers and subscribers of a topic.
//! * [`check_invariants`] checks a trace against rxd's guarantees. [`Running::wait`] calls it at
//!   the end of every test.
//!
//! ```
//! use rxd::testing::{Behavior, Harness, FakeService};
//! use rxd::{Daemon, Service, State};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! // Your own daemon: MyDaemon { .. }.into_daemon()
//! let daemon = Daemon::new("agent")
//!     .add(Service::new("db", FakeService::new()))
//!     .add(Service::new("api", FakeService::new()).needs(["db"]));
//!
//! // In a test: #[tokio::test(start_paused = true)]
//! let slow = Behavior::Ok.after(Duration::from_secs(5));
//! let test = Harness::new(daemon).fake("db", FakeService::new().on(State::Init, [slow])).start().await;
//! test.until("api", State::Run).await;
//! let ended = test.shutdown().await;
//!
//! ended.trace.expect("api").enters(State::Run).after("db").at(Duration::from_secs(5));
//! ended.trace.expect("api").enters(State::Exit).before("db");
//! # }
//! ```
//!
//! Run tests in tokio's paused time (`#[tokio::test(start_paused = true)]`). A test then takes no
//! real time, and the times in its trace are exact.
//!
//! # Checking every daemon of a test process
//!
//! Set the environment variable `RXD_CHECK_INVARIANTS=1`, for instance in `.cargo/config.toml`.
//! Every daemon of a process with this feature is then checked when it ends, or when its runtime is
//! dropped under it. If it broke a guarantee, the process writes what was wrong to stderr, and
//! aborts.
//!
//! * Of a run of more than 100,000 transitions, only the beginning is checked.
//! * `1` counts only in builds with debug assertions, so that no benchmark measures the check.
//!   `always` counts in every build.

mod behavior;
mod call_log;
mod expect;
mod explore;
mod fake;
mod harness;
#[cfg(feature = "intracom")]
mod topics;

pub use crate::trace::invariants::{Violation, check_invariants};
pub use crate::trace::rules::DeclaredRules;
pub use crate::trace::{Trace, TraceStep};
pub use behavior::Behavior;
pub use call_log::CallLog;
pub use expect::{Expect, Expected, StatesAt};
pub use explore::{Choice, Counterexample, Explored, Explorer};
pub use fake::{FakeService, ReloadingFake};
pub use harness::{Finished, Harness, Running};
#[cfg(feature = "intracom")]
pub use topics::Inbox;

/// Sets what the wall clock shows now, for the services of this thread's daemons that have a
/// [`Schedule`](crate::Schedule). From here on it advances with tokio's clock, also in paused time.
///
/// Set it again to test a clock that is set, or a machine that has slept. Without a call the clock
/// begins at the real time.
///
/// ```
/// use rxd::testing::{Harness, set_wall_clock};
/// use rxd::{Context, Daemon, Runner, Schedule, Service};
/// use std::time::{Duration, SystemTime};
///
/// struct Backup;
///
/// impl Runner for Backup {
///     async fn run(&mut self, _: &Context) -> rxd::Result {
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// // In a test: #[tokio::test(start_paused = true)]
/// set_wall_clock(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600)); // 2026-01-01 00:00 UTC
/// let service = Service::new("backup", Backup).schedule(Schedule::new("0 3 * * *"));
/// let test = Harness::new(Daemon::new("agent").add(service)).start().await;
/// test.until("backup", rxd::State::Run).await;
/// test.settle().await;
/// let why = test.handle().why("backup").unwrap().to_string();
/// assert_eq!(why, "backup in Run: next run in 3h, at 2026-01-01 03:00 UTC");
/// # test.shutdown().await;
/// # }
/// ```
#[cfg(feature = "cron")]
pub fn set_wall_clock(time: std::time::SystemTime) {
    crate::clock::set(time);
}

/// Has the jitter of all delays that this thread draws from now on depend on the seed only, so that
/// a run in paused time can be repeated exactly.
pub fn seed_jitter(seed: u64) {
    crate::random::seed(seed);
}
