//! Two services with a fault each are two errors.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

#[rxd::service]
#[needs("helth")]
struct One;

#[rxd::service]
#[watch(any, entering, Exit, "health")]
struct Two;

#[rxd::daemon]
struct D {
    health: Health,
    one: One,
    two: Two,
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
runners!(Health One Two);

fn main() {
    let daemon = D { health: Health, one: One, two: Two };
    drop(daemon.into_daemon());
}
