//! A service type that no field of this daemon has.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

#[rxd::service]
struct Cache;

#[rxd::service]
#[needs(Cache)]
struct Api;

#[rxd::daemon]
struct D {
    db: Db,
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
    let daemon = D { db: Db, api: Api };
    drop(daemon.into_daemon());
}
