//! One type twice, and only one of them renamed to what the other is called.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

#[rxd::service]
struct Api;

#[rxd::daemon]
struct D {
    one: Db,
    api: Api,
    two: Db,
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
    let daemon = D { one: Db, api: Api, two: Db };
    drop(daemon.into_daemon());
}
