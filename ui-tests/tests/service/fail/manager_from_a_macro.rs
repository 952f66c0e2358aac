//! A manager that a macro passes on.

use rxd::{Context, Runner};

macro_rules! poller {
    ($value:literal) => {
        #[rxd::service(manager = $value)]
        struct Poller;
    };
}

poller!("forever");

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = Poller;
}
