//! A running daemon, from outside its services.

use crate::board::Id;
use crate::core::{Core, ServiceCommand, ServiceState, States};
use crate::error::Error;
use crate::graph::Mode;
use crate::intracom::Intracom;
use crate::lifecycle::state::{Action, Filter, State};
use crate::panic;
use crate::report::{Report, ShutdownReason};
use crate::watch::why::Why;
use crate::watch::{ServiceSelector, StateStream, WaitFor, Watch, unknown_service};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// A running daemon. Clones are handles to the same one; dropping the last asks it to stop.
///
/// A handle from [`Context::daemon`](crate::Context::daemon) does not keep the daemon running.
#[derive(Clone, Debug)]
#[must_use = "dropping the last handle stops the daemon"]
pub struct DaemonHandle {
    inner: Arc<HandleInner>,
}

#[derive(Debug)]
struct HandleInner {
    core: Arc<Core>,
    /// Whether the daemon stops when this is dropped.
    stops_on_drop: bool,
    /// The service whose context it is from: it cannot wait for itself.
    service: Option<Id>,
}

impl Drop for HandleInner {
    fn drop(&mut self) {
        if self.stops_on_drop {
            self.core.shut_down(ShutdownReason::Requested);
        }
    }
}

/// Waits for this long; for ever where there is no runtime to wait by.
async fn passed(limit: Duration) {
    match Handle::try_current() {
        Ok(_) => tokio::time::sleep(limit).await,
        Err(_) => std::future::pending().await,
    }
}

