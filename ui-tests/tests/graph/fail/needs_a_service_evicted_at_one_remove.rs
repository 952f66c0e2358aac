//! A service whose dependency needs a service that leaves Run as soon as it is in Run.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Run, "api", then(stop))]
struct Db;

#[rxd::service]
#[needs("db")]
struct Cache;

#[rxd::service]
#[needs("cache")]
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
