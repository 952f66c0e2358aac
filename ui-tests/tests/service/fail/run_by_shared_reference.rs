//! A method that takes `&self`.

use rxd::{Context, Runner};

#[rxd::service]
struct Poller {
    client: u8,
}

impl Runner for Poller {
    async fn run(&self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let poller = Poller { client: 1 };
    let _ = poller.client;
}
