//! A declared manager that never goes to Exit.

use rxd::manager::Table;
use rxd::{Context, Runner, State};

/// Round and round, whatever happens.
#[derive(Default)]
struct Round;

impl rxd::Manager for Round {
    const TABLE: Table = Table::new(
        [State::Idle, State::Stop],
        [State::Run, State::Stop],
        [State::Stop, State::Stop],
        [State::Init, State::Init],
    );
}

#[rxd::service(manager(Round))]
struct Db;

#[rxd::service]
#[watch(all, changing, Exit, "db")]
struct Cleaner;

#[rxd::daemon]
struct D {
    db: Db,
    cleaner: Cleaner,
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
runners!(Db Cleaner);

fn main() {
    let daemon = D { db: Db, cleaner: Cleaner };
    drop(daemon.into_daemon());
}
