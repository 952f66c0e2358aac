//! Constants: a `max` that is shorter than `base`.

use rxd::{Context, Runner};
use std::time::Duration;

const LONGEST: Duration = Duration::from_secs(1);

#[rxd::service(backoff(base = "10s", max = LONGEST))]
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
