//! A service that is held before Run does not enter Stop.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Stop, "b")]
struct A;

#[rxd::service]
#[needs("a")]
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
