//! `#[after]` alone.

use rxd::{Context, Runner};

#[rxd::after("migrate")]
struct Poller {
    client: u8,
}

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    poller: Poller,
}

fn main() {
    let edge = Edge { poller: Poller { client: 1 } };
    let _ = edge.into_daemon();
}
