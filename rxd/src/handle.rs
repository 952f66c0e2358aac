//! [`DaemonHandle`]: a running daemon, seen from outside its services.
//!
//! Tests, the admin route, signal handlers of your own and the services themselves hold one. It
//! reads snapshots and sends requests; the supervisor and the engines act on them. `group`: requests to
//! several services at once.

pub(crate) mod group;

use crate::board::Id;
#[cfg(feature = "admin")]
use crate::core::current;
use crate::core::{Core, Reply, ServiceCommand, ServiceState, States};
use crate::error::Error;
use crate::graph::Mode;
#[cfg(feature = "intracom")]
use crate::intracom::Intracom;
use crate::lifecycle::state::{Action, Filter, State};
use crate::panic;
use crate::race::{Winner, race};
use crate::report::{Report, ShutdownReason};
use crate::watch::why::Why;
use crate::watch::{ServiceSelector, StateStream, WaitFor, Watch, unknown_service};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// A handle to a running daemon. Clones are handles to the same daemon; dropping the last one stops
/// it.
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
    /// Whether dropping this stops the daemon.
    stops_on_drop: bool,
    /// The service whose context the handle is from: a service cannot wait for itself.
    service: Option<Id>,
}

impl Drop for HandleInner {
    fn drop(&mut self) {
        if self.stops_on_drop {
            self.core.shut_down(ShutdownReason::Requested);
        }
    }
}

