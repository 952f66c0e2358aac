//! Odd, but legal: on its own, switched off, twice.

use rxd::{Context, Runner};

#[rxd::service]
struct A;

#[rxd::service]
#[needs(A)]
struct B;

#[rxd::daemon]
struct D {
    a: A,
    b: Option<B>,
    #[service(name = "c")]
    c: B,
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
    let daemon = D { a: A, b: Some(B), c: B };
    drop(daemon.into_daemon());
}
