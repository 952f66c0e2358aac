//! A setting among the services.

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
    health: Health,
    #[service(skip)]
    port: u16,
}

fn main() {
    let _ = Edge { health: Health, port: 1 }.into_daemon();
}
