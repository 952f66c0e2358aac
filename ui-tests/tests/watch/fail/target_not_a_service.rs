//! A type that is not a service.

use rxd::{Context, Runner};

struct Plain;

#[rxd::service]
#[watch(any, entering, Run, Plain)]
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
