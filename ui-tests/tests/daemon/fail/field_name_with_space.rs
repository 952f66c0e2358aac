//! A name with a space.

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
    #[service(name = "the probe")]
    health: Health,
}

fn main() {
    let edge = Edge { health: Health };
    let _ = edge.health;
}
