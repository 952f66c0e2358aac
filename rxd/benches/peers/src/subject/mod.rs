//! Who does the work: each subject the way its own documentation says to do it.

pub mod floor;
pub mod graceful;
pub mod kameo;
pub mod ractor;
pub mod rxd;
pub mod supervised;
pub mod task_supervisor;

use crate::gate::Gate;
use std::future::Future;
use std::time::Duration;

/// Names that live for as long as the process: what literals are.
pub type Names = &'static [&'static str];

/// How long the wedge test gives a daemon to stop.
pub const DEADLINE: Duration = Duration::from_millis(500);

/// What became of ten services of which one ignores that it was told to stop.
#[derive(Debug, Default)]
pub struct Wedged {
    /// The text its API returns at the end, if it returns one.
    pub said: String,
}

/// One that keeps services running.
pub trait Subject {
    /// What is running.
    type Running;

    /// Starts a service for each name; each body arrives at the gate, and waits to be told to end.
    fn start(names: Names, gate: Gate) -> impl Future<Output = Self::Running>;

    /// Ends them all, and waits until they have ended.
    fn stop(running: Self::Running) -> impl Future<Output = ()>;

    /// Runs one service that ends at once, and has it started again without delay until it has
    /// arrived at the gate as often as that wants.
    fn restart(gate: Gate) -> impl Future<Output = ()>;

    /// Ten services, the first of which (`wedged`) ignores that it is told to end: starts them, has
    /// them stop within [`DEADLINE`], returns when they have or the subject gives up.
    fn wedge(names: Names, gate: Gate) -> impl Future<Output = Wedged>;
}

/// A body that is told to end and does not.
pub async fn ignore(gate: &Gate) {
    gate.arrive();
    std::future::pending::<()>().await;
}
