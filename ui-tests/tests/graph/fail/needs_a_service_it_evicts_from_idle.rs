//! A service that leaves Run as soon as its dependent has left Idle for Run.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, not_in, Idle, "main", then(stop))]
struct Standby;

#[rxd::service]
#[needs("standby")]
struct Main;

#[rxd::daemon]
struct D {
    standby: Standby,
    main: Main,
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
runners!(Standby Main);

fn main() {
    let daemon = D { standby: Standby, main: Main };
    drop(daemon.into_daemon());
}
