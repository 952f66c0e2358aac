//! What became of a daemon.

use crate::board::Id;
use crate::error::Error;
use crate::lifecycle::options::daemon::FAILURE_STATUS;
use crate::lifecycle::state::{Cause, State};
use std::borrow::Cow;
use std::fmt;
use std::process::{ExitCode, Termination};

/// What became of a daemon and each of its services.
///
/// Returned from `main` it is the exit status: 0 if [`is_ok`](Report::is_ok), otherwise 1 or what
/// [`Daemon::exit_code`](crate::Daemon::exit_code) says.
///
/// ```
/// use rxd::{Cause, Context, Daemon, Options, Runner, Service};
/// use std::time::Duration;
///
/// struct Broken;
///
/// impl Runner for Broken {
///     async fn run(&mut self, _cx: &Context) -> rxd::Result {
///         Err("no such device".into())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> rxd::Result {
/// let sensor = Service::new("sensor", Broken).options(Options::DEFAULT.restarts(2, Duration::from_secs(60)));
/// let display = Service::new("display", Broken).needs(["sensor"]);
/// let report = Daemon::new("agent").add(sensor).add(display).start().await?.wait().await;
///
/// let failed: Vec<_> = report.failures().map(|ending| (&*ending.name, ending.cause)).collect();
/// assert_eq!(failed[0], ("sensor", Cause::Error));
/// assert_eq!(report.exit_code(), 1);
/// println!("{report}"); // daemon `agent` failed: service `sensor` failed after 2 restarts: no such device ..
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Report {
    pub(crate) daemon: Cow<'static, str>,
    pub(crate) reason: Option<ShutdownReason>,
    pub(crate) services: Vec<ServiceReport>,
    /// Those of them that gave up, in that order.
    pub(crate) order: Vec<u32>,
    pub(crate) exit_code: u8,
    /// The runtime was shut down under the daemon: nothing is known.
    pub(crate) lost: bool,
}

/// Why the daemon stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShutdownReason {
    /// Somebody asked for it through a handle.
    Requested,
    /// This signal arrived.
    Signal(i32),
    /// This service gave up, and that means the daemon does.
    Service(Id),
}

/// What became of one service.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceReport {
    /// The service's name.
    pub name: Cow<'static, str>,
    /// Why it is in Exit.
    pub cause: Cause,
    /// What its last failure said, whether it recovered from it or not.
    pub error: Option<String>,
    /// How many times it came round by itself.
    pub restarts: u32,
    /// Whether it gave up, and that counts.
    pub failed: bool,
    /// The state in which it did not end within its limits at shutdown; [`Exit`](State::Exit) if its value was
    /// still being dropped.
    pub abandoned_in: Option<State>,
    /// Whether it held its thread then: its code did not come to an `.await`.
    pub blocks: bool,
    /// Whether no thread of the runtime was free to stop it on: the code of other services held all of them.
    pub starved: bool,
}

impl Report {
    /// Every service, in the order they were declared.
    #[must_use]
    pub fn services(&self) -> &[ServiceReport] {
        &self.services
    }

    pub(crate) fn lost(daemon: Cow<'static, str>) -> Self {
        Report { daemon, reason: None, services: Vec::new(), order: Vec::new(), exit_code: FAILURE_STATUS, lost: true }
    }

    /// Those that gave up, in that order: the first cause first, those that needed it after it.
    pub fn failures(&self) -> impl Iterator<Item = &ServiceReport> {
        self.order.iter().filter_map(|&id| self.services.get(id as usize))
    }

    /// Those that did not end within their limits at shutdown.
    pub fn abandoned(&self) -> impl Iterator<Item = &ServiceReport> {
        self.services.iter().filter(|ending| ending.abandoned_in.is_some())
    }

    /// The number of the signal that stopped the daemon, if one did.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        match self.reason {
            Some(ShutdownReason::Signal(signal)) => Some(signal),
            _ => None,
        }
    }

    /// The exit status that says what became of the daemon: 0 if [`is_ok`](Report::is_ok).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.is_ok() { 0 } else { self.exit_code }
    }

    /// Whether no service gave up and none was abandoned.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        !self.lost && self.failures().next().is_none() && self.abandoned().next().is_none()
    }

    /// The report as a result: an error that holds it unless it [is ok](Report::is_ok).
    ///
    /// # Errors
    ///
    /// If a service gave up or was abandoned.
    pub fn into_result(self) -> Result<(), Error> {
        if self.is_ok() { Ok(()) } else { Err(Error::with_cause(self.to_string(), self)) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_ok() {
            return write!(f, "daemon `{}` ended well", self.daemon);
        }
        write!(f, "daemon `{}` failed", self.daemon)?;
        if self.lost {
            return f.write_str(": its tokio runtime was shut down before it had stopped");
        }
        for ServiceReport { name, cause, error, restarts, .. } in self.failures() {
            match (cause, error) {
                (Cause::Dependency, _) => write!(f, "\n  service `{name}` ended: a service that it depends on failed")?,
                (_, None) => write!(f, "\n  service `{name}` failed ({cause})")?,
                (_, Some(error)) => write!(f, "\n  service `{name}` failed after {restarts} restarts: {error}")?,
            }
        }
        for ServiceReport { name, abandoned_in, blocks, starved, .. } in self.abandoned() {
            write!(f, "\n  service `{name}` was abandoned: ")?;
            match (abandoned_in.unwrap_or_default(), blocks) {
                _ if *starved => f.write_str("no thread of the runtime was free to stop it on")?,
                (State::Exit, _) => f.write_str("dropping its value blocks its thread")?,
                (state, true) => write!(f, "it blocks its thread in {state}")?,
                (state, false) => write!(f, "it did not leave {state} within its limit")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

impl Error {
    /// What became of the daemon, if this is the error of one that ran.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.find::<Report>()
    }
}

impl Termination for Report {
    fn report(self) -> ExitCode {
        let code = self.exit_code();
        crate::exit::exit_within_limit(code);
        // Says what there is to say, the way `main` does.
        let _ = self.into_result().report();
        ExitCode::from(code)
    }
}
