//! An alias of `Option`.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

impl Runner for Db {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

type Maybe<T> = Option<T>;

#[rxd::daemon]
struct Edge {
    db: Maybe<Db>,
}

fn main() {
    let _ = Edge { db: Some(Db) }.into_daemon();
}
