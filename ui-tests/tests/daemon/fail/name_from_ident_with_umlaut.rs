//! A daemon whose type's name is not a name.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

impl Runner for Db {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct Dämon {
    db: Db,
}

fn main() {
    let _ = Dämon { db: Db }.into_daemon();
}
