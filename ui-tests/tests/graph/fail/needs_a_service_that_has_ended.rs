//! A service that ends with the one whose end the gate waits for.

use rxd::{Context, Runner};

#[rxd::service(manager = "until_success")]
struct Migrate;

#[rxd::service]
#[watch(any, entering, Exit, "migrate", then(exit))]
struct Progress;

#[rxd::service]
#[after("migrate")]
#[needs("progress")]
struct Api;

#[rxd::daemon]
struct D {
    migrate: Migrate,
    progress: Progress,
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
runners!(Migrate Progress Api);

fn main() {
    let daemon = D { migrate: Migrate, progress: Progress, api: Api };
    drop(daemon.into_daemon());
}
