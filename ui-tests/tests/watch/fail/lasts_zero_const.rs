//! A constant `lasts` of zero.

use rxd::{Context, Runner};
use std::time::Duration;

const NONE: Duration = Duration::ZERO;

#[rxd::service]
#[watch(any, exited, Run, "health", then(stop), lasts = NONE)]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    poller: Poller,
    health: Health,
}

fn main() {
    let edge = Edge { poller: Poller, health: Health };
    let _ = edge.into_daemon();
}
