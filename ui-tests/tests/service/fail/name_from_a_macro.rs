//! A name that a macro passes on.

use rxd::{Context, Runner};

macro_rules! poller {
    ($value:expr) => {
        #[rxd::service(name = $value)]
        struct Poller;
    };
}

poller!("my poller");

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
