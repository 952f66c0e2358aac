//! A key of other systems for a dependency.

use rxd::{Context, Runner};

#[rxd::service(depends_on = ["db"])]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
