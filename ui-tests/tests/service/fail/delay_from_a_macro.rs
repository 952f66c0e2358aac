//! A duration that a macro passes on.

use rxd::{Context, Runner};

macro_rules! poller {
    ($value:expr) => {
        #[rxd::service(delay = $value)]
        struct Poller;
    };
}

poller!("5 parsecs");

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
