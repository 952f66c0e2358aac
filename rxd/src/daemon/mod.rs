//! A daemon: its services, started in order, watched over, stopped in order.

pub(crate) mod checked;
pub(crate) mod engine_tasks;
mod faults;
pub mod prestart;
pub(crate) mod runtime;
pub(crate) mod service;
pub(crate) mod supervisor;
pub(crate) mod wiring;

use crate::board::{Id, signal};
use crate::core::names::Name;
use crate::daemon::engine_tasks::EngineTasks;
use crate::daemon::prestart::{Erased, Pipeline};
use crate::daemon::service::{OwnedTargets, Service};
use crate::daemon::supervisor::Supervisor;
use crate::error::{Error, GraphError};
use crate::exit::RunningDaemon;
use crate::graph::{Edge, Graph, Node};
use crate::handle::DaemonHandle;
use crate::in_span::{InSpan, span};
use crate::lifecycle::options::daemon::DaemonOptions;
use crate::monitor::Monitor;
use crate::monitor::heartbeat::Pulse;
use crate::monitor::keeper::{Alive, OnStale};
use crate::report::ShutdownReason;
use crate::shutdown::{Notice, Stopping};
use crate::signals::{self, Listener, Signal, SignalEvent};
use crate::systemd::Systemd;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::process::{ExitCode, Termination};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// A daemon whose services are known at run time only; what `#[rxd::daemon]` makes of a struct.
///
/// ```
/// use rxd::{Context, Daemon, Runner, Service};
///
/// struct Hello(u32);
///
/// impl Runner for Hello {
///     async fn run(&mut self, cx: &Context) -> rxd::Result {
///         println!("hello from {} {}", cx.name(), self.0);
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> rxd::Result {
/// let mut daemon = Daemon::new("greeter");
/// for n in 0..3 {
///     daemon = daemon.add(Service::new(format!("hello-{n}"), Hello(n)).manager(rxd::manager::until_success));
/// }
/// daemon.run().await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a daemon does nothing until it is run"]
pub struct Daemon {
    name: Name,
    services: Vec<Service>,
    signals: Option<Vec<Signal>>,
    options: DaemonOptions,
    alive: Alive,
    prestart: Vec<Box<dyn Erased>>,
    /// Whether the process ends with it: [`main`](Daemon::main).
    ends_process: bool,
    #[cfg(feature = "admin")]
    admin: Option<crate::admin::Admin>,
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services: Vec<&str> = self.services.iter().map(Service::name).collect();
        f.debug_struct("Daemon").field("name", &self.name).field("services", &services).finish_non_exhaustive()
    }
}

