//! A constant start timeout of zero.

use rxd::{Context, Runner};
use std::time::Duration;

#[rxd::service]
struct Health;

impl Runner for Health {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

const NONE: Duration = Duration::ZERO;

#[rxd::daemon(start_timeout = NONE)]
struct Edge {
    health: Health,
}

fn main() {
    let edge = Edge { health: Health };
    let _ = edge.into_daemon();
}
