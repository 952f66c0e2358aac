//! Fields without names.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge(Health);

fn main() {
    let edge = Edge(Health);
    let _ = edge.into_daemon();
}
