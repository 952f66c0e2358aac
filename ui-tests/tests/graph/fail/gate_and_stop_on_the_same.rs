//! A gate and a reaction `then(stop)` on one condition.

use rxd::{Context, Runner};

#[rxd::service]
struct Health;

#[rxd::service]
#[watch(all, entering, Run, "health")]
#[watch(any, entering, Run, "health", then(stop))]
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
