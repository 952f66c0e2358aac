//! A type that two fields have: which one is meant?

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

#[rxd::service]
#[needs(Db)]
struct Api;

#[rxd::daemon]
struct D {
    #[service(name = "primary")]
    primary: Db,
    #[service(name = "replica")]
    replica: Db,
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
runners!(Db Api);

fn main() {
    let daemon = D { primary: Db, replica: Db, api: Api };
    drop(daemon.into_daemon());
}
