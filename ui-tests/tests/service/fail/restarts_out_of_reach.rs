//! More restarts than the default back-off makes within the window.

use rxd::{Context, Runner};

#[rxd::service(restarts(max = 10, within = "1m"))]
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
