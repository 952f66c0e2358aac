//! systemd's word for a weak dependency.

use rxd::{Context, Runner};

#[rxd::service(wants = "db")]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
