//! An `Option` field counts as present.

use rxd::{Context, Runner};

#[rxd::service]
#[needs("b")]
struct A;

#[rxd::service]
#[needs("a")]
struct B;

#[rxd::daemon]
struct D {
    a: A,
    b: Option<B>,
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
    let daemon = D { a: A, b: Some(B) };
    drop(daemon.into_daemon());
}
