//! A cycle of targets that are written as paths.

use rxd::{Context, Runner};

#[rxd::service]
#[needs(B)]
struct A;

#[rxd::service]
#[needs(C)]
struct B;

#[rxd::service]
#[needs(A)]
struct C;

#[rxd::daemon]
struct D {
    a: A,
    b: B,
    c: C,
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
runners!(A B C);

fn main() {
    let daemon = D { a: A, b: B, c: C };
    drop(daemon.into_daemon());
}
