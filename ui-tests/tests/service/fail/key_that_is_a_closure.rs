//! A closure among the keys.

use rxd::{Context, Runner};

#[rxd::service(|| 5)]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
