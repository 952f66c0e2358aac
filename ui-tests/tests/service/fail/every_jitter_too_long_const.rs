//! Constants: a jitter as long as the period.

use rxd::{Context, Runner};
use std::time::Duration;

const MOST: Duration = Duration::from_secs(30);

#[rxd::service(every = "30s", jitter = MOST)]
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
    let _ = Edge { poller: Poller }.into_daemon();
}
