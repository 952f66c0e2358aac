//! Three services take each other out of Run, in a cycle.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Run, "green", then(stop))]
struct Red;

#[rxd::service]
#[watch(any, not_in, Idle, "blue", then(stop))]
struct Green;

#[rxd::service]
#[watch(any, entering, Run, "red", then(stop))]
struct Blue;

#[rxd::daemon]
struct D {
    red: Red,
    green: Green,
    blue: Blue,
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
runners!(Red Green Blue);

fn main() {
    let daemon = D { red: Red, green: Green, blue: Blue };
    drop(daemon.into_daemon());
}
