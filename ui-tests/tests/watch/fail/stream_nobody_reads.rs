//! A stream that is never read: the compiler's own warning, at its name.

#![deny(dead_code)]

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, exited, Run, "health", stream(health))]
struct Poller {
    client: u8,
}

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        self.client = 1;
        Ok(())
    }
}

fn main() {
    let poller = Poller { client: 1 };
    assert_eq!(poller.client, 1);
}
