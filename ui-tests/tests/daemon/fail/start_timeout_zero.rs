//! A start timeout of zero.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon(start_timeout = "0s")]
struct Edge {
    health: Health,
}

fn main() {
    let edge = Edge { health: Health };
    let _ = edge.health;
}
