//! A service of which the other is in Run only while the first is not.

use rxd::{Context, Runner};

#[rxd::service]
struct Primary;

#[rxd::service]
#[watch(any, not_in, Run, "primary")]
#[watch(any, entering, Run, "primary", then(stop))]
struct Standby;

#[rxd::service]
#[needs("primary", "standby")]
struct Api;

#[rxd::daemon]
struct D {
    primary: Primary,
    standby: Standby,
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
runners!(Primary Standby Api);

fn main() {
    let daemon = D { primary: Primary, standby: Standby, api: Api };
    drop(daemon.into_daemon());
}
