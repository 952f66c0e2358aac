//! Of two fields of one type, only the second waits for itself.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Run, "front")]
struct Api;

#[rxd::daemon]
struct D {
    #[service(name = "back")]
    back: Api,
    #[service(name = "front")]
    front: Api,
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
    let daemon = D { back: Api, front: Api };
    drop(daemon.into_daemon());
}
