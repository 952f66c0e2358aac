//! The package as a name.

use rxd::{Context, Runner};

#[rxd::service(name = env!("CARGO_PKG_NAME"))]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
