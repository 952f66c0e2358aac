//! The same, with constants.

use rxd::{Context, Runner};

const MOST: u32 = 4_000_000_000;
const LIMIT: std::time::Duration = std::time::Duration::from_secs(90);

#[rxd::service(backoff(base = "1s", factor = 1.0, jitter = 0.0), restarts(max = MOST, within = LIMIT))]
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
