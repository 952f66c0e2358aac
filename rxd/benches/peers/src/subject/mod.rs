//! The subjects, each used as its own documentation says.

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

/// Names that live as long as the process, as literals do.
pub type Names = &'static [&'static str];

/// How long the wedge test gives a daemon to stop.
pub const DEADLINE: Duration = Duration::from_millis(500);

/// The result of stopping ten services of which one ignores its cancellation.
#[derive(Debug, Default)]
pub struct Wedged {
    /// The text its API returns at the end, if it returns one.
    pub message: String,
}

/// A crate that runs services.
pub trait Subject {
    /// The running services.
    type Running;

    /// Starts a service for each name. Each body arrives at the gate, and waits for its
    /// cancellation.
    fn start(names: Names, gate: Gate) -> impl Future<Output = Self::Running>;

    /// Stops all services, and waits until they have ended.
    fn stop(running: Self::Running) -> impl Future<Output = ()>;

    /// Runs one service that ends at once, and restarts it without delay until it has arrived at
    /// the gate as often as the gate counts.
    fn restart(gate: Gate) -> impl Future<Output = ()>;

    /// Starts ten services, the first of which ignores its cancellation. Stops them within
    /// [`DEADLINE`], and returns when they have stopped or the subject no longer waits.
    fn wedge(names: Names, gate: Gate) -> impl Future<Output = Wedged>;
}

/// A body that ignores its cancellation.
pub async fn ignore(gate: &Gate) {
    gate.arrive();
    std::future::pending::<()>().await;
}
