//! A stage that is not an async function.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon(prestart(check_disk))]
struct Edge {
    health: Health,
}

fn check_disk() -> rxd::Result {
    Ok(())
}

fn main() {
    let edge = Edge { health: Health };
    let _ = edge.into_daemon();
}
