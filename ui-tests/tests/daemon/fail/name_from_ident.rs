//! A type whose name cannot be the name of a daemon.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Größe {
    health: Health,
}

fn main() {
    let edge = Größe { health: Health };
    let _ = edge.into_daemon();
}
