//! A constant heartbeat of zero.

use rxd::{Context, Runner};
use std::time::Duration;

const NONE: Duration = Duration::ZERO;

#[rxd::service(heartbeat = NONE)]
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
