//! Two services that wait for each other.

use rxd::{Context, Runner};

#[rxd::service]
#[needs("api")]
struct Db;

#[rxd::service]
#[needs("db")]
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
runners!(Db Api);

fn main() {
    let daemon = D { db: Db, api: Api };
    drop(daemon.into_daemon());
}
