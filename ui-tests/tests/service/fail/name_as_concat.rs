//! A name made by `concat!`.

use rxd::{Context, Runner};

#[rxd::service(name = concat!("a", "pi"))]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
