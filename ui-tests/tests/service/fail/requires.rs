//! systemd's word for a dependency.

use rxd::{Context, Runner};

#[rxd::service(requires = "db")]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
