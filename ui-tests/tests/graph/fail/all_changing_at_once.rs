//! One always changes before the other.

use rxd::{Context, Runner};

#[rxd::service]
struct A;

#[rxd::service]
struct B;

#[rxd::service]
#[watch(all, changing, Run, "a", "b", then(stop))]
struct Api;

#[rxd::daemon]
struct D {
    a: A,
    b: B,
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
runners!(A B Api);

fn main() {
    let daemon = D { a: A, b: B, api: Api };
    drop(daemon.into_daemon());
}
