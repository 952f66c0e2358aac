//! A reserved name.

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
    #[service(name = "_rxd.health")]
    health: Health,
}

fn main() {
    let edge = Edge { health: Health };
    let _ = edge.into_daemon();
}
