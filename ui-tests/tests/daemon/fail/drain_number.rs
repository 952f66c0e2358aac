//! A number, where a time belongs.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon(drain = 5)]
struct Edge {
    health: Health,
}

async fn check_disk() -> rxd::Result {
    Ok(())
}

fn main() {
    let edge = Edge { health: Health };
    let _ = edge.into_daemon();
}
