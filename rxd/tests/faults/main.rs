//! One test a fault, one test a guarantee: the number is in the name.
//!
//! Not every fault is a test here:
//!
//! | fault | why not |
//! |---|---|
//! | F6 | `panic = "abort"` ends the process at the first panic: there is no one left to look; documented |
//! | F26, second half | no manager can name another service: it returns a state of its own |
//! | F27 | a manager is asked and answers, it holds no thread of control: there is nothing it could not poll |
//! | F32, F33 | all timing is tokio's monotonic clock; nothing in the crate reads the wall clock (`g26_..`) |
//! | F36-F39 | these do not compile, and are tried where the compiler is |
//! | F71, the READY part | what systemd is told is tried with what tells it |
//! | F76, F77 | a log sink is the subscriber's; tried with `rxd::log` |
//! | F78 | the daemon opens nothing while it runs; what the admin route opens is tried there |
//! | F79 | without its thread a daemon only loses the reports on blocking code; a failing timer or task spawn aborts in tokio and std |
//!
//! Every run is judged by `rxd::testing`. Time is paused except where real signals or threads are tried.

mod chaos;
mod cycles;
mod graph;
mod guarantees;
mod kit;
mod managers;
mod methods;
mod operators;
mod prestart;
mod reload;
mod restart;
mod signals;
mod stall;
mod table;
