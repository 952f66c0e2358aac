//! A standby, and services that run with any of the two, or once both have run.

use rxd::{Context, Runner};

#[rxd::service]
struct Primary;

#[rxd::service]
#[watch(any, not_in, Run, "primary")]
#[watch(any, entering, Run, "primary", then(stop))]
struct Standby;

#[rxd::service]
#[watch(any, entering, Run, "primary", "standby")]
#[watch(all, not_in, Run, "primary", "standby", then(stop))]
struct Api;

#[rxd::service]
#[watch(all, entering, Run, "primary", "standby")]
struct HandOver;

#[rxd::daemon]
struct D {
    primary: Primary,
    standby: Standby,
    api: Api,
    handover: HandOver,
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
runners!(Primary Standby Api HandOver);

fn main() {
    let daemon = D { primary: Primary, standby: Standby, api: Api, handover: HandOver };
    drop(daemon.into_daemon());
}
