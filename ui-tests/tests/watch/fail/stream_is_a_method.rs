//! A stream with the name of a method.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, exited, Run, "health", stream(health))]
struct Poller {
    client: u8,
}

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

impl Poller {
    fn health(&self) -> u8 {
        self.client
    }
}

fn main() {
    let poller = Poller { client: 1 };
    assert_eq!(poller.health(), 1);
}
