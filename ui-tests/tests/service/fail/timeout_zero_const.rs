//! A constant timeout of zero.

use rxd::{Context, Runner};
use std::time::Duration;

const NONE: Duration = Duration::ZERO;

#[rxd::service(timeouts(Init = "5s", Stop = NONE))]
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
