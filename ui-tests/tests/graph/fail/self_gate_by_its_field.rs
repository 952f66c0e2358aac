//! A gate on the name that its own field has in this daemon.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Run, "front")]
struct Api;

#[rxd::daemon]
struct D {
    #[service(name = "front")]
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
runners!(Api);

fn main() {
    let daemon = D { api: Api };
    drop(daemon.into_daemon());
}
