//! A name as a byte string.

use rxd::{Context, Runner};

#[rxd::service(name = b"api")]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
