//! The same, where a gate and a reaction stand for `needs`.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Run, "main", then(stop))]
struct Standby;

#[rxd::service]
#[watch(any, exited, Run, "standby", then(stop))]
#[watch(all, entering, Run, "standby")]
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
