//! A stage that takes an argument.

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

async fn check_disk(_path: &str) -> rxd::Result {
    Ok(())
}

fn main() {
    let edge = Edge { health: Health };
    let _ = edge.into_daemon();
}
