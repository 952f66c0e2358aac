//! An unknown key that is not near any other.

use rxd::{Context, Runner};

#[rxd::service(colour = "red")]
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
