//! A field's name, with an underscore, in place of the service's.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

impl Runner for Db {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
#[rxd::watch(any, not_in, Run, "main_db")]
struct Poller;

impl Runner for Poller {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    main_db: Option<Db>,
    poller: Poller,
}

fn main() {
    let _ = Edge { main_db: None, poller: Poller }.into_daemon();
}
