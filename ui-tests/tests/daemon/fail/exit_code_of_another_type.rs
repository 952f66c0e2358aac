//! A constant that is not an exit status.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon(exit_code = CODE)]
struct Edge {
    health: Health,
}

const CODE: u32 = 3;

fn main() {
    let edge = Edge { health: Health };
    let _ = edge.into_daemon();
}
