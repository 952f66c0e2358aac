//! One test a fault, one test a guarantee: the number is in the name.
//!
//! Not every fault is a test here:
//!
//! | fault | why not |
//! |---|---|
//! | F6 | `panic = "abort"` ends the process at the first panic: there is no one left to look; documented |
//! | F26, second half | no manager can name another service: it returns a state of its own |
//! | F27 | a manager is asked and answers, it holds no thread of control: there is nothing it could not poll |
//! | F32, F33 | all timing is tokio's monotonic clock; nothing in the crate reads the wall clock (`g26_..`). Where that clock goes on during a pause, `g57_..` |
//! | F36-F39 | these do not compile, and are tried where the compiler is |
//! | F71, the READY part | what systemd is told is tried with what tells it |
//! | F76, F77 | a log sink is the subscriber's; tried with `rxd::log` |
//! | F78 | the daemon opens nothing while it runs; what the admin route opens is tried there |
//! | F79 | without its thread a daemon only loses the reports on blocking code; a failing timer or task spawn aborts in tokio and std |
//!
//! What is asked of a `current_thread` runtime (F80) most tests show, since paused time runs on one;
//! with real signals `f65_..` and `f67_..` do, with blocking code `f17_..`.
//!
//! A guarantee that is not in a test's name is shown by tests of faults:
//!
//! | guarantee | shown by |
//! |---|---|
//! | G1 | every run, since each is judged; `g1_g6_..` for any manager; the board alone by loom |
//! | G2 | `g2_g3_every_outcome_..`, the chaos |
//! | G5 | `f1_..` to `f5_..`, and `tasks` |
//! | G7 | `f22_..` |
//! | G8 | it does not compile; `start` refuses the same in the same words |
//! | G22 | every run, and the formula alone where it is; `f35_..` for its spread |
//! | G23 | `f31_..` |
//! | G24 | `f28_..` |
//! | G25 | `f49_..`, `f42_..`, `restart_..` in `operators` |
//! | G26 | `g26_..`, and that every run in paused time takes no other |
//! | G57 | `g57_..` in `heartbeat`; each looker alone where it is; real processes with what tells a service manager |
//! | G27 to G32 | what a service manager is told is tried with what tells it |
//! | G60 | the builder's half `g60_..` in `options`; beside the attributes, key by key, in `ui-tests/tests/agree` |
//!
//! What programs outside the workspace have found, and G50 to G62, have a table in [`codes`], which is held complete.
//!
//! Every run is judged by `rxd::testing`, also those that a test starts by itself. Time is paused except where real signals or threads are tried.

mod blocked;
mod chaos;
mod codes;
mod contexts;
mod cycles;
mod doors;
mod ending;
mod errors;
mod graph;
mod guarantees;
mod heartbeat;
mod kit;
mod limits;
mod managers;
mod methods;
mod operators;
mod options;
mod prestart;
mod program;
mod promises;
mod reload;
mod requests;
mod restart;
mod signals;
mod stall;
mod table;
mod tasks;
mod u4_waiting;
