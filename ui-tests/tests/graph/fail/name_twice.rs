//! Two services with one name.

use rxd::{Context, Runner};

#[rxd::service]
struct Db;

#[rxd::service(name = "db")]
struct Other;

#[rxd::daemon]
struct D {
    db: Db,
    other: Other,
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
runners!(Db Other);

fn main() {
    let daemon = D { db: Db, other: Other };
    drop(daemon.into_daemon());
}
