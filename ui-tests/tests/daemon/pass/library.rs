//! Services of a library in the daemon of a program.

use rxd::{Context, Runner};
use ui_tests::{Clock, Journal};

#[rxd::service]
#[needs("clock", ui_tests::Journal<u8>)]
struct Local;

impl Runner for Local {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    local: Local,
    clock: Clock,
    journal: Journal<u8>,
}

fn main() {
    let names: Vec<_> = Edge::GRAPH.nodes.iter().map(|node| node.name).collect();
    assert_eq!(names, ["local", "clock", "journal"]);
    let _ = Edge { local: Local, clock: Clock::default(), journal: Journal(1) }.into_daemon();
}
