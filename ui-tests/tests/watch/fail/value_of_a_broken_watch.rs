//! A typo beside a value that is used: its function exists all the same.

use rxd::{Context, Runner};

#[rxd::service(provides(u8))]
struct Db;

impl Runner for Db {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
#[needs(Db, value(db), witin = "1s")]
struct Api;

impl Runner for Api {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let _: u8 = Self::db(cx)?;
        Ok(())
    }
}

fn main() {
    let _ = (Db, Api);
}
