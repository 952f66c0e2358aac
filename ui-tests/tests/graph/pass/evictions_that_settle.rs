//! Taken out once, and in Run afterwards; or out of the way for as long as the other runs.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, exited, Init, "main", then(stop))]
struct Banner;

#[rxd::service]
#[needs("banner")]
struct Main;

#[rxd::service]
#[watch(any, not_in, Run, "green")]
#[watch(any, entering, Run, "green", then(stop))]
struct Blue;

#[rxd::service]
#[watch(any, entering, Run, "blue", then(stop))]
struct Green;

#[rxd::service(manager = "until_success")]
#[watch(any, entering, Run, "green", then(stop))]
struct Backup;

#[rxd::daemon]
struct D {
    banner: Banner,
    main: Main,
    blue: Blue,
    green: Green,
    backup: Backup,
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
runners!(Banner Main Blue Green Backup);

fn main() {
    let daemon = D { banner: Banner, main: Main, blue: Blue, green: Green, backup: Backup };
    drop(daemon.into_daemon());
}
