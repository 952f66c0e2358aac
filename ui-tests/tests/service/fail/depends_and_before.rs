//! Words of other systems for dependencies.

use rxd::{Context, Runner};

#[rxd::service(depends = "db", before = "api")]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
