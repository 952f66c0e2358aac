//! The same state twice.

use rxd::{Context, Runner};

#[rxd::service(delays(Run = "1s", Stop = "1s", Run = "2s"))]
struct Poller {
    client: u8,
}

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let poller = Poller { client: 1 };
    assert_eq!(poller.client, 1);
}
