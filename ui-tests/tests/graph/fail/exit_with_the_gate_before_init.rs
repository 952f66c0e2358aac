//! A reaction to what the gate before Init waits for.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

#[rxd::service]
#[watch(any, entering, Run, "db", then(init))]
#[watch(any, entering, Run, "db", then(exit))]
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
