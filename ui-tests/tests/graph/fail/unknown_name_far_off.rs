//! A name that resembles no other.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

#[rxd::service]
#[watch(any, entering, Run, "database")]
struct Poller;

#[rxd::daemon]
struct D {
    health: Health,
    poller: Poller,
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
runners!(Health Poller);

fn main() {
    let daemon = D { health: Health, poller: Poller };
    drop(daemon.into_daemon());
}
