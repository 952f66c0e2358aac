//! A word that says when the first run is due, and is none.

use rxd::{Context, Runner};

#[rxd::service(every = "5m", first = "at_start")]
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
