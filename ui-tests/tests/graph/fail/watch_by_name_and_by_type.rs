//! One watch, written in two ways.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

#[rxd::service]
#[watch(any, entering, Run, "db")]
#[watch(any, entering, Run, Db)]
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
