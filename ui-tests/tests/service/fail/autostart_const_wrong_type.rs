//! A constant of another type for `autostart`.

use rxd::{Context, Runner};

const OFF: u8 = 0;

#[rxd::service(autostart = OFF)]
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
