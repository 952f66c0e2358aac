//! The value of a service that provides none.

use rxd::{Context, Runner};

#[derive(Clone)]
pub struct Pool;

#[rxd::service]
struct Db;

impl Runner for Db {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
#[needs(Db, value(pool))]
struct Api;

impl Runner for Api {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let _ = Self::pool(cx)?;
        Ok(())
    }
}

#[rxd::daemon]
struct App {
    db: Db,
    api: Api,
}

fn main() {
    let _ = App { db: Db, api: Api }.into_daemon();
}
