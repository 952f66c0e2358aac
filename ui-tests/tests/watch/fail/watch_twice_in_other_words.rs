//! The same watch twice in other words: `all` of one service, and `then(run)` written out.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Run, "health")]
#[watch(all, entering, Run, "health", then(run))]
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
