//! A number of more digits than any type has.

use rxd::{Context, Runner};

#[rxd::service(restarts(max = 99999999999999999999999, within = "1m"))]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
