//! `lasts` on an instant.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, changing, Run, "health", then(stop), lasts = "3s")]
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
