//! A limit of zero for each run.

use rxd::{Context, Runner};

#[rxd::service(every = "5m", within = "0s")]
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
