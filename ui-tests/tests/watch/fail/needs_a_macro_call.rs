//! A name made by a macro.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
#[rxd::needs(concat!("hea", "lth"))]
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
