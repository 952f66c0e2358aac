//! Only gates can wait for each other.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, exited, Run, "b", then(stop))]
struct A;

#[rxd::service]
#[watch(any, exited, Run, "a", then(stop))]
#[watch(any, changing, Run, "a", stream(other))]
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
