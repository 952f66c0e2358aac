//! What ends after it has been needed, and not before.

use rxd::{Context, Runner};

#[rxd::service(manager = "until_success")]
struct Migrate;

#[rxd::service]
#[watch(any, entering, Exit, "migrate", then(exit))]
struct Progress;

#[rxd::service]
#[after("migrate")]
#[watch(any, exited, Run, "db", then(exit))]
#[needs("db")]
struct Api;

#[rxd::service]
#[needs("progress")]
struct Log;

#[rxd::service]
#[watch(any, entering, Exit, "api", then(exit))]
struct Db;

#[rxd::service]
#[watch(any, exited, Unknown, "db", then(exit))]
struct Banner;

#[rxd::daemon]
struct D {
    migrate: Migrate,
    progress: Progress,
    api: Api,
    log: Log,
    db: Db,
    banner: Banner,
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
runners!(Migrate Progress Api Log Db Banner);

fn main() {
    let daemon = D { migrate: Migrate, progress: Progress, api: Api, log: Log, db: Db, banner: Banner };
    drop(daemon.into_daemon());
}
