//! Two dependencies need services of which one is the standby of the other.

use rxd::{Context, Runner};

#[rxd::service]
struct Primary;

#[rxd::service]
#[watch(any, not_in, Run, "primary", then(init))]
#[watch(any, entering, Run, "primary", then(stop))]
struct Standby;

#[rxd::service]
#[needs("standby")]
struct Cache;

#[rxd::service]
#[needs("primary", "cache")]
struct Api;

#[rxd::daemon]
struct D {
    primary: Primary,
    standby: Standby,
    cache: Cache,
    api: Api,
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
runners!(Primary Standby Cache Api);

fn main() {
    let daemon = D { primary: Primary, standby: Standby, cache: Cache, api: Api };
    drop(daemon.into_daemon());
}
