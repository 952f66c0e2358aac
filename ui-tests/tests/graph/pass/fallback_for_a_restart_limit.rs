//! A service with a restart limit may end.

use rxd::{Context, Runner};

#[rxd::service(restarts(max = 3, within = "10s"))]
struct Primary;

#[rxd::service]
#[watch(any, entering, Exit, "primary")]
struct Fallback;

#[rxd::daemon]
struct D {
    primary: Primary,
    fallback: Fallback,
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
runners!(Primary Fallback);

fn main() {
    let daemon = D { primary: Primary, fallback: Fallback };
    drop(daemon.into_daemon());
}
