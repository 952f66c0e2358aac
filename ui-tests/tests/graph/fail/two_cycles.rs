//! Two cycles that share no service.

use rxd::{Context, Runner};

#[rxd::service]
#[needs("b")]
struct A;

#[rxd::service]
#[needs("a")]
struct B;

#[rxd::service]
#[needs("d")]
struct C;

#[rxd::service(name = "d")]
#[needs("c")]
struct D1;

#[rxd::daemon]
struct D {
    a: A,
    b: B,
    c: C,
    d1: D1,
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
runners!(A B C D1);

fn main() {
    let daemon = D { a: A, b: B, c: C, d1: D1 };
    drop(daemon.into_daemon());
}
