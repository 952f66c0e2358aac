//! Each ends the other: the first to be in Run stays.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Run, "slow", then(exit))]
struct Fast;

#[rxd::service]
#[watch(any, entering, Run, "fast", then(exit))]
struct Slow;

#[rxd::daemon]
struct D {
    fast: Fast,
    slow: Slow,
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
runners!(Fast Slow);

fn main() {
    let daemon = D { fast: Fast, slow: Slow };
    drop(daemon.into_daemon());
}
