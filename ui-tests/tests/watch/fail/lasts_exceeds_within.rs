//! `lasts` longer than `within`.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Run, "health", lasts = "1m", within = "30s")]
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
