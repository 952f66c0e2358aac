//! A number that a macro passes on.

use rxd::{Context, Runner};

macro_rules! poller {
    ($value:expr) => {
        #[rxd::service(backoff(jitter = $value))]
        struct Poller;
    };
}

poller!(1.5);

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