/// Waits for this long, or for ever if there is no tokio runtime to set a timer in.
pub(crate) async fn sleep(limit: Duration) {
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

    /// As [`observer`](DaemonHandle::observer). If the handle is of no service, and a service's code
    /// calls this, the new one is of that service.
    #[cfg(feature = "admin")]
    pub(crate) fn of_caller(&self) -> Self {
        match self.inner.service.or_else(|| current::service(self.core())) {
            Some(service) => DaemonHandle::of_service(self.core().clone(), service),
            None => self.observer(),
        }
    }

    /// The service whose handle this is.
    pub(crate) fn service(&self) -> Option<Id> {
        self.inner.service
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.inner.core
    }

    /// The daemon's name: by default the struct's in kebab-case (`edge-agent`), or the builder's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.core().daemon
    }

    /// The states of all services, at one instant.
    #[must_use]
    pub fn states(&self) -> States {
        self.core().states()
    }

    /// The last transitions, oldest first. [`Daemon::history`](crate::Daemon::history) sets how
    /// many are kept.
    #[must_use]
    pub fn history(&self) -> Vec<ServiceState> {
        let core = self.core();
        let events = core.board.history();
        let mut states = Vec::with_capacity(events.len());
        for event in &events {
            states.push(core.state_after(event));
        }
        states
    }

    /// To follow services, read this stream: first a snapshot, then every transition of the
    /// services that the filter includes.
    ///
    /// # Errors
    ///
    /// If one of the filter's names is that of no service; the error suggests the nearest one.
    pub fn watch_states(&self, filter: Filter) -> Result<StateStream, Error> {
        StateStream::new(self.core(), &filter)
    }

    /// Watches for any of these services. The watch fires at once if the condition holds when it is
    /// made, and then each time it comes true.
    ///
    /// # Errors
    ///
    /// If one of the names is that of no service; the error suggests the nearest one.
    pub fn watch_any(&self, action: Action, state: State, services: impl ServiceSelector) -> Result<Watch, Error> {
        Watch::new(self.core(), Mode::Any, action, state, &services)
    }

    /// Watches for all of these services at the same time. The watch fires at once if the condition
    /// holds when it is made, and then each time it comes true.
    ///
    /// # Errors
    ///
    /// If one of the names is that of no service; the error suggests the nearest one.
    pub fn watch_all(&self, action: Action, state: State, services: impl ServiceSelector) -> Result<Watch, Error> {
        Watch::new(self.core(), Mode::All, action, state, &services)
    }

    /// Waits until the service is in the state; with several services, until all of them are at the
    /// same time. Returns immediately if they are already.
    ///
    /// # Errors
    ///
    /// * If no service has the name.
    /// * If the service can never be in that state again, because it has exited or the daemon has
    ///   ended.
    /// * If it is not in the state [within](WaitFor::within) the limit, if you set one.
    ///
    /// The message says why, and [`Error::find`] finds a [`WaitError`](crate::WaitError) in it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: dropping the future ends the wait.
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

    /// To find out why a service does not run, call this: it says what the service waits for, what
    /// those services wait for, and so on, all at one instant.
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
        let id = core.id(service).ok_or_else(|| unknown_service(core, service))?;
        Ok(Why::of(core, id))
    }

    /// The topics of the daemon's services, for code outside of them. They are closed when the
    /// daemon has ended.
    #[cfg(feature = "intracom")]
    #[must_use]
    pub fn intracom(&self) -> Intracom {
        self.core().intracom.clone()
    }

    /// Ends one service. Returns when the service is in Exit, or immediately if the service makes
    /// the request itself.
    ///
    /// The daemon keeps running, even without any other service, so that
    /// [`start`](DaemonHandle::start) can start this one again. A service that had ended before
    /// stays as it is.
    ///
    /// # Errors
    ///
    /// If no service has the name, or if the service has not ended within a limit: four times its
    /// limit for Stop (10 s if it declares none), plus its delays, plus 5 s. The request stays in
    /// force; the error says where the service is.
    ///
    /// Also if 1,024 requests wait for the service already. This holds for every request.
    pub async fn stop(&self, service: &str) -> Result<(), Error> {
        self.request(service, ServiceCommand::Stop).await
    }

    /// Starts a service that is in Exit. Returns when it has entered Init. Does nothing if the
    /// service is not in Exit.
    ///
    /// # Errors
    ///
    /// If no service has the name, if the daemon is stopping, or if the service has not entered
    /// Init within its limit, as for [`stop`](DaemonHandle::stop).
    pub async fn start(&self, service: &str) -> Result<(), Error> {
        self.request(service, ServiceCommand::Start).await
    }

    /// Restarts one service: takes it through Stop and back to Init. Returns when it has entered
    /// Init. Does not count as a failure.
    ///
    /// # Errors
    ///
    /// If no service has the name, if it ended instead, or if it has not entered Init within its
    /// limit, as for [`stop`](DaemonHandle::stop).
    pub async fn restart(&self, service: &str) -> Result<(), Error> {
        self.request(service, ServiceCommand::Restart).await
    }

    /// Reloads one service. Returns when its [`Runner::reload`](crate::Runner::reload) has
    /// returned.
    ///
    /// # Errors
    ///
    /// If no service has the name, if it is not running or is stopping, if its `reload` returned an
    /// error, or if it has not reloaded within its limit, as for [`stop`](DaemonHandle::stop).
    pub async fn reload(&self, service: &str) -> Result<(), Error> {
        self.request(service, ServiceCommand::Reload).await
    }

    /// Reloads all services that override [`reload`](crate::Runner::reload), along the graph, as
    /// SIGHUP does. With a [configuration](crate::Daemon::config) it is loaded and checked first, and
    /// those that take it apply it. Returns when all of them have; to a service of the daemon, which
    /// would wait for itself, at once.
    ///
    /// # Errors
    ///
    /// If a service failed to reload, or did not within its limit (as for
    /// [`stop`](DaemonHandle::stop)): the message names each. If the configuration could not be loaded,
    /// or a service refuses it. If the daemon is stopping.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not end the reload.
    pub async fn reload_all(&self) -> Result<(), Error> {
        let core = self.core();
        let (sender, reply) = oneshot::channel();
        core.request_reload(Reply::Waiter(sender));
        let mut report = core.report.subscribe();
        if report.borrow().is_none() && self.inner.service.is_some() {
            return Ok(());
        }
        let ended = || Error::msg(format_args!("daemon `{}` has ended", core.daemon));
        match race(reply, panic::with_quiet_waker(report.wait_for(Option::is_some))).await {
            Winner::First(Ok(reply)) => reply,
            Winner::First(Err(_)) | Winner::Second(_) => Err(ended()),
        }
    }

    async fn request(&self, service: &str, command: ServiceCommand) -> Result<(), Error> {
        let core = self.core();
        let id = core.id(service).ok_or_else(|| unknown_service(core, service))?;
        // A service that makes the request itself is answered at once: it would wait for itself.
        // Once the daemon has ended it gets the error below, like any other caller.
        let own = self.inner.service == Some(id) && core.report.borrow().is_none();
        let reply = core.request_by(own, id, command);
        let ended = || Error::msg(format_args!("daemon `{}` has ended", core.daemon));
        let limit = core.answer_limit(id);
        let mut report = core.report.subscribe();
        let answer = race(reply, panic::with_quiet_waker(report.wait_for(Option::is_some)));
        match race(answer, sleep(limit)).await {
            Winner::First(Winner::First(Ok(reply))) => reply,
            Winner::First(_) => Err(ended()),
            Winner::Second(()) => {
                let (verb, why) = (command.as_str(), Why::of(core, id));
                Err(Error::msg(format_args!("service `{service}` did not {verb} within {limit:?}: {why}")))
            }
        }
    }

    /// Starts the shutdown of the daemon, and returns immediately. To wait until it has stopped,
    /// call [`wait`](DaemonHandle::wait).
    pub fn shutdown(&self) {
        self.core().shut_down(ShutdownReason::Requested);
    }

    /// Whether the daemon has stopped, or its runtime was shut down before it had.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.core().report.borrow().is_some()
    }

    /// Waits until the daemon has stopped, and returns its report.
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
