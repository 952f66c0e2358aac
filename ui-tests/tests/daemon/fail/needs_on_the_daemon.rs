//! A dependency on the daemon in place of its service.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
#[needs("health")]
struct Edge {
    health: Health,
}

fn main() {
    let _ = Edge { health: Health }.into_daemon();
}
