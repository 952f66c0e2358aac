//! Each of the services takes the other out of Run.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Run, "blue", then(stop))]
struct Green;

#[rxd::service]
#[watch(any, entering, Run, "green", then(stop))]
struct Blue;

#[rxd::daemon]
struct D {
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
runners!(Green Blue);

fn main() {
    let daemon = D { green: Green, blue: Blue };
    drop(daemon.into_daemon());
}
