//! A service whose future stays on its thread.

use rxd::{Context, Runner};
use std::rc::Rc;

#[rxd::service]
struct Poller {
    client: Rc<u8>,
}

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let poller = Poller { client: Rc::new(1) };
    assert_eq!(*poller.client, 1);
}
