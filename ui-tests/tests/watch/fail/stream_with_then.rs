//! A watch with both `stream` and `then`.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, exited, Run, "health", stream(health), then(stop))]
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
