//! Two constants that are not valid.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

const CODE: u8 = 0;
const KEPT: usize = 0;

#[rxd::daemon(exit_code = CODE, history = KEPT)]
struct Edge {
    health: Health,
}

fn main() {
    let edge = Edge { health: Health };
    let _ = edge.into_daemon();
}
