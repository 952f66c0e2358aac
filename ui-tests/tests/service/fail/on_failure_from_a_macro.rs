//! A word that a macro passes on.

use rxd::{Context, Runner};

macro_rules! poller {
    ($value:expr) => {
        #[rxd::service(restarts(max = 1, within = "1m"), on_failure = $value)]
        struct Poller;
    };
}

poller!("exot");

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
