//! For tests: a daemon in paused time, services that do as they are told, and what to expect of them.
//!
//! * [`Harness`] runs your own daemon, with [`FakeService`]s in place of what a test cannot have, or one
//!   service [alone](Harness::isolated) among fakes. They are told by [`Running::set_behavior`] to fail, to
//!   hang, to panic; the graph, the delays and the limits are the real ones.
//! * [`Trace`] is the ordered log of transitions that a daemon keeps, and
//!   [`expect`](Trace::expect) says what is to be in it.
//! * [`Explorer`] tries the orders in which some services may move, and shows the shortest way to
//!   what should never be.
//! * [`Behavior::publish`] and [`Inbox`] stand in for those who publish and subscribe.
//! * [`judge`] holds a trace against what rxd promises: [`Running::wait`] asks it after every test.
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
//! Where the environment has `RXD_CHECK_INVARIANTS=1`, which `.cargo/config.toml` can see to, no test can forget
//! the judge: every daemon of a process with this feature is judged at its end, or where its runtime
//! is dropped under it, and one that broke a promise ends the process with what was wrong. Of a run of
//! more than 100,000 transitions it is the beginning. With `1` that is so in builds with debug assertions, so that no
//! benchmark measures the judge; with `always` in every build.
//!
//! Use tokio's paused time (`#[tokio::test(start_paused = true)]`): a test then takes no time at
//! all, and times in the log are exact.

mod behavior;
mod call_log;
mod expect;
mod explore;
mod fake;
mod harness;
mod invariants;
mod rules;
mod timeline;
mod topics;
mod trace;
mod witness;

pub use behavior::Behavior;
pub use call_log::CallLog;
pub use expect::{Expect, Expected, StatesAt};
pub use explore::{Choice, Counterexample, Explored, Explorer};
pub use fake::{FakeService, ReloadingFake};
pub use harness::{Finished, Harness, Running};
pub use invariants::{Violation, check_invariants};
pub use rules::DeclaredRules;
pub use topics::Inbox;
pub use trace::{Step, Trace};
pub(crate) use witness::{Witness, rules};
