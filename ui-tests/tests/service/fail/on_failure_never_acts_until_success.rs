//! Nor does a one-shot, which tries until it succeeds.

use rxd::{Context, Runner};

#[rxd::service(manager = "until_success", backoff(base = "1s"), on_failure(shutdown))]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct D {
    poller: Poller,
}

fn main() {
    drop(D { poller: Poller }.into_daemon());
}
