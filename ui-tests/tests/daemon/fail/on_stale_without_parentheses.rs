//! A word after `=` instead of parentheses.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon(on_stale = restart)]
struct Edge {
    health: Health,
}

fn main() {
    let edge = Edge { health: Health };
    let _ = edge.into_daemon();
}
