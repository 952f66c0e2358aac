//! How a daemon reports that it is alive.

use std::time::Duration;

/// What is declared about the watchdog.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(not(feature = "systemd"), allow(dead_code, reason = "there is nobody to report to"))]
pub(crate) struct Alive {
    /// How often to report it.
    pub(crate) report: Option<Duration>,
    /// What to do about a service without a heartbeat.
    pub(crate) on_stale: OnStale,
}

/// What happens when a service that declared a heartbeat has none, while it is in Run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStale {
    /// The watchdog is fed no more, and the service manager ends the process.
    #[default]
    Trigger,
    /// The service is restarted first. If that does not take it out of Run, or does not bring its
    /// heartbeat back, as `Trigger`.
    Restart,
}
