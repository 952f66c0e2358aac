//! A constant with a space as the name of a daemon.

use rxd::{Context, Runner};

const NAME: &str = "edge agent";

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon(name = NAME)]
struct Edge {
    health: Health,
}

fn main() {
    let _ = Edge { health: Health }.into_daemon();
}
