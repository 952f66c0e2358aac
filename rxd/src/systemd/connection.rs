//! A running daemon's connection to systemd: [`Systemd`] is made by `Daemon::start` and owned by the
//! supervisor.

use super::address::NotifyAddress;
use super::notify::{self, Notifier, NotifyHandle};
use super::readiness::PendingServices;
use super::reporter::StatusReporter;
use super::watchdog::{self, LoopProbe, WatchdogEnv, WatchdogPinger};
use crate::core::Core;
use crate::lifecycle::options::{Options, WatchdogOptions};
use crate::panic::emit;
use std::sync::Arc;
use std::time::Duration;

/// How long a unit may take to stop by default (systemd-system.conf(5), `DefaultTimeoutStopSec=`).
const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(90);

/// A running daemon's connection to systemd. Without one every method does nothing, and costs
/// nothing.
#[derive(Debug, Default)]
pub(crate) struct Systemd(Option<NotifyConnection>);

#[derive(Debug)]
struct NotifyConnection {
    reporter: Arc<StatusReporter>,
    probe: Arc<LoopProbe>,
    /// Whether there is a watchdog to be pinged.
    has_watchdog: bool,
    thread: NotifyHandle,
}

/// While it lives, `READY=1` is not sent, whatever the services do. Only a daemon that stops does
/// not wait for it.
#[derive(Debug)]
#[must_use = "READY=1 is held back only until it is dropped"]
pub(crate) struct ReadinessHold(Option<Arc<StatusReporter>>);

impl ReadinessHold {
    /// The part of the daemon that held `READY=1` back is ready.
    pub(crate) fn release(self) {}
}

impl Drop for ReadinessHold {
    fn drop(&mut self) {
        if let Some(reporter) = &self.0 {
            reporter.remove_hold();
        }
    }
}

/// Notifies systemd that the daemon stops, from whichever thread begins the stop.
#[derive(Debug)]
pub(crate) struct StoppingNotice(Option<Arc<StatusReporter>>);

impl StoppingNotice {
    /// The daemon stops, within this time.
    pub(crate) fn stopping(&self, within: Duration) {
        if let Some(reporter) = &self.0 {
            reporter.stopping(within);
        }
    }
}

impl Systemd {
    /// Connects, if the environment has a `NOTIFY_SOCKET` and the daemon does not declare a
    /// `watchdog_interval` of zero. `options` are those of all services, in order.
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
            Some(Err(error)) => {
                emit!(WARN, target: "rxd", "systemd notifications disabled: {error}");
                return Systemd(None);
            }
        };
        let env = WatchdogEnv::from_env();
        let mismatch = env.mismatch(declared.interval);
        for warning in env.warning.iter().chain(&mismatch) {
            emit!(WARN, target: "rxd", "{warning}");
        }
        let probe = Arc::new(LoopProbe::new());
        let has_watchdog = env.timeout.is_some();
        let pinger = env.timeout.map(|timeout| {
            let interval = watchdog::ping_interval(timeout, declared.interval);
            WatchdogPinger::new(core.clone(), probe.clone(), timeout, interval)
        });
        let notifier = Arc::<Notifier>::default();
        let pending = PendingServices::new(options.copied());
        let reporter = Arc::new(StatusReporter::new(core.clone(), notifier.clone(), pending));
        let look = {
            let reporter = reporter.clone();
            Box::new(move || reporter.look())
        };
        let thread = match notify::spawn(address, core.clone(), notifier, pinger, look) {
            Ok(thread) => thread,
            Err(error) => {
                emit!(
                    WARN, target: "rxd",
                    "systemd notifications disabled: failed to start the thread rxd-notify: {error}"
                );
                return Systemd(None);
            }
        };
        Systemd(Some(NotifyConnection { reporter, probe, has_watchdog, thread }))
    }

    /// Warns if systemd may end the process before the daemon has stopped, which takes this long at
    /// most: over the connection it is asked for the time, without one it cannot be.
    pub(crate) fn warn_of_long_stop(&self, stop: Duration) {
        // systemd.exec(5): set for each process of a unit.
        let is_of_unit = std::env::var_os("INVOCATION_ID").is_some();
        if self.0.is_none() && is_of_unit && stop >= DEFAULT_STOP_TIMEOUT {
            emit!(
                WARN, target: "rxd",
                "the daemon may take {stop:?} to stop, and its unit has no Type=notify: systemd kills it after its \
                 TimeoutStopSec=, by default {DEFAULT_STOP_TIMEOUT:?}; set that to at least {}s",
                stop.as_secs() + 5
            );
        }
    }

    /// Holds `READY=1` back until the returned value is dropped. To be called for each part besides
    /// the services that must be ready first.
    pub(crate) fn hold(&self) -> ReadinessHold {
        let reporter = self.0.as_ref().map(|connection| connection.reporter.clone());
        if let Some(reporter) = &reporter {
            reporter.add_hold();
        }
        ReadinessHold(reporter)
    }

    /// A prestart stage begins, and takes this long at most, if it has a limit.
    pub(crate) fn prestart_stage(&self, stage: &str, limit: Option<Duration>) {
        if let Some(connection) = &self.0 {
            connection.reporter.prestart_stage(stage, limit);
        }
    }

    /// A prestart stage has failed, and the first begins after this delay.
    pub(crate) fn prestart_restarts(&self, error: &dyn std::fmt::Display, delay: Duration) {
        if let Some(connection) = &self.0 {
            connection.reporter.prestart_restarts(&error.to_string(), delay);
        }
    }

    /// The start has failed before any service was started.
    pub(crate) fn start_failed(&self, error: &dyn std::fmt::Display) {
        if let Some(connection) = &self.0 {
            connection.reporter.start_failed(&error.to_string());
        }
    }

    /// The prestart stages are over: the services start.
    pub(crate) fn services_start(&self) {
        if let Some(connection) = &self.0 {
            connection.reporter.services_start();
        }
    }

    /// Whether its thread checks heartbeats, since it pings a watchdog.
    pub(crate) fn pings_watchdog(&self) -> bool {
        self.0.as_ref().is_some_and(|connection| connection.has_watchdog)
    }

    /// The supervisor's task has run: half of what earns a ping.
    pub(crate) fn answer_probe(&self) {
        if let Some(connection) = &self.0 {
            connection.probe.answer();
        }
    }

    /// A reload begins, and takes this long at most.
    pub(crate) fn reloading(&self, within: Duration) {
        if let Some(connection) = &self.0 {
            connection.reporter.reloading(within);
        }
    }

    /// The reload is over; `failures` is what failed of it.
    pub(crate) fn reloaded(&self, failures: &[String]) {
        if let Some(connection) = &self.0 {
            connection.reporter.reloaded(failures);
        }
    }

    /// The notice for the code that begins the stop.
    pub(crate) fn notice(&self) -> StoppingNotice {
        StoppingNotice(self.0.as_ref().map(|connection| connection.reporter.clone()))
    }

    /// Sends what is left to be sent, and ends the thread.
    pub(crate) async fn finish(&mut self) {
        if let Some(mut connection) = self.0.take() {
            connection.reporter.look();
            connection.thread.finish().await;
        }
    }
}
