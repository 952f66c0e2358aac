//! A runner without `run`.

use rxd::{Context, Runner};

#[rxd::service]
struct Poller {
    client: u8,
}

impl Runner for Poller {
    async fn init(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let poller = Poller { client: 1 };
    assert_eq!(poller.client, 1);
}
