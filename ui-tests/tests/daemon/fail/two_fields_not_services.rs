//! Two fields that are not services.

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
    host: String,
}

fn main() {
    let edge = Edge { health: Health, port: 80, host: String::new() };
    let _ = (edge.health, edge.port, edge.host);
}
