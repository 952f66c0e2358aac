//! A reference that a service is to provide, and another one takes: one error.

use rxd::{Context, Runner};

#[rxd::service(provides(&u8))]
struct Db;

impl Runner for Db {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
#[needs(Db, value(db))]
struct Api;

impl Runner for Api {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let _ = Self::db(cx)?;
        Ok(())
    }
}

fn main() {
    let _ = (Db, Api);
}
