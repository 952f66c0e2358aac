//! A state as the value of the action.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
#[rxd::watch(any, entering = Run, "health")]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    health: Health,
    poller: Poller,
}

fn main() {
    let _ = Edge { health: Health, poller: Poller }.into_daemon();
}
