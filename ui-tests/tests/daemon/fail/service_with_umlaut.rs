//! A type whose name is none for a service, in a daemon: one error.

use rxd::{Context, Runner};

#[rxd::service]
struct Größe;

impl Runner for Größe {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon(name = "edge")]
struct Edge {
    size: Größe,
}

fn main() {
    let _ = Edge { size: Größe };
}
