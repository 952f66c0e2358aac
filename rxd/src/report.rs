//! The report that a daemon leaves: why it stopped, how each service ended, and the exit status.
//!
//! The supervisor or, if that gets no thread, the monitor builds it last of all; `run` and `wait`
//! return it.

use crate::board::Id;
use crate::error::Error;
use crate::lifecycle::options::daemon::FAILURE_STATUS;
use crate::lifecycle::state::{Cause, State};
use crate::text::add_item;
use std::borrow::Cow;
use std::fmt;
use std::process::{ExitCode, Termination};
use std::sync::Arc;

/// How a daemon and each of its services ended.
///
/// If `main` returns it, it writes what failed, as [`Daemon::main`](crate::Daemon::main) does, and
/// sets the exit status: 0 if [`is_ok`](Report::is_ok), otherwise 1 or the
/// one that [`Daemon::exit_code`](crate::Daemon::exit_code) sets.
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
/// let failed: Vec<_> = report.failures().map(|service| (&*service.name, service.cause)).collect();
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
    pub(crate) services: Arc<[ServiceReport]>,
    /// The places of the services that failed for good, in the order in which they failed.
    pub(crate) order: Vec<u32>,
    pub(crate) exit_code: u8,
    /// Why the start failed, if services were not ready in time.
    pub(crate) start_failure: Option<String>,
    /// The runtime was shut down before the daemon had stopped: nothing else is known.
    pub(crate) lost: bool,
}

/// Why the daemon stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShutdownReason {
    /// A handle or the admin route asked for it.
    Requested,
    /// This signal arrived.
    Signal(i32),
    /// This service failed for good, and its `on_failure` is `shutdown`.
    Service(Id),
    /// A service was not ready within the `start_timeout`.
    StartFailed,
}

/// How one service ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServiceReport {
    /// The service's name.
    pub name: Cow<'static, str>,
    /// Why it is in Exit.
    pub cause: Cause,
    /// The text of its last failure, even if the service has recovered from it.
    pub error: Option<String>,
    /// How many times it was restarted after a failure, or after Run had ended. Restarts by an
    /// operator or after a reaction are not counted.
    pub restarts: u32,
    /// Whether it failed for good and its [`OnFailure`](crate::OnFailure) is not `Ignore`. A
    /// service fails for good if it reaches its restart limit, if its manager ends it after a
    /// failure, or if a service that it depends on does.
    pub failed: bool,
    /// The state that it did not leave within its limits at shutdown; [`Exit`](State::Exit) if its
    /// value was still being dropped. `None` if it was not abandoned.
    pub abandoned_in: Option<State>,
    /// The names of its [tasks](crate::Context::spawn) that did not end within the limit, after its
    /// method had returned. They were aborted.
    pub tasks: Vec<Arc<str>>,
    /// Whether it blocked its thread then: its code did not reach an `.await`.
    pub blocks: bool,
    /// Whether no thread of the runtime was free to stop it on: the code of other services blocked
    /// all of them.
    pub starved: bool,
}

impl Report {
    /// Every service, in the order of their declaration, and then those that were added and not
    /// removed.
    #[must_use]
    pub fn services(&self) -> &[ServiceReport] {
        &self.services
    }

    pub(crate) fn lost(daemon: Cow<'static, str>) -> Self {
        Report {
            daemon,
            reason: None,
            services: Arc::default(),
            order: Vec::new(),
            exit_code: FAILURE_STATUS,
            start_failure: None,
            lost: true,
        }
    }

    /// The services that failed for good and whose [`OnFailure`](crate::OnFailure) is not `Ignore`,
    /// in the order in which they failed: a service comes before those that depend on it.
    pub fn failures(&self) -> impl Iterator<Item = &ServiceReport> {
        self.order.iter().filter_map(|&id| self.services.get(id as usize))
    }

    /// The services that did not end within their limits at shutdown.
    pub fn abandoned(&self) -> impl Iterator<Item = &ServiceReport> {
        self.services.iter().filter(|service| service.abandoned_in.is_some())
    }

    /// The number of the signal that stopped the daemon, if one did.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        match self.reason {
            Some(ShutdownReason::Signal(signal)) => Some(signal),
            _ => None,
        }
    }

    /// The exit status for this report: 0 if [`is_ok`](Report::is_ok).
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.is_ok() { 0 } else { self.exit_code }
    }

    /// Why the start failed, if services were not ready within the
    /// [`start_timeout`](crate::Daemon::start_timeout): which, and what they waited for.
    #[must_use]
    pub fn start_failure(&self) -> Option<&str> {
        self.start_failure.as_deref()
    }

    /// Whether the start has not failed, there are no [`failures`](Report::failures), and no service was
    /// abandoned.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        !self.lost
            && self.start_failure.is_none()
            && self.failures().next().is_none()
            && self.abandoned().next().is_none()
    }

    /// Turns the report into a result, for `?`. [`Error::report`] finds the report in the error.
    ///
    /// # Errors
    ///
    /// If a service failed for good, or was abandoned, or the start failed.
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
        if let Some(text) = &self.start_failure {
            write!(f, "\n  start failed: {text}")?;
        }
        for ServiceReport { name, cause, error, restarts, .. } in self.failures() {
            match (cause, error) {
                (Cause::Dependency, Some(root)) => write!(f, "\n  service `{name}` ended: {root}")?,
                (Cause::Dependency, None) => {
                    write!(f, "\n  service `{name}` ended: a service that it depends on failed")?
                }
                (_, None) => write!(f, "\n  service `{name}` failed ({cause})")?,
                (_, Some(error)) => match restarts {
                    1 => write!(f, "\n  service `{name}` failed after 1 restart: {error}")?,
                    _ => write!(f, "\n  service `{name}` failed after {restarts} restarts: {error}")?,
                },
            }
        }
        for ServiceReport { name, abandoned_in, tasks, blocks, starved, .. } in self.abandoned() {
            write!(f, "\n  service `{name}` was abandoned: ")?;
            if !tasks.is_empty() {
                let mut names = String::new();
                tasks.iter().for_each(|task| add_item(&mut names, &format!("`{task}`")));
                write!(f, "its tasks did not end within its limit: {names}")?;
                continue;
            }
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
    /// The report of the daemon, if this is the error of a daemon that had started.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        self.find::<Report>()
    }
}

impl Termination for Report {
    fn report(self) -> ExitCode {
        let code = self.exit_code();
        crate::exit::exit_within_limit(code);
        if !self.is_ok() {
            crate::output::last_error(&self.to_string());
        }
        ExitCode::from(code)
    }
}
