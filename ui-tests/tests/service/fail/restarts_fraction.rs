//! A restart limit that is not a whole number.

use rxd::{Context, Runner};

#[rxd::service(restarts(max = 2.5, within = "1m"))]
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
