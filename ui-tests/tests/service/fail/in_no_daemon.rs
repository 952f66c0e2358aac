//! A service that is in no daemon: the compiler's own warning, at the type.

#![deny(dead_code)]

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Run, Health)]
struct Poller {
    client: u8,
}

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        self.client = 1;
        Ok(())
    }
}

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
}

fn main() {
    let _ = Edge { health: Health }.into_daemon();
}
