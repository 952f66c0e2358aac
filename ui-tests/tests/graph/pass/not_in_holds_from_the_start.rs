//! `not_in` waits for nothing.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(all, not_in, Run, "b")]
struct A;

#[rxd::service]
#[watch(all, not_in, Run, "a")]
struct B;

#[rxd::daemon]
struct D {
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
runners!(A B);

fn main() {
    let daemon = D { a: A, b: B };
    drop(daemon.into_daemon());
}
