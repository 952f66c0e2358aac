//! A reaction to a state that its target never enters.

use rxd::manager::Table;
use rxd::{Context, Runner, State};

/// Inits and stops, and never runs.
#[derive(Default)]
struct Prepare;

impl rxd::Manager for Prepare {
    const TABLE: Table = Table::new(
        [State::Idle, State::Exit],
        [State::Stop, State::Exit],
        [State::Stop, State::Stop],
        [State::Exit, State::Exit],
    );
}

#[rxd::service(manager(Prepare))]
struct Prep;

#[rxd::service]
#[watch(any, entering, Run, "prep", then(stop))]
struct Api;

#[rxd::daemon]
struct D {
    prep: Prep,
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
runners!(Prep Api);

fn main() {
    let daemon = D { prep: Prep, api: Api };
    drop(daemon.into_daemon());
}
