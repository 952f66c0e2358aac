//! `autostart` without a value.

use rxd::{Context, Runner};

#[rxd::service(autostart)]
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
