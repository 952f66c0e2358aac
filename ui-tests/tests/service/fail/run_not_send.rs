//! A method whose future is not `Send`.

use rxd::{Context, Runner};

#[rxd::service]
struct Poller {
    client: u8,
}

impl Runner for Poller {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let shared = std::rc::Rc::new(self.client);
        cx.cancelled().await;
        drop(shared);
        Ok(())
    }
}

fn main() {
    let poller = Poller { client: 1 };
    let _ = poller.client;
}
