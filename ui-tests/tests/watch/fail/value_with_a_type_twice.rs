//! The type of a service, twice.

use rxd::{Context, Runner};

#[derive(Clone)]
pub struct Pool;

#[rxd::service(provides(Pool))]
struct Db;

impl Runner for Db {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
#[needs(Db, value(pool, Db))]
struct Api;

impl Runner for Api {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
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
