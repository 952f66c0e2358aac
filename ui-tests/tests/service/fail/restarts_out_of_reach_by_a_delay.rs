//! More restarts than the delay before Init leaves time for.

use rxd::{Context, Runner};

#[rxd::service(delay = "20s", restarts(max = 4, within = "1m"))]
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
