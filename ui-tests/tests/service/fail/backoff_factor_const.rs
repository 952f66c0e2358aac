//! A constant `factor` that is negative.

use rxd::{Context, Runner};

const FACTOR: f64 = -2.0;

#[rxd::service(backoff(factor = FACTOR))]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    poller: Poller,
}

fn main() {
    let edge = Edge { poller: Poller };
    let _ = edge.into_daemon();
}
