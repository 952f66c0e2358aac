//! A daemon with a lifetime parameter.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge<'a> {
    health: &'a Health,
}

fn main() {
    let edge = Edge { health: &Health };
    let _ = edge.into_daemon();
}
