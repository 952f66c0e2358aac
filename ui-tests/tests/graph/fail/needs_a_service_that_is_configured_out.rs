//! A service behind a `#[cfg]` that is off.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

impl Runner for Db {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
#[rxd::needs("metrics")]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    db: Db,
    #[cfg(any())]
    metrics: Metrics,
    poller: Poller,
}

fn main() {
    let _ = Edge { db: Db, poller: Poller }.into_daemon();
}
