//! A service that stops when another one, which waited for it, enters Run: a hand-over.

use rxd::{Context, Runner};

#[rxd::service]
#[watch(any, entering, Run, "new", then(stop))]
struct Old;

#[rxd::service]
#[watch(any, entering, Run, "old")]
struct New;

#[rxd::daemon]
struct D {
    old: Old,
    new: New,
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
runners!(Old New);

fn main() {
    let daemon = D { old: Old, new: New };
    drop(daemon.into_daemon());
}
