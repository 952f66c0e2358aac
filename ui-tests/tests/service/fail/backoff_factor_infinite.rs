//! A constant `factor` that is infinite.

use rxd::{Context, Runner};

#[rxd::service(backoff(factor = f64::INFINITY))]
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
