//! A manager's path that a macro passes on.

use rxd::{Context, Runner};

macro_rules! poller {
    ($value:path) => {
        #[rxd::service(manager($value))]
        struct Poller;
    };
}

poller!(untill_success);

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
