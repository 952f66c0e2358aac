//! A continuous service never fails for good.

use rxd::{Context, Runner};

#[rxd::service(on_failure = "shutdown")]
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
