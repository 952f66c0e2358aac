//! A duration without quotes.

use rxd::{Context, Runner};

#[rxd::service(startup_delay = 1s)]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
