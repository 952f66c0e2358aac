//! A service never leaves Exit by itself.

use rxd::{Context, Runner};

#[rxd::service(manager = "until_success")]
struct Job;

#[rxd::service]
#[watch(any, exited, Exit, "job")]
struct Cleaner;

#[rxd::daemon]
struct D {
    job: Job,
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
runners!(Job Cleaner);

fn main() {
    let daemon = D { job: Job, cleaner: Cleaner };
    drop(daemon.into_daemon());
}
