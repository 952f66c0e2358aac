//! The limits of restarts without their keys.

use rxd::{Context, Runner};

#[rxd::service(restarts(5, "1m"))]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
