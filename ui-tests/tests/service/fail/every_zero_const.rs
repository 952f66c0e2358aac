//! A constant period of zero.

use rxd::{Context, Runner};
use std::time::Duration;

const NONE: Duration = Duration::ZERO;

#[rxd::service(every = NONE)]
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
