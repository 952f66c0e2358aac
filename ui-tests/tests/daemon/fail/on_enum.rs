//! The attribute on an enum.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
enum Edge {
    One(Health),
}

fn main() {
    let Edge::One(health) = Edge::One(Health);
    let _ = Edge::One(health).into_daemon();
}
