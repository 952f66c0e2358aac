//! The first watch is fine, the second closes a cycle.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

#[rxd::service]
#[needs("db")]
#[watch(all, exited, Idle, "b")]
struct A;

#[rxd::service]
#[needs("db")]
#[needs("a")]
struct B;

#[rxd::daemon]
struct D {
    db: Db,
    a: A,
    b: B,
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
runners!(Db A B);

fn main() {
    let daemon = D { db: Db, a: A, b: B };
    drop(daemon.into_daemon());
}
