//! Both alternatives of a gate wait for its own service.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Run, "b", "c")]
struct A;

#[rxd::service]
#[needs("a")]
struct B;

#[rxd::service]
#[needs("a")]
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
