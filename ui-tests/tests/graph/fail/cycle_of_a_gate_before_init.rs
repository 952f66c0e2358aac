//! A gate before Init on a service that waits for this one.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, exited, Init, "b", then(init))]
struct A;

#[rxd::service]
#[watch(any, entering, Idle, "a", then(init))]
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
