//! A gate before Run holds back no service that waits for an earlier state.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Init, "b")]
struct A;

#[rxd::service]
#[watch(any, entering, Idle, "a")]
struct B;

#[rxd::service]
#[watch(any, exited, Init, "a", then(init))]
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
