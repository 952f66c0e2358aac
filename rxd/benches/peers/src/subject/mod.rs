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
use std::time::{Duration, Instant};

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

/// A crate to which services are added while it runs, and from which they are removed.
pub trait ComeAndGo {
    /// Adds a service for each name, one after the other, and waits until all run. Then removes one
    /// after the other, and waits for the end of each. Returns when it began, when all ran, and when
    /// all had ended.
    fn come_and_go(names: Names, gate: Gate) -> impl Future<Output = [Instant; 3]>;
}

/// A body that ignores its cancellation.
pub async fn ignore(gate: &Gate) {
    gate.arrive();
    std::future::pending::<()>().await;
}
