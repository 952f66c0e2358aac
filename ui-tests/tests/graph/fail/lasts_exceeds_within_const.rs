//! A constant `within` that ends before `lasts`.

use rxd::{Context, Runner};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

#[rxd::service]
#[watch(any, entering, Run, "db", lasts = "1m", within = LIMIT)]
struct Api;

impl Runner for Api {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
struct Db;

impl Runner for Db {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::daemon]
struct D {
    api: Api,
    db: Db,
}

fn main() {
    let edge = D { api: Api, db: Db };
    let _ = edge.into_daemon();
}
