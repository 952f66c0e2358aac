//! To wait for a Stop is to wait for trouble.

use rxd::{Context, Runner};

#[rxd::service]
struct Primary;

#[rxd::service]
#[watch(any, entering, Stop, "primary")]
struct Fallback;

#[rxd::service]
#[watch(any, exited, Run, "primary", then(exit))]
struct Watcher;

#[rxd::daemon]
struct D {
    primary: Primary,
    fallback: Fallback,
    watcher: Watcher,
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
runners!(Primary Fallback Watcher);

fn main() {
    let daemon = D { primary: Primary, fallback: Fallback, watcher: Watcher };
    drop(daemon.into_daemon());
}
