//! Unknown names in two watches.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

impl Runner for Db {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
#[rxd::needs("bd")]
#[rxd::watch(any, exited, Run, "cahce", then(exit))]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    db: Db,
    poller: Poller,
}

fn main() {
    let _ = Edge { db: Db, poller: Poller }.into_daemon();
}