impl DaemonHandle {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        DaemonHandle { inner: Arc::new(HandleInner { core, stops_on_drop: true, service: None }) }
    }

    /// The handle of a service's context, which does not keep the daemon running.
    pub(crate) fn of_service(core: Arc<Core>, service: Id) -> Self {
        DaemonHandle { inner: Arc::new(HandleInner { core, stops_on_drop: false, service: Some(service) }) }
    }

    /// A handle to the same daemon that does not keep it running.
    #[cfg(feature = "admin")]
    pub(crate) fn observer(&self) -> Self {
        let HandleInner { core, service, .. } = &*self.inner;
        DaemonHandle { inner: Arc::new(HandleInner { core: core.clone(), stops_on_drop: false, service: *service }) }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.inner.core
    }

    /// The daemon's name: the struct's in kebab-case (`edge-agent`), or the one the builder was given.
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
        core.board.history().iter().map(|event| core.past(event)).collect()
    }

    /// Every transition of the services that the filter lets through, after a snapshot of them.
    ///
    /// # Errors
    ///
    /// If no service has one of the filter's names; the nearest is suggested.
    pub fn watch_states(&self, filter: Filter) -> Result<StateStream, Error> {
        StateStream::new(self.core(), &filter)
    }

    /// Watches any of these services: level on creation, then every rising edge.
    ///
    /// # Errors
    ///
    /// If no service has one of the names; the nearest is suggested.
    pub fn watch_any(&self, action: Action, state: State, services: impl ServiceSelector) -> Result<Watch, Error> {
        Watch::new(self.core(), Mode::Any, action, state, &services)
    }

    /// Watches all of these services at once: level on creation, then every rising edge.
    ///
    /// # Errors
    ///
    /// If no service has one of the names; the nearest is suggested.
    pub fn watch_all(&self, action: Action, state: State, services: impl ServiceSelector) -> Result<Watch, Error> {
        Watch::new(self.core(), Mode::All, action, state, &services)
    }

    /// Waits until the service is in the state; of several, until all of them are at once. Returns
    /// at once if that is so.
    ///
    /// # Errors
    ///
    /// If no service has the name; if it can be in that state no more, since it has exited or the
    /// daemon has ended; or if it is not [within](WaitFor::within) the limit, if one is given.
    /// The message says why, and [`Error::find`] finds a [`WaitError`](crate::WaitError) in it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: to drop the future is to stop waiting.
    ///
    /// ```
    /// # use rxd::{Context, Daemon, Runner, Service, State};
    /// # use std::time::Duration;
    /// # struct Quiet;
    /// # impl Runner for Quiet {
    /// #     async fn run(&mut self, cx: &Context) -> rxd::Result {
    /// #         cx.cancelled().await;
    /// #         Ok(())
    /// #     }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> rxd::Result {
    /// # let daemon = Daemon::new("d").add(Service::new("db", Quiet)).add(Service::new("api", Quiet));
    /// let handle = daemon.start().await?;
    /// handle.wait_for("db", State::Run).await?;
    /// handle.wait_for(["db", "api"], State::Run).within(Duration::from_secs(5)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_for(&self, services: impl ServiceSelector, state: State) -> WaitFor {
        WaitFor::new(self.core(), &services, state)
    }

    /// Why the service is where it is: what it waits for, what those services wait for, and so on,
    /// all at one instant.
    ///
    /// # Errors
    ///
    /// If no service has the name.
    ///
    /// ```
    /// # use rxd::{Context, Daemon, Error, Runner, Service, State};
    /// # struct Quiet;
    /// # impl Runner for Quiet {
    /// #     async fn run(&mut self, cx: &Context) -> rxd::Result {
    /// #         cx.cancelled().await;
    /// #         Ok(())
    /// #     }
    /// # }
    /// # struct Slow;
    /// # impl Runner for Slow {
    /// #     async fn init(&mut self, cx: &Context) -> rxd::Result {
    /// #         cx.cancelled().await;
    /// #         Ok(())
    /// #     }
    /// #     async fn run(&mut self, cx: &Context) -> rxd::Result {
    /// #         Ok(())
    /// #     }
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> rxd::Result {
    /// // `db` is still in its `init`.
    /// let daemon = Daemon::new("d").add(Service::new("db", Slow)).add(Service::new("api", Quiet).needs(["db"]));
    /// let handle = daemon.start().await?;
    /// handle.wait_for("api", State::Idle).await?;
    /// # tokio::task::yield_now().await;
    /// let why = handle.why("api")?;
    /// assert_eq!(why.to_string(), "api in Idle: waits for db entering Run; db in Init");
    /// assert_eq!(why.roots().next().unwrap().service.name, "db");
    /// # Ok(())
    /// # }
    /// ```
    pub fn why(&self, service: &str) -> Result<Why, Error> {
        let core = self.core();
        let id = core.names.id(service).ok_or_else(|| unknown_service(core, service))?;
        Ok(Why::of(core, id))
    }

    /// What the daemon's services tell one another, for code outside of them. It is closed when the
    /// daemon has ended.
    #[must_use]
    pub fn intracom(&self) -> Intracom {
        self.core().intracom.clone()
    }

    /// Ends one service; returns when it is in Exit, or at once if the service asks for itself.
    ///
    /// # Errors
    ///
    /// If no service has the name, or the service has not ended within four times its limit for Stop (10 s where
    /// none is declared), its delays, and 5 s. The request stands; the error says where the service is.
    pub async fn stop(&self, service: &str) -> Result<(), Error> {
        self.request(service, ServiceCommand::Stop).await
    }

    /// Starts a service that is in Exit anew; returns when it has entered Init. Does nothing to one that is not in Exit.
    ///
    /// # Errors
    ///
    /// If no service has the name, if the daemon is stopping, or if the service has not entered Init within its
    /// limit, as for [`stop`](DaemonHandle::stop).
    pub async fn start(&self, service: &str) -> Result<(), Error> {
        self.request(service, ServiceCommand::Start).await
    }

    /// Takes one service through Stop and back to Init; returns when it has entered Init. Counts as no failure.
    ///
    /// # Errors
    ///
    /// If no service has the name, if it ended instead, or if it has not entered Init within its limit, as for
    /// [`stop`](DaemonHandle::stop).
    pub async fn restart(&self, service: &str) -> Result<(), Error> {
        self.request(service, ServiceCommand::Restart).await
    }

    /// Has one service reload; returns when it has. See [`Runner::reload`](crate::Runner::reload).
    ///
    /// # Errors
    ///
    /// If no service has the name, if it is not running, or what its `reload` returned.
    pub async fn reload(&self, service: &str) -> Result<(), Error> {
        self.request(service, ServiceCommand::Reload).await
    }

    async fn request(&self, service: &str, command: ServiceCommand) -> Result<(), Error> {
        let core = self.core();
        let id = core.names.id(service).ok_or_else(|| unknown_service(core, service))?;
        // Once the daemon has ended there is nothing to wait for.
        let own = self.inner.service == Some(id) && core.report.borrow().is_none();
        let reply = core.request_by(own, id, command);
        let over = || Error::msg(format_args!("daemon `{}` has ended", core.daemon));
        let limit = core.answer_limit(id);
        let mut report = core.report.subscribe();
        tokio::select! {
            biased;
            reply = reply => reply.unwrap_or_else(|_| Err(over())),
            _ = panic::with_quiet_waker(report.wait_for(Option::is_some)) => Err(over()),
            () = passed(limit) => {
                let (verb, why) = (command.as_str(), Why::of(core, id));
                Err(Error::msg(format_args!("service `{service}` did not {verb} within {limit:?}: {why}")))
            }
        }
    }

    /// Asks the daemon to stop; returns at once. [`wait`](DaemonHandle::wait) for it to have done so.
    pub fn shutdown(&self) {
        self.core().shut_down(ShutdownReason::Requested);
    }

    /// Whether the daemon has stopped, or its runtime was dropped under it.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.core().report.borrow().is_some()
    }

    /// Waits until the daemon has stopped, and tells what became of it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn wait(&self) -> Report {
        let mut receiver = self.core().report.subscribe();
        let ended = panic::with_quiet_waker(receiver.wait_for(Option::is_some)).await;
        let report = ended.ok().and_then(|report| report.clone());
        // The sender is in the core, which this handle keeps.
        report.unwrap_or_else(|| Report::lost(self.core().daemon.clone()))
    }
}
