//! A service that is not to run, as an operator in `#[needs]`.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

impl Runner for Db {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[rxd::service]
#[needs(!Db)]
struct Standby;

impl Runner for Standby {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

fn main() {
    let _ = (Db, Standby);
}
