//! A running daemon, from outside its services.

use crate::board::Event;
use crate::core::{Command, Core, Reason, ServiceState, States};
use crate::error::{Error, Result};
use crate::graph::Mode;
use crate::report::Report;
use crate::state::{Action, Filter, State};
use crate::watch::{Names, StateStream, Watch, unknown_service};
use std::sync::Arc;
use tokio::sync::watch;

/// A running daemon. Clones are handles to the same one; dropping the last asks it to stop.
#[derive(Clone, Debug)]
#[must_use = "dropping the last handle stops the daemon"]
pub struct DaemonHandle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    core: Arc<Core>,
    report: watch::Receiver<Option<Report>>,
    /// Whether the daemon stops when this is dropped.
    keeps: bool,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.keeps {
            self.core.shut_down(Reason::Asked);
        }
    }
}

impl DaemonHandle {
    pub(crate) fn new(core: Arc<Core>, report: watch::Receiver<Option<Report>>) -> Self {
        DaemonHandle { shared: Arc::new(Shared { core, report, keeps: true }) }
    }

    /// A handle that does not keep the daemon running.
    #[cfg(feature = "admin")]
    pub(crate) fn observer(&self) -> Self {
        let Shared { core, report, .. } = &*self.shared;
        DaemonHandle { shared: Arc::new(Shared { core: core.clone(), report: report.clone(), keeps: false }) }
    }

    /// How the daemon's own [admin route](crate::Daemon::admin) stands, and where it listens.
    #[cfg(feature = "admin")]
    #[must_use]
    pub fn admin(&self) -> crate::admin::Listening {
        self.core().admin.get().map_or(crate::admin::Listening::Off, crate::admin::Server::listening)
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.shared.core
    }

    /// The daemon's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.core().daemon
    }

    /// Where every service is, at one instant.
    #[must_use]
    pub fn states(&self) -> States {
        self.core().states()
    }

    /// The last transitions, oldest first: as many as are kept.
    #[must_use]
    pub fn history(&self) -> Vec<ServiceState> {
        let core = self.core();
        let events: Vec<Event> = core.board.tail(0, |tail| tail.events().copied().collect());
        events.iter().map(|event| core.past(event)).collect()
    }

    /// Every transition of the services that the filter lets through, after a snapshot of them.
    ///
    /// # Errors
    ///
    /// If no service has one of the filter's names; the nearest is suggested.
    pub fn watch_states(&self, filter: Filter) -> Result<StateStream> {
        StateStream::new(self.core(), &filter)
    }

    /// Watches any of these services: level on creation, then every rising edge.
    ///
    /// # Errors
    ///
    /// If no service has one of the names; the nearest is suggested.
    pub fn watch_any(&self, action: Action, state: State, services: impl Names) -> Result<Watch> {
        Watch::new(self.core(), Mode::Any, action, state, services)
    }

    /// Watches all of these services at once: level on creation, then every rising edge.
    ///
    /// # Errors
    ///
    /// If no service has one of the names; the nearest is suggested.
    pub fn watch_all(&self, action: Action, state: State, services: impl Names) -> Result<Watch> {
        Watch::new(self.core(), Mode::All, action, state, services)
    }

    /// Waits until the service is in the state. Returns at once if it is.
    ///
    /// # Errors
    ///
    /// If no service has the name, or if it can be in that state no more: the message says why.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe; combine it with [`tokio::time::timeout`] for a deadline.
    pub async fn wait_for(&self, service: &str, state: State) -> Result {
        let mut watch = self.watch_any(Action::Entering, state, service)?;
        match watch.wait().await {
            Ok(_) => Ok(()),
            Err(never) => Err(Error::msg(format_args!("service `{service}` will not be in {}: {never}", state.name()))),
        }
    }

    /// Ends one service; returns when it is in Exit.
    ///
    /// # Errors
    ///
    /// If no service has the name.
    pub async fn stop(&self, service: &str) -> Result {
        self.request(service, Command::Stop).await
    }

    /// Starts a service that is in Exit anew; returns when its new life has begun. Does nothing to one that is not in Exit.
    ///
    /// # Errors
    ///
    /// If no service has the name, or the daemon is stopping.
    pub async fn start(&self, service: &str) -> Result {
        self.request(service, Command::Start).await
    }

    /// Takes one service through Stop and back to Init; returns when it has entered Init. Counts as no failure.
    ///
    /// # Errors
    ///
    /// If no service has the name, or it ended instead.
    pub async fn restart(&self, service: &str) -> Result {
        self.request(service, Command::Restart).await
    }

    /// Has one service reload; returns when it has. See [`Runner::reload`](crate::Runner::reload).
    ///
    /// # Errors
    ///
    /// If no service has the name, if it is not running, or what its `reload` returned.
    pub async fn reload(&self, service: &str) -> Result {
        self.request(service, Command::Reload).await
    }

    async fn request(&self, service: &str, command: Command) -> Result {
        let core = self.core();
        let id = core.id(service).ok_or_else(|| unknown_service(core, service))?;
        let reply = core.request(id, command);
        let over = || Error::msg(format_args!("daemon `{}` has ended", core.daemon));
        let mut report = self.shared.report.clone();
        tokio::select! {
            biased;
            reply = reply => reply.unwrap_or_else(|_| Err(over())),
            _ = report.wait_for(Option::is_some) => Err(over()),
        }
    }

    /// Asks the daemon to stop; returns at once. [`wait`](DaemonHandle::wait) for it to have done so.
    pub fn shutdown(&self) {
        self.core().shut_down(Reason::Asked);
    }

    /// Waits until the daemon has stopped, and tells what became of it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn wait(&self) -> Report {
        let mut report = self.shared.report.clone();
        let report = report.wait_for(Option::is_some).await.map(|report| (*report).clone());
        match report {
            Ok(Some(report)) => report,
            // The runtime was shut down under the daemon: nothing more is known.
            Ok(None) | Err(_) => Report { daemon: self.core().daemon.clone(), reason: None, services: Vec::new() },
        }
    }
}
