//! `lasts` on a stream.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, exited, Run, "health", stream(health), lasts = "3s")]
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
