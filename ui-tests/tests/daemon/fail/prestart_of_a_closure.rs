//! A closure as a stage.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon(prestart(|| async { Ok(()) }))]
struct Edge {
    health: Health,
}

fn main() {
    let _ = Edge { health: Health }.into_daemon();
}
