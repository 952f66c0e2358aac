//! A field's name in place of the service's.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

impl Runner for Db {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
#[rxd::needs("database")]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    database: Db,
    poller: Poller,
}

fn main() {
    let _ = Edge { database: Db, poller: Poller }.into_daemon();
}
