//! A constant `jitter` above 1.

use rxd::{Context, Runner};

const JITTER: f64 = 1.5;

#[rxd::service(backoff(base = "1s", jitter = JITTER))]
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
