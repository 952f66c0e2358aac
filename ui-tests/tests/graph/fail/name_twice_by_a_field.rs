//! A field that takes the name of another.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

#[rxd::service]
struct Cache;

#[rxd::daemon]
struct D {
    db: Db,
    #[service(name = "db")]
    cache: Cache,
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
runners!(Db Cache);

fn main() {
    let daemon = D { db: Db, cache: Cache };
    drop(daemon.into_daemon());
}
