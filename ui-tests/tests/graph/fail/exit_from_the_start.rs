//! A reaction that holds before anything has started.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

#[rxd::service]
#[watch(any, not_in, Run, "db", then(exit))]
struct Cleaner;

#[rxd::daemon]
struct D {
    db: Db,
    cleaner: Cleaner,
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
runners!(Db Cleaner);

fn main() {
    let daemon = D { db: Db, cleaner: Cleaner };
    drop(daemon.into_daemon());
}
