//! A field that is not a service, in a daemon that is started.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    health: Health,
    port: u16,
}

fn main() {
    let edge = Edge { health: Health, port: 80 };
    let _ = edge.into_daemon();
}
