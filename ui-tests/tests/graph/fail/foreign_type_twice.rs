//! A type of another crate twice.

use rxd::{Context, Runner};
use ui_tests::Clock;

#[rxd::service]
struct Api;

impl Runner for Api {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    first: Clock,
    api: Api,
    second: Clock,
}

fn main() {
    let _ = Edge { first: Clock::default(), api: Api, second: Clock::default() }.into_daemon();
}
