//! Two streams with the same name.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Run, "health", stream(health))]
#[watch(any, exited, Run, "health", stream(health))]
struct Poller {
    client: u8,
}

impl Runner for Poller {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let _: rxd::Watch = Self::health(cx);
        Ok(())
    }
}

fn main() {
    let poller = Poller { client: 1 };
    assert_eq!(poller.client, 1);
}
