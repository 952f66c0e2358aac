//! A service of another crate with the name of one of this crate.

use rxd::{Context, Runner};
use ui_tests::Clock;

#[rxd::service(name = "clock")]
struct Timer;

impl Runner for Timer {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    timer: Timer,
    clock: Clock,
}

fn main() {
    let _ = Edge { timer: Timer, clock: Clock::default() }.into_daemon();
}
