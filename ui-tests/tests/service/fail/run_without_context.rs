//! A method without its context.

use rxd::Runner;

#[rxd::service]
struct Poller {
    client: u8,
}

impl Runner for Poller {
    async fn run(&mut self) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let poller = Poller { client: 1 };
    let _ = poller.client;
}
