//! A service in an `Arc`.

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
    health: std::sync::Arc<Health>,
}

fn main() {
    let _ = Edge { health: Health.into() }.into_daemon();
}
