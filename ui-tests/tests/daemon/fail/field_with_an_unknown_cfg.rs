//! A `#[cfg]` of a feature that does not exist.
#![deny(unexpected_cfgs)]

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

impl Runner for Db {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Edge {
    #[cfg(feature = "metrics")]
    metrics: Db,
    db: Db,
    #[service(name = "other")]
    other: Db,
}

fn main() {
    let _ = Edge { db: Db, other: Db }.into_daemon();
}
