//! A method with a typo in its name.

use rxd::{Context, Runner};

#[rxd::service]
struct Poller {
    client: u8,
}

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }

    async fn stpo(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let poller = Poller { client: 1 };
    let _ = poller.client;
}
