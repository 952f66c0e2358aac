//! A conditional name of a field.

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
    #[cfg_attr(all(), service(name = "main-db"))]
    db: Db,
}

fn main() {
    let _ = Edge { db: Db }.into_daemon();
}
