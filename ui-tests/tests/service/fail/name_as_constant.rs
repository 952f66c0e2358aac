//! A constant as a name.

use rxd::{Context, Runner};

const NAME: &str = "api";

#[rxd::service(name = NAME)]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
