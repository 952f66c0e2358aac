//! A constant `base` that is longer than the default of `max`.

use rxd::{Context, Runner};
use std::time::Duration;

const FIRST: Duration = Duration::from_secs(31);

#[rxd::service(backoff(base = FIRST))]
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
