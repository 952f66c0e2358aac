//! The second of two names.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

#[rxd::service]
struct Cache;

#[rxd::service]
#[needs("db", "cahce")]
struct Api;

#[rxd::daemon]
struct D {
    db: Db,
    cache: Cache,
    api: Api,
}

macro_rules! runners {
    ($($service:ident)*) => {
        $(impl Runner for $service {
            async fn run(&mut self, _: &Context) -> rxd::Result {
                Ok(())
            }
        })*
    };
}
runners!(Db Cache Api);

fn main() {
    let daemon = D { db: Db, cache: Cache, api: Api };
    drop(daemon.into_daemon());
}
