//! A word that says what becomes of a missed run, and is none.

use rxd::{Context, Runner};

#[rxd::service(every = "5m", missed = "twice")]
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
