//! Neither alternative ever enters Exit.

use rxd::{Context, Runner};

#[rxd::service]
struct A;

#[rxd::service]
struct B;

#[rxd::service]
#[watch(any, entering, Exit, "a", "b")]
struct Cleaner;

#[rxd::daemon]
struct D {
    a: A,
    b: B,
    cleaner: Cleaner,
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
runners!(A B Cleaner);

fn main() {
    let daemon = D { a: A, b: B, cleaner: Cleaner };
    drop(daemon.into_daemon());
}
