//! A service that ends after a successful run cannot run each period.

use rxd::{Context, Runner};

#[rxd::service(manager = "until_success", every = "5m")]
struct Poller;

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
    let _ = Edge { poller: Poller }.into_daemon();
}
