//! An `Option` of a type that is not a service.

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
    port: Option<u16>,
}

fn main() {
    let edge = Edge { health: Health, port: None };
    let _ = (edge.health, edge.port);
}
