//! A table without the macro, with a state that cannot follow.

use rxd::State::{Exit, Idle, Init, Run, Stop};
use rxd::manager::{Ended, Manager, Table};
use rxd::{Context, Runner};

#[derive(Default)]
struct Restarts;

impl Manager for Restarts {
    const TABLE: Table = Table::new([Idle, Stop], [Run, Stop], [Init, Stop], [Init, Exit]);

    fn next(&mut self, ended: Ended) -> rxd::State {
        Self::TABLE.next(ended.state, true)
    }
}

#[rxd::service(manager(Restarts))]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    poller: Poller,
}

fn main() {
    let _ = Edge { poller: Poller }.into_daemon();
}
