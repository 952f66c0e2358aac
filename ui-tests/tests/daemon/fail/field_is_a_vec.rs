//! Several services in one field.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    health: Vec<Health>,
}

fn main() {
    let _ = Edge { health: vec![Health] }.into_daemon();
}
