//! A state that a macro passes on.

use rxd::{Context, Runner};

macro_rules! poller {
    ($value:path) => {
        #[rxd::service]
        #[watch(any, entering, $value, "db")]
        struct Poller;
    };
}

poller!(Rum);

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
