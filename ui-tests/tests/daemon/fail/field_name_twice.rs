//! The same name for two fields.

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
    #[service(name = "probe")]
    health: Health,
    #[service(name = "probe")]
    second: Health,
}

fn main() {
    let edge = Edge { health: Health, second: Health };
    let _ = (edge.health, edge.second);
}
