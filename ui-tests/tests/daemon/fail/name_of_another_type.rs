//! A number as the constant name of a daemon.

use rxd::{Context, Runner};

const NUMBER: u32 = 5;

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon(name = NUMBER)]
struct Edge {
    health: Health,
}

fn main() {
    let _ = Edge { health: Health }.into_daemon();
}
