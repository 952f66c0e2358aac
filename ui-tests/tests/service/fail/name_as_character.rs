//! A name in single quotes.

use rxd::{Context, Runner};

#[rxd::service(name = 'a')]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
