//! Whichever of the two lets it in also takes it out.

use rxd::{Context, Runner};

#[rxd::service]
struct Primary;

#[rxd::service]
struct Standby;

#[rxd::service]
#[watch(any, entering, Run, "primary", "standby")]
#[watch(any, entering, Run, "standby", "primary", then(stop))]
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
