//! A cycle of three services, by three attributes.

use rxd::{Context, Runner};

#[rxd::service(manager = "until_success")]
#[needs("b")]
struct A;

#[rxd::service]
#[watch(any, entering, Run, "c", then(init))]
struct B;

#[rxd::service]
#[after("a")]
struct C;

#[rxd::service]
#[watch(any, entering, Run, "a")]
struct Outside;

#[rxd::daemon]
struct D {
    a: A,
    b: B,
    c: C,
    outside: Outside,
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
runners!(A B C Outside);

fn main() {
    let daemon = D { a: A, b: B, c: C, outside: Outside };
    drop(daemon.into_daemon());
}
