//! A number without a unit that a macro passes on.

use rxd::{Context, Runner};

macro_rules! poller {
    ($value:literal) => {
        #[rxd::service(delay = $value)]
        struct Poller;
    };
}

poller!(5);

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
