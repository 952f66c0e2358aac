//! Tests of faults and guarantees. The number is in the name.
//!
//! Not every fault is a test here:
//!
//! | fault | why not |
//! |---|---|
//! | F6 | `panic = "abort"` ends the process at the first panic, so no test can observe more; documented |
//! | F26, second half | no manager can name another service: it returns a state of its own service |
//! | F27 | a manager is a function without its own thread of control, so it cannot block by not polling |
//! | F32, F33 | all timing is tokio's monotonic clock; only a service with a schedule reads the wall clock (`g26_..`, `scheduled`). Where that clock continues during a pause, `g57_..` |
//! | F36-F39 | these do not compile, and are tested in `ui-tests` |
//! | F71, the READY part | tested with the notifications of systemd |
//! | F76, F77 | a log sink belongs to the subscriber; tested with `rxd::log` |
//! | F78 | the daemon opens nothing while it runs; what the admin route opens is tested there |
//! | F79 | without the monitor's thread a daemon only loses the reports on blocking code; a failing timer or task spawn aborts in tokio and std |
//!
//! Most tests run on a `current_thread` runtime (F80), since paused time needs one. `f65_..` and
//! `f67_..` do so with real signals, `f17_..` with blocking code.
//!
//! A guarantee that is in no test's name is covered by tests of faults:
//!
//! | guarantee | shown by |
//! |---|---|
//! | G1 | every run, since each trace is checked; `g1_g6_..` for any manager; the board alone by loom |
//! | G2 | `g2_g3_any_outcome_..`, the chaos |
//! | G5 | `f1_..` to `f5_..`, and `tasks` |
//! | G7 | `f22_..` |
//! | G8 | the compiler refuses it; `start` refuses the same in the same words |
//! | G22 | every run, and the unit tests of the formula; `f35_..` for the jitter |
//! | G23 | `f31_..` |
//! | G24 | `f28_..` |
//! | G25 | `g25_..`, `f49_..`, `f42_..`, `restart_..` in `operators` |
//! | G26 | `g26_..`, and every run in paused time |
//! | G57 | `g57_..` in `heartbeat`; unit tests of each monitor; real processes in the tests of systemd |
//! | G27 to G32 | tested with the notifications of systemd |
//! | G60 | the builder's half `g60_..` in `options`; beside the attributes, key by key, in `ui-tests/tests/agree` |
//!
//! [`codes`] has a table of what programs outside the workspace have found, and of G50 to G62. A
//! test holds it complete.
//!
//! `rxd::testing` checks the trace of every run, also of daemons that a test starts itself. Time
//! is paused, except in tests of real signals or threads.

mod blocked;
mod chaos;
mod codes;
mod contexts;
mod cycles;
mod drain;
#[cfg(unix)]
mod ending;
mod errors;
mod evictions;
mod graph;
mod guarantees;
mod heartbeat;
mod kit;
#[cfg(unix)]
mod limits;
mod managers;
mod methods;
mod operators;
mod options;
mod periodic;
mod prestart;
#[cfg(unix)]
mod program;
mod promises;
mod reload;
mod requests;
mod restart;
#[cfg(unix)]
#[cfg(feature = "cron")]
mod scheduled;
mod signals;
mod stall;
mod table;
mod tasks;
mod u4_waiting;
mod user_code;
