//! A variant of the builder in place of a word.

use rxd::{Context, Runner};

#[rxd::service(on_failure = OnFailure::Shutdown)]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
