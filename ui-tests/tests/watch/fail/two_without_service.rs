//! Two watches without `#[rxd::service]`: one error.

use rxd::{Context, Runner};

#[rxd::watch(any, entering, Run, "health")]
#[rxd::needs("db")]
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
