//! A field that is not a service.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

struct Plain;

#[rxd::daemon]
struct Edge {
    health: Health,
    plain: Plain,
}

fn main() {
    let edge = Edge { health: Health, plain: Plain };
    let _ = (edge.health, edge.plain);
}
