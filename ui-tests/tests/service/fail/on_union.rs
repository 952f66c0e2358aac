//! The attribute on a union.

use rxd::{Context, Runner};

#[rxd::service]
union Poller {
    client: u8,
    other: i8,
}

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let poller = Poller { client: 1 };
    let _ = poller;
}
