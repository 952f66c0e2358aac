//! A daemon whose services are all configured out.

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
    #[cfg(any())]
    db: Db,
    #[cfg(not(all()))]
    other: Db,
}

fn main() {
    let _ = (Edge {}.into_daemon(), Db);
}
