//! A one-shot ends by design; a service that needs it would end, too.

use rxd::{Context, Runner};

#[rxd::service(manager = "until_success")]
struct Migrate;

#[rxd::service]
#[needs("migrate")]
struct Api;

#[rxd::daemon]
struct D {
    migrate: Migrate,
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
runners!(Migrate Api);

fn main() {
    let daemon = D { migrate: Migrate, api: Api };
    drop(daemon.into_daemon());
}
