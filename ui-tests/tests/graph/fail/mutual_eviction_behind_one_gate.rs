//! Each takes the other out, and both wait for the same.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

#[rxd::service]
#[needs("db")]
#[watch(any, entering, Run, "blue", then(stop))]
struct Green;

#[rxd::service]
#[watch(any, entering, Run, "green", then(stop))]
#[needs("db")]
struct Blue;

#[rxd::daemon]
struct D {
    db: Db,
    green: Green,
    blue: Blue,
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
runners!(Db Green Blue);

fn main() {
    let daemon = D { db: Db, green: Green, blue: Blue };
    drop(daemon.into_daemon());
}
