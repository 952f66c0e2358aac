//! A key of other systems for restarts.

use rxd::{Context, Runner};

#[rxd::service(restart = "always")]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
