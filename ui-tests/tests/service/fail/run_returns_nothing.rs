//! A method that does not return a `Result`.

use rxd::{Context, Runner};

#[rxd::service]
struct Poller {
    client: u8,
}

impl Runner for Poller {
    async fn run(&mut self, _: &Context) {}
}

fn main() {
    let poller = Poller { client: 1 };
    let _ = poller.client;
}
