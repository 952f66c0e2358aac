//! A limit of a gate that a macro passes on.

use rxd::{Context, Runner};

macro_rules! poller {
    ($value:expr) => {
        #[rxd::service]
        #[needs("db", within = $value)]
        struct Poller;
    };
}

poller!("0s");

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
