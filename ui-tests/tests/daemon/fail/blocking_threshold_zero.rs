//! A blocking threshold of zero.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon(blocking_threshold = "0s")]
struct Edge {
    health: Health,
}

fn main() {
    let edge = Edge { health: Health };
    let _ = edge.into_daemon();
}
