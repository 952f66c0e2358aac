#![doc = include_str!("README.md")]

mod activation;
mod address;
mod notify;
mod outbox;
mod readiness;
mod reporter;
mod status;
mod store;
mod text;
mod unit;
mod watchdog;

pub use activation::Sockets;
pub use store::{forget, store};
pub use unit::Unit;

use crate::core::Core;
use crate::lifecycle::options::{Options, WatchdogOptions};
use crate::panic::emit;
use address::NotifyAddress;
use notify::Thread;
use readiness::Missing;
use reporter::Teller;
use std::sync::Arc;
use std::time::Duration;
use watchdog::{Feeder, Found, Turns};

/// A running daemon's line to the service manager. Without one it is nothing, and costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Systemd(Option<Line>);

#[derive(Debug)]
struct Line {
    teller: Arc<Teller>,
    turns: Arc<Turns>,
    /// Whether there is a watchdog to be fed.
    fed: bool,
    thread: Thread,
}

/// While it lives the daemon is not ready, whatever its services say.
#[derive(Debug)]
#[must_use = "dropped, it holds nothing up"]
pub(crate) struct Hold(Option<Arc<Teller>>);

impl Hold {
    /// What it stood for is there.
    pub(crate) fn release(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(teller) = &self.0 {
            teller.hold(false);
        }
    }
}

/// Says that the daemon stops, from whichever thread begins the stop.
#[derive(Debug)]
pub(crate) struct StoppingNotice(Option<Arc<Teller>>);

impl StoppingNotice {
    /// The daemon stops, within this time.
    pub(crate) fn stopping(&self, within: Duration) {
        if let Some(teller) = &self.0 {
            teller.stopping(within);
        }
    }
}

impl Systemd {
    /// Opens the line, if the environment says that there is one, and the daemon does not decline it
    /// (`watchdog_interval` of zero). `options` are the services', in order.
    pub(crate) fn begin<'a>(
        core: &Arc<Core>,
        declared: WatchdogOptions,
        options: impl Iterator<Item = &'a Options>,
    ) -> Self {
        if declared.interval == Some(Duration::ZERO) {
            return Systemd(None);
        }
        let address = match NotifyAddress::from_env() {
            None => return Systemd(None),
            Some(Ok(address)) => address,
            Some(Err(unusable)) => {
                emit!(WARN, target: "rxd", "the service manager is told nothing: {unusable}");
                return Systemd(None);
            }
        };
        let found = Found::from_env();
        let mismatch = found.mismatch(declared.interval);
        for warning in found.warning.iter().chain(&mismatch) {
            emit!(WARN, target: "rxd", "{warning}");
        }
        let turns = Arc::new(Turns::new());
        let fed = found.timeout.is_some();
        let feeder = found.timeout.map(|timeout| {
            let interval = watchdog::interval(timeout, declared.interval);
            Feeder::new(core.clone(), turns.clone(), timeout, interval)
        });
        let teller = Arc::new(Teller::new(core.clone(), Missing::new(options.copied())));
        let thread = match notify::spawn(address, feeder, teller.clone()) {
            Ok(thread) => thread,
            Err(error) => {
                emit!(WARN, target: "rxd", "the service manager is told nothing: failed to start a thread: {error}");
                return Systemd(None);
            }
        };
        Systemd(Some(Line { teller, turns, fed, thread }))
    }

    /// Holds READY back, until what this returns is dropped: one for each thing besides the
    /// services that must be there first.
    pub(crate) fn hold(&self) -> Hold {
        let teller = self.0.as_ref().map(|line| line.teller.clone());
        if let Some(teller) = &teller {
            teller.hold(true);
        }
        Hold(teller)
    }

    /// What is done before any service starts, and how long that takes at most; nothing is any more.
    pub(crate) fn before(&self, stage: &str, limit: Option<Duration>) {
        if let Some(line) = &self.0 {
            line.teller.before(stage, limit);
        }
    }

    /// Whether it looks for stale services, to feed a watchdog.
    pub(crate) fn pings_watchdog(&self) -> bool {
        self.0.as_ref().is_some_and(|line| line.fed)
    }

    /// The supervisor's loop has turned over: half of what a ping takes.
    pub(crate) fn answer_probe(&self) {
        if let Some(line) = &self.0 {
            line.turns.turned();
        }
    }

    /// A reload begins, and is over within this time.
    pub(crate) fn reloading(&self, within: Duration) {
        if let Some(line) = &self.0 {
            line.teller.reloading(within);
        }
    }

    /// The reload is over; what of it failed.
    pub(crate) fn reloaded(&self, failures: &[String]) {
        if let Some(line) = &self.0 {
            line.teller.reloaded(failures);
        }
    }

    /// How to say that the daemon stops.
    pub(crate) fn notice(&self) -> StoppingNotice {
        StoppingNotice(self.0.as_ref().map(|line| line.teller.clone()))
    }

    /// Tells what is left to be told, and leaves no thread behind.
    pub(crate) async fn finish(&mut self) {
        if let Some(mut line) = self.0.take() {
            line.teller.look();
            line.thread.finish().await;
        }
    }
}
