//! Several services in one field that is not a `Vec`.

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
    health: [Health; 2],
}

fn main() {
    let _ = Edge { health: [Health, Health] }.into_daemon();
}
