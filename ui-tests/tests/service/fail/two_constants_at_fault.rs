//! Two constants that are out of range.

use rxd::{Context, Runner};

const NONE: std::time::Duration = std::time::Duration::ZERO;

#[rxd::service(timeouts(Run = NONE), heartbeat = NONE)]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
