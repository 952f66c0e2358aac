//! A duration that is longer than a `Duration` can be.

use rxd::{Context, Runner};

#[rxd::service(delay = "999999999999999d")]
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
