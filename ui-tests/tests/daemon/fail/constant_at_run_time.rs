//! A value that is known only at run time.

use rxd::{Context, Runner};
use std::time::Duration;

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn limit() -> Duration {
    Duration::from_secs(5)
}

#[rxd::daemon(shutdown_timeout = limit())]
struct Edge {
    health: Health,
}

fn main() {
    let edge = Edge { health: Health };
    let _ = edge.into_daemon();
}