/// The setters only record. What they are given is looked at by [`check`](Daemon::check), and by
/// [`start`](Daemon::start) before anything else: a value that makes no sense is an error there.
impl Daemon {
    /// A daemon without services. The name is the one in messages; it may be what that of a
    /// service may be: 64 ASCII letters, digits, `-`, `_` and `.`, not beginning with `_rxd`.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Daemon::with_options(name.into(), DaemonOptions::DEFAULT)
    }

    /// As [`new`](Daemon::new), with what `#[rxd::daemon]` has as constants.
    pub(crate) fn with_options(name: Name, options: DaemonOptions) -> Self {
        Daemon {
            name,
            services: Vec::new(),
            signals: None,
            options,
            alive: Alive::default(),
            prestart: Vec::new(),
            ends_process: false,
            #[cfg(feature = "admin")]
            admin: None,
        }
    }

    /// Adds a service: a [`Service`], or a value of a type annotated with `#[rxd::service]`.
    #[expect(clippy::should_implement_trait, reason = "a builder adds; nobody would write daemon + service")]
    pub fn add(mut self, service: impl Into<Service>) -> Self {
        self.services.push(service.into());
        self
    }

    /// Adds services.
    pub fn add_all<S: Into<Service>>(mut self, services: impl IntoIterator<Item = S>) -> Self {
        self.services.extend(services.into_iter().map(Into::into));
        self
    }

    /// How long the daemon may take to stop; what has not ended then is dropped or abandoned, and
    /// named in the report. Longer than zero. Default: 30 s.
    ///
    /// It is counted from when the daemon is asked to stop, or from when a service makes it: what a
    /// failed start has taken is no part of it. [`run`](Daemon::run) returns at most 100 ms later,
    /// whatever services do, or 1 s more where a listener for operators has somebody to answer.
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.options = self.options.shutdown_timeout(limit);
        self
    }

    /// The signals that stop the daemon, each once. Default: SIGINT and SIGTERM. With none of them,
    /// and without SIGHUP, the process's signals are left alone.
    ///
    /// The first asks the daemon to stop, the second sets all remaining limits to zero, the third
    /// ends the process at once with status 128 + its number. Signals that follow each other within
    /// 20 ms are one. SIGHUP reloads, unless it is listed.
    ///
    /// Once the daemon has stopped, the next of these signals ends the process, whatever it still waits for: a
    /// blocking job, a read of standard input, a resolver. Its status is 0 if the daemon ended well, otherwise
    /// 128 + the signal's number. That lasts until another daemon starts in the process. With `signals([])` all
    /// of it is left to you.
    pub fn signals(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        self.signals = Some(signals.into_iter().collect());
        self
    }

    /// How often systemd's watchdog is told that the daemon is alive, if it is: the unit needs a
    /// `WatchdogSec=` of twice that or more, and there is a warning at the start if it has not.
    /// Default: four times within what the unit says, which is also how often at the least.
    ///
    /// Zero means that the daemon does not talk to the service manager at all: no readiness, no
    /// status, no watchdog. Its unit is then one of `Type=exec`.
    pub fn watchdog_interval(mut self, every: Duration) -> Self {
        self.alive.report = Some(every);
        self
    }

    /// What happens when a service that declared a heartbeat has none while it is in Run. Default:
    /// it is left to systemd's watchdog; without one it is a warning in the log, and for whoever asks
    /// the admin route's `/livez`.
    pub fn on_stale(mut self, on_stale: OnStale) -> Self {
        self.alive.on_stale = on_stale;
        self
    }

    /// How many past transitions are kept, for [`DaemonHandle::history`] and for readers of a
    /// [`StateStream`](crate::StateStream) that lag. From 1 to 4,294,967,295. Default: 1024, of 32
    /// bytes each.
    pub fn history(mut self, transitions: usize) -> Self {
        self.options = self.options.history(transitions);
        self
    }

    /// Adds what must succeed before any service starts: a [`Stage`](prestart::Stage), or a
    /// pipeline of your own. Several run in the order in which they were added.
    pub fn prestart(mut self, pipeline: impl Pipeline) -> Self {
        self.prestart.push(Box::new(pipeline));
        self
    }

    /// The exit status of [`main`](Daemon::main), and of a [`Report`](crate::Report) returned from
    /// `main`, when the daemon failed. From 1 to 255. Default: 1.
    pub fn exit_code(mut self, code: u8) -> Self {
        self.options = self.options.exit_code(code);
        self
    }

    /// How long a method or a task of a service, or a prestart stage, may hold its thread without coming to an `.await`
    /// before it is named in the log, by a thread beside the runtime. Longer than zero. Default: 1 s. It is reported after at most
    /// 1.5 times this; `None` reports nothing.
    pub fn blocking_threshold(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.options = self.options.blocking_threshold(limit.into());
        self
    }

    /// As [`run`](Daemon::run), for a `main` whose exit status is [`exit_code`](Daemon::exit_code):
    /// an error is printed, and is that status.
    ///
    /// The process ends within 1 s of its last daemon, also where the runtime still waits for blocking work or standard
    /// error is a full pipe: what follows in `main` has that long. [`run`](Daemon::run) leaves the process to you.
    ///
    /// ```no_run
    /// # use rxd::{Context, Daemon, Runner, Service};
    /// # struct Serve;
    /// # impl Runner for Serve {
    /// #     async fn run(&mut self, _: &Context) -> rxd::Result { Ok(()) }
    /// # }
    /// #[tokio::main]
    /// async fn main() -> std::process::ExitCode {
    ///     Daemon::new("agent").exit_code(3).add(Service::new("serve", Serve)).main().await
    /// }
    /// ```
    pub async fn main(self) -> ExitCode {
        // A daemon that is refused because of an exit code of zero has failed, too.
        let code = self.options.exit_code.max(crate::lifecycle::options::daemon::FAILURE_STATUS);
        let ended = Daemon { ends_process: true, ..self }.run().await;
        let code = if ended.is_ok() { 0 } else { code };
        // Also where it could not be started, and so has no report.
        crate::exit::exit_within_limit(code);
        if ended.is_err() {
            // Prints the error the way `main` does.
            let _ = ended.report();
        }
        ExitCode::from(code)
    }

    /// Opens an admin route for operators: `.admin("127.0.0.1:1337")`,
    /// `.admin("unix:/run/my-app.sock")`, or an [`Admin`](crate::admin::Admin) with further settings. See
    /// [`rxd::admin`](crate::admin).
    ///
    /// An address that cannot be bound is an error of [`start`](Daemon::start), unless the admin route
    /// is [optional](crate::admin::Admin::optional).
    #[cfg(feature = "admin")]
    pub fn admin(mut self, admin: impl Into<crate::admin::Admin>) -> Self {
        self.admin = Some(admin.into());
        self
    }

    /// Starts the daemon, and waits until it has stopped.
    ///
    /// # Errors
    ///
    /// If it could not be started, if a service gave up, or if one had to be abandoned. Returned
    /// from `main`, that is exit status 1 and a message that says which.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future asks the daemon to stop, and does not wait for it.
    pub async fn run(self) -> Result<(), Error> {
        self.start().await?.wait().await.into_result()
    }

    /// Starts the daemon: checks its graph, runs what is to run before, then starts each service in
    /// a task of its own.
    ///
    /// A signal that stops the daemon while [`prestart`](Daemon::prestart) runs ends that, and gives
    /// the handle of a daemon that has ended well without starting anything.
    ///
    /// Any tokio runtime will do that has its time and IO drivers. On one with a single thread a
    /// method that blocks holds up every other service, and signals with them; on several threads
    /// it holds up its own.
    ///
    /// # Errors
    ///
    /// If the graph could not work or an option has a value that makes no sense
    /// ([`Error::is_graph`]; see [`check`](Daemon::check)), if a prestart stage failed
    /// ([`Error::is_prestart`]), if there are no services, if there is no tokio runtime or it lacks a
    /// driver (`enable_all()`), or if a signal cannot be listened to. No service has been started then.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends what runs before the services; none has been started then.
    pub async fn start(self) -> Result<DaemonHandle, Error> {
        self.begin().await
    }

    /// As [`start`](Daemon::start), behind a pointer: what is polled through one is compiled with rxd, and
    /// not once more with each program.
    fn begin(self) -> Pin<Box<dyn Future<Output = Result<DaemonHandle, Error>> + Send>> {
        Box::pin(self.check_and_begin())
    }

    async fn check_and_begin(mut self) -> Result<DaemonHandle, Error> {
        let Ok(runtime) = Handle::try_current() else {
            return Err(Error::msg("failed to start: there is no tokio runtime; write #[tokio::main] above main"));
        };
        let mut order = self.checked()?;
        crate::panic::note_locations();
        let signals = self.signals.take().unwrap_or_else(|| signals::DEFAULT.to_vec());
        let needs_io = !signals.is_empty();
        #[cfg(feature = "admin")]
        let needs_io = needs_io || self.admin.is_some();
        crate::daemon::runtime::check(needs_io)?;
        #[cfg(feature = "admin")]
        let admin = crate::admin::bind(self.admin.take()).await?;
        let running = RunningDaemon::new(&signals);
        let mut listener = Listener::new(&signals)?;
        if self.services.iter().any(Service::is_off) {
            self.services.retain(|service| !service.is_off());
            order = self.with_graph(|graph| graph.stops_before());
        }
        #[cfg(any(test, feature = "test-util"))]
        let rules = crate::trace::observer::is_enabled().then(|| self.declared_rules());
        #[cfg(feature = "admin")]
        let pictures = self.with_graph(crate::admin::graph_svg::Pictures::of);
        let core = Arc::new(wiring::wire(self.name, &self.services, &order, self.options.history));
        #[cfg(any(test, feature = "test-util"))]
        let observer = rules.map(|rules| crate::trace::observer::RunObserver::new(&core, rules));
        // Before what runs before: that may block its thread as well.
        let monitor = Monitor::start(&core, self.options.blocking_threshold, Listener::new(&signals)?);
        #[cfg(feature = "admin")]
        core.extensions.insert(pictures);
        let services = self.services;
        *core.pulse() = Pulse::new(self.alive.on_stale, services.iter().map(Service::limits));
        let mut systemd = Systemd::begin(&core, self.alive, services.iter().map(Service::limits));
        // Not ready before everything besides the services is there too.
        let hold = systemd.hold();
        let mut stages = self.prestart;
        let ended_by = tokio::select! {
            biased;
            number = stop_signal(&mut listener) => Ok(Some(number)),
            passed = prestart::pass(&mut stages, &systemd, &core), if !stages.is_empty() => passed.map(|()| None),
            () = std::future::ready(()), if stages.is_empty() => Ok(None),
        };
        drop(stages);
        let ended_by = match ended_by {
            Ok(ended_by) => ended_by,
            Err(error) => {
                systemd.before(&error.to_string(), None);
                systemd.finish().await;
                return Err(error);
            }
        };
        systemd.before("", None);
        if let Some(number) = ended_by {
            core.shut_down(ShutdownReason::Signal(number));
            (0..services.len() as Id).for_each(|id| core.board.raise(id, signal::SHUTDOWN));
        }
        let tasks = EngineTasks::default();
        for (id, service) in services.into_iter().enumerate() {
            let name = core.name(id as Id).clone();
            let span = span(|| tracing::error_span!(target: "rxd", "service", service = %name));
            service.spawn(&core, id as Id, (&tasks, &runtime), span);
        }
        let limits = (self.options.shutdown_timeout, self.options.exit_code);
        let notice = systemd.notice();
        let notice = Notice(Box::new(move |within| notice.stopping(within)));
        let stopping = Stopping::new(core.clone(), notice, running, limits, self.ends_process);
        let stopping = Arc::new(stopping);
        let supervisor = Supervisor::new(stopping, core.clone(), tasks, listener, monitor, systemd);
        #[cfg(any(test, feature = "test-util"))]
        let supervisor = supervisor.observed_by(observer);
        let span = span(|| tracing::error_span!(target: "rxd", "daemon", daemon = %core.daemon));
        tokio::spawn(InSpan::new(supervisor.run(), span));
        let handle = DaemonHandle::new(core);
        #[cfg(feature = "admin")]
        if let Some(admin) = admin {
            admin.serve(&handle);
        }
        hold.release();
        Ok(handle)
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn services(&self) -> &[Service] {
        &self.services
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn services_mut(&mut self) -> &mut Vec<Service> {
        &mut self.services
    }

    /// A unit file for systemd that agrees with what is declared.
    #[cfg(feature = "systemd")]
    pub fn unit(&self) -> crate::systemd::Unit {
        let options: Vec<_> = self.services.iter().map(|service| *service.limits()).collect();
        let unit = self.with_graph(|graph| crate::systemd::Unit::of(graph, &options));
        let unit = unit.shutdown_timeout(self.options.shutdown_timeout);
        let unit =
            self.prestart.iter().map(|stage| stage.about()).fold(unit, |unit, (name, limit)| unit.before(name, limit));
        match self.alive.report {
            Some(every) => unit.watchdog_interval(every),
            None => unit,
        }
    }

    /// Checks the graph and all options, as [`start`](Daemon::start) does before anything else.
    ///
    /// # Errors
    ///
    /// If the graph could not work, or if an option of the daemon, of one of its services or of a
    /// prestart stage has a value that makes no sense ([`Error::is_graph`]). The message names
    /// every fault: whose option it is, the value, and what to write instead, in the words in
    /// which the compiler refuses it in an attribute.
    pub fn check(&self) -> Result<(), Error> {
        self.checked().map(drop)
    }

    /// As [`check`](Daemon::check); who stops before whom.
    fn checked(&self) -> Result<Vec<Vec<usize>>, Error> {
        let (mut faults, mut rule) = (self.option_faults(), None);
        match self.with_graph(|graph| graph.check()) {
            Err(found) => {
                rule = found.first().map(|fault| fault.rule.as_str());
                faults.extend(found.into_iter().map(|fault| fault.message));
            }
            Ok(order) => {
                faults.extend(wiring::waits_for_switched_off(&self.services));
                if faults.is_empty() {
                    return Ok(order);
                }
            }
        }
        Err(Error::from(GraphError { rule, faults }))
    }

    /// What its trace is checked against.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn declared_rules(&self) -> crate::trace::rules::DeclaredRules {
        let services = self.services.iter();
        let options: Vec<_> = services.map(|service| (!service.is_off()).then(|| service.limits())).collect();
        self.with_graph(|graph| crate::trace::rules::DeclaredRules::from_graph(graph, &options))
    }

    fn with_graph<T>(&self, look: impl FnOnce(&Graph<'_>) -> T) -> T {
        // What is declared is taken as it is; the rest is put together.
        let added = self.services.iter().filter(|service| service.declared_edges().is_none());
        let targets: Vec<Vec<OwnedTargets<'_>>> = added.map(Service::targets).collect();
        let edges: Vec<Vec<Edge<'_>>> = targets
            .iter()
            .map(|edges| edges.iter().map(|(edge, targets)| Edge { targets, ..*edge }).collect())
            .collect();
        let mut added = edges.iter();
        let edges_of = |service: &Service| service.declared_edges().or_else(|| added.next().map(Vec::as_slice));
        let edges: Vec<&[Edge<'_>]> = self.services.iter().map(edges_of).map(Option::unwrap_or_default).collect();
        let nodes: Vec<Node<'_>> =
            self.services.iter().zip(&edges).map(|(service, edges)| service.node(edges)).collect();
        look(&Graph { daemon: &self.name, nodes: &nodes })
    }
}

/// Waits for a signal that stops the daemon. What has not started has nothing to reload.
async fn stop_signal(listener: &mut Listener) -> i32 {
    loop {
        if let SignalEvent::Stop(number) = listener.next().await {
            return number;
        }
    }
}
