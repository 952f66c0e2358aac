//! `#[watch]` without `#[service]`, with rxd under another name.

extern crate core as rxd;
extern crate rxd as renamed;

use renamed::{Context, Runner};

#[renamed::watch(any, entering, Run, "health")]
#[renamed::needs("db")]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> renamed::Result {
        Ok(())
    }
}

fn main() {
    let _ = renamed::Service::new("poller", Poller);
}
