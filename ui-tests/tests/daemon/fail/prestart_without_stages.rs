//! A `prestart` that says only when it begins again.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon(prestart(restart = "10s"))]
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
