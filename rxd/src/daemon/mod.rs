//! The daemon: its builder, and what runs for all of its services together.
//!
//! * `service`: the builder of one service; `family`: that of a family, whose members `scale` adds and
//!   removes; `checked`: what generated code declares;
//! * `config`: the configuration and its value in force; `configured`: services that take it;
//!   `config_watch`: its files;
//! * `faults`: what is wrong with the options; `wiring`: the watches and the stop order on the
//!   board;
//! * `prestart`: the stages before the services; `runtime`: what a daemon needs of tokio;
//! * `start`: the start, step by step; `orphans`: waiting for those; `engine_tasks`: the tasks of the services' engines;
//!   `supervisor`: the task that runs until the daemon has stopped; `reload`: the reload of all
//!   services.

#[cfg(feature = "admin")]
mod addable;
pub(crate) mod added;
pub(crate) mod checked;
pub(crate) mod config;
#[cfg(feature = "config-watch")]
mod config_watch;
pub(crate) mod configured;
pub(crate) mod engine_tasks;
pub(crate) mod family;
mod faults;
mod lasting;
#[cfg(feature = "process")]
mod orphans;
pub mod prestart;
mod reload;
pub(crate) mod runtime;
mod scale;
pub(crate) mod service;
mod start;
pub(crate) mod supervisor;
pub(crate) mod thread_service;
pub(crate) mod wiring;

use crate::core::names::Name;
use crate::daemon::config::DaemonConfig;
use crate::daemon::family::Family;
use crate::daemon::prestart::{ErasedPipeline, Pipeline};
use crate::daemon::service::{OwnedTargets, Service};
use crate::error::{Error, GraphError};
use crate::graph::{Advice, Edge, Graph, Node};
use crate::handle::DaemonHandle;
use crate::lifecycle::options::daemon::DaemonOptions;
use crate::lifecycle::options::{OnStale, WatchdogOptions};
use crate::panic::emit;
use crate::platform::Signal;
use std::borrow::Cow;
use std::fmt;
use std::process::ExitCode;
use std::time::Duration;
use tracing::Level;
use tracing::level_filters::LevelFilter;

/// The builder of a daemon. Use it where the services are known at run time only; `#[rxd::daemon]`
/// makes one of a struct.
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
    families: Vec<Family>,
    signals: Option<Vec<Signal>>,
    options: DaemonOptions,
    watchdog: WatchdogOptions,
    /// Behind a pointer: a daemon is moved by each setter.
    config: Option<Box<DaemonConfig>>,
    prestart: Vec<Box<dyn ErasedPipeline>>,
    /// Whether the process ends with the daemon: [`main`](Daemon::main).
    ends_process: bool,
    #[cfg(feature = "process")]
    reap_orphans: bool,
    #[cfg(feature = "admin")]
    admin: Option<crate::admin::Admin>,
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services: Vec<&str> = self.services.iter().map(Service::name).collect();
        f.debug_struct("Daemon").field("name", &self.name).field("services", &services).finish_non_exhaustive()
    }
}

/// The setters only record their values. [`check`](Daemon::check) checks them, and so does
/// [`start`](Daemon::start) before anything else: a value that makes no sense is an error there.
impl Daemon {
    /// A daemon without services. The name appears in messages. It follows the rules for the names
    /// of services: at most 64 ASCII letters, digits, `-`, `_` and `.`, not beginning with `_rxd`.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Daemon::with_options(name.into(), DaemonOptions::DEFAULT)
    }

    /// As [`new`](Daemon::new), with the constants of `#[rxd::daemon]`.
    pub(crate) fn with_options(name: Name, options: DaemonOptions) -> Self {
        Daemon {
            name,
            services: Vec::new(),
            families: Vec::new(),
            signals: None,
            options,
            watchdog: WatchdogOptions::default(),
            config: None,
            prestart: Vec::new(),
            ends_process: false,
            #[cfg(feature = "process")]
            reap_orphans: false,
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

    /// Adds several services.
    pub fn add_all<S: Into<Service>>(mut self, services: impl IntoIterator<Item = S>) -> Self {
        self.services.extend(services.into_iter().map(Into::into));
        self
    }

    /// Limits how long the daemon may take to stop. A service that has not ended by then is dropped
    /// or abandoned, and named in the report. Longer than zero. Default: 30 s.
    ///
    /// The time counts from the request to stop, or from the failure that stops the daemon, or from
    /// the end of the [`drain`](Daemon::drain); a failed start is not part of it. [`run`](Daemon::run) returns at most 100 ms later, whatever
    /// services do, or up to 1 s more if the admin route is still answering a request.
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.options = self.options.shutdown_timeout(limit);
        self
    }

    /// Limits how long the services may take until the daemon is ready: until each has been in Run, or
    /// has ended as designed. [Optional](crate::Readiness::Optional) ones do not count. Longer than
    /// zero. Default: no limit.
    ///
    /// A daemon that is not ready by then has failed to start: it stops its services in order, and its
    /// result is an error, which names the services that were not ready and says why. The time counts
    /// from the start of the services, after the prestart stages.
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.options = self.options.start_timeout(limit);
        self
    }

    /// How long the daemon drains before it stops. Default: zero, no drain.
    ///
    /// A balancer or an orchestrator needs some seconds to notice that a process is going to stop, and
    /// sends it requests until then. While the daemon drains, `/readyz` answers 503, systemd has been
    /// sent `STOPPING=1`, [`cx.draining()`](crate::Context::draining) has completed, and the services
    /// stay in Run and serve. After that they stop in order, within
    /// [`shutdown_timeout`](Daemon::shutdown_timeout).
    ///
    /// * A signal, [`shutdown`](DaemonHandle::shutdown), the drop of the last handle and
    ///   `rxdctl shutdown` drain. A failed start and a failed service do not; a service that fails the
    ///   daemon ends a drain.
    /// * Signals do not drain if standard input is a terminal, so that Ctrl-C stops at once.
    /// * A second signal ends the drain, and sets all remaining limits to zero.
    /// * The drain takes its whole time, also if no client is left, or if the daemon was never ready. It
    ///   ends early only once every service has exited.
    ///
    /// Set it to at least the period of the readiness check times the failures that it takes, and a
    /// little more. [`unit`](Daemon::unit) adds it to `TimeoutStopSec=`; in Kubernetes add it to
    /// `terminationGracePeriodSeconds`.
    pub fn drain(mut self, time: Duration) -> Self {
        self.options = self.options.drain(time);
        self
    }

    /// The signals that stop the daemon, each at most once. Default: SIGINT and SIGTERM.
    ///
    /// * The first signal asks the daemon to stop. The second sets all remaining limits to zero.
    ///   The third ends the process immediately, with status 128 + its number. Signals that follow
    ///   each other within 20 ms count as one.
    /// * SIGHUP reloads, unless it is listed here. In a terminal it stops, since it then says that
    ///   the terminal is gone: if standard input is a terminal at the start, or if the process leads
    ///   the terminal's foreground. A second SIGHUP does nothing.
    /// * On Linux, SIGHUP, SIGINT and SIGQUIT stay ignored if they were when the process started, by
    ///   `nohup` or by `&` in a script.
    /// * Once the daemon has stopped, the next of these signals ends the process, even if the
    ///   process still waits for a blocking job, a read of standard input, or a resolver. The
    ///   status is 0 if the daemon ended well, otherwise 128 + the signal's number. This lasts
    ///   until another daemon starts in the process.
    /// * With `signals([])` rxd handles no signal, not even SIGHUP.
    /// * On Windows the events of the console stand for signals: see [`Signal`].
    pub fn signals(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        self.signals = Some(signals.into_iter().collect());
        self
    }

    /// How often systemd's watchdog is pinged. Default: a quarter of the unit's `WatchdogSec=`,
    /// which is also the longest interval that is used.
    ///
    /// The unit needs a `WatchdogSec=` of at least twice this; a warning at the start says if it
    /// has not. Zero disables systemd's notifications: no readiness, no status, no watchdog. The
    /// unit is then one of `Type=exec`.
    pub fn watchdog_interval(mut self, every: Duration) -> Self {
        self.watchdog.interval = Some(every);
        self
    }

    /// What happens when a service with a `heartbeat` is stale: in Run for longer than its period
    /// without one. Default: [`OnStale::StopPinging`], which leaves it to systemd's watchdog.
    /// Without a watchdog each stale period is logged as a warning, and the admin route's `/livez`
    /// fails.
    pub fn on_stale(mut self, on_stale: OnStale) -> Self {
        self.watchdog.on_stale = on_stale;
        self
    }

    /// How many past transitions are kept, for [`DaemonHandle::history`] and for readers of a
    /// [`StateStream`](crate::StateStream) that fall behind. From 1 to 4,294,967,295. Default:
    /// 1024. Each takes 32 bytes.
    pub fn history(mut self, transitions: usize) -> Self {
        self.options = self.options.history(transitions);
        self
    }

    /// Adds a step that must succeed before any service starts: a [`Stage`](prestart::Stage), or a
    /// pipeline of your own. Several run in the order in which they were added.
    pub fn prestart(mut self, pipeline: impl Pipeline) -> Self {
        self.prestart.push(Box::new(pipeline));
        self
    }

    /// Has the prestart stages begin again from the first, after this delay, when one has failed: for
    /// stages that undo each other's work, or that a change elsewhere may let pass. Default: a stage
    /// that fails, after its own retries, fails the start.
    ///
    /// The start then lasts until the stages pass, a signal ends it, or its future is dropped. systemd
    /// is asked for more time meanwhile.
    pub fn prestart_restart(mut self, delay: Duration) -> Self {
        self.options.prestart_restart = Some(delay);
        self
    }

    /// The exit status of a failed daemon, for [`main`](Daemon::main), and for a
    /// [`Report`](crate::Report) that is returned from `main`. From 1 to 255. Default: 1.
    pub fn exit_code(mut self, code: u8) -> Self {
        self.options = self.options.exit_code(code);
        self
    }

    /// How long a method, a task or a prestart stage may block its thread, without reaching an
    /// `.await`, before the log names it. Longer than zero. Default: 1 s. `None` disables the
    /// detection.
    ///
    /// A thread beside the runtime detects it. The record comes at most half the threshold late.
    pub fn blocking_threshold(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.options = self.options.blocking_threshold(limit.into());
        self
    }

    /// As [`run`](Daemon::run), for a `main` whose exit status is [`exit_code`](Daemon::exit_code).
    ///
    /// An error is a record, if [`rxd::log`](crate::log) is set up; otherwise it is printed to
    /// standard error.
    ///
    /// The process ends within 1 s of its last daemon, even if the runtime still waits for blocking
    /// work, or if standard error is a pipe that is full. Code that follows in `main` has that long.
    /// [`run`](Daemon::run) does not end the process.
    ///
    /// Without [`rxd::log`](crate::log), a service that panics writes to standard error by itself,
    /// and waits if that is a pipe that is full.
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
        // A daemon that is refused because of an exit code of zero has failed too.
        let code = self.options.exit_code.max(crate::lifecycle::options::daemon::FAILURE_STATUS);
        let ended = Daemon { ends_process: true, ..self }.run().await;
        let code = if ended.is_ok() { 0 } else { code };
        // Also if it could not be started, and so has no report.
        crate::exit::exit_within_limit(code);
        if let Err(error) = ended {
            crate::output::last_error(&error.to_string());
        }
        ExitCode::from(code)
    }

    /// Opens an admin route for operators: `.admin("127.0.0.1:1337")`,
    /// `.admin("unix:/run/my-app.sock")`, or an [`Admin`](crate::admin::Admin) with further
    /// settings. See [`rxd::admin`](crate::admin).
    ///
    /// An address that cannot be bound is an error of [`start`](Daemon::start), unless the admin
    /// route is [optional](crate::admin::Admin::optional).
    #[cfg(feature = "admin")]
    pub fn admin(mut self, admin: impl Into<crate::admin::Admin>) -> Self {
        self.admin = Some(admin.into());
        self
    }

    /// Starts the daemon, and waits until it has stopped.
    ///
    /// # Errors
    ///
    /// If the daemon could not be started, if a service failed for good, or if one was abandoned.
    /// Returned from `main`, the error is exit status 1 and a message that names the services.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future asks the daemon to stop, and does not wait for it.
    pub async fn run(self) -> Result<(), Error> {
        self.start().await?.wait().await.into_result()
    }

    /// Starts the daemon: checks its graph, runs the [prestart](Daemon::prestart) stages, and then
    /// spawns one task for each service.
    ///
    /// * A signal that stops the daemon during the prestart stages ends them. The handle is then
    ///   that of a daemon that has ended well without starting a service.
    /// * Any tokio runtime with the time and IO drivers will do. On a runtime with one thread, a
    ///   method that blocks also delays every other service and the signals. On several threads it
    ///   delays its own service, and at times one that was woken on its thread.
    ///
    /// # Errors
    ///
    /// If no service was started, because:
    ///
    /// * the graph could not work, or an option has a value that makes no sense
    ///   ([`Error::is_graph`]; see [`check`](Daemon::check));
    /// * a prestart stage failed, or the [configuration](Daemon::config) could not be loaded or was
    ///   refused ([`Error::is_prestart`]);
    /// * there are no services;
    /// * there is no tokio runtime, or it lacks a driver (`enable_all()`);
    /// * a signal cannot be listened to.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the prestart stages; no service has been started then.
    pub async fn start(self) -> Result<DaemonHandle, Error> {
        self.begin().await
    }

    /// A unit file for systemd that matches the declarations.
    #[cfg(feature = "systemd")]
    #[inline]
    pub fn unit(&self) -> crate::systemd::Unit {
        let unit = self.with_graph(crate::systemd::Unit::of);
        let unit = unit
            .start_timeout(self.options.start_timeout)
            .stop_limits(self.options.drain, self.options.shutdown_timeout);
        let unit = match self.has_config() {
            true => unit.prestart_stage(config::STAGE_NAME, None).with_config(),
            false => unit,
        };
        let unit = self
            .prestart
            .iter()
            .map(|stage| stage.about())
            .map(|(name, limit)| (name, limit.filter(|_| self.options.prestart_restart.is_none())))
            .fold(unit, |unit, (name, limit)| unit.prestart_stage(name, limit));
        match self.watchdog.interval {
            Some(every) => unit.watchdog_interval(every),
            None => unit,
        }
    }

    /// A property list for launchd, the service manager of macOS, that matches the declarations.
    #[inline]
    pub fn launchd_plist(&self) -> crate::launchd::Plist {
        crate::launchd::Plist::new(&self.name, self.options.drain.saturating_add(self.options.shutdown_timeout))
    }

    /// Checks the graph and all options, as [`start`](Daemon::start) does before anything else.
    ///
    /// # Errors
    ///
    /// If the graph could not work, or if an option of the daemon, of a service, of a prestart stage
    /// or of the admin route has a value that makes no sense ([`Error::is_graph`]). The message names every fault:
    /// the option, its value, and what to write instead, in the words of the compiler's errors
    /// about attributes.
    pub fn check(&self) -> Result<(), Error> {
        self.checked().map(drop)
    }

    /// What is legal in the services and options of this daemon, and nearly always a mistake. None
    /// of it keeps the daemon from running; the start logs it at INFO.
    ///
    /// A daemon that [`check`](Daemon::check) refuses gets no advice about its services. To have a
    /// test demand that there is none, write `assert_eq!(daemon.advice(), [])`.
    #[must_use]
    pub fn advice(&self) -> Vec<Advice> {
        self.advice_by(|graph| graph.advice())
    }

    fn advice_by(&self, on_graph: fn(&Graph<'_>) -> Vec<Advice>) -> Vec<Advice> {
        self.with_graph(|graph| {
            let mut advice = on_graph(graph);
            advice.extend(graph.advice_on_daemon(self.options.shutdown_timeout, self.watchdog.on_stale));
            advice
        })
    }

    /// Logs the advice, once the graph is checked. It is computed only if such a record is enabled.
    fn log_advice(&self) {
        if Level::INFO > LevelFilter::current() {
            return;
        }
        for advice in self.advice_by(|graph| graph.advice_if_sound()) {
            let rule = advice.rule.as_str();
            emit!(INFO, target: "rxd", rule, daemon = &*self.name, "advice: {advice}");
        }
    }

    /// As [`check`](Daemon::check). Returns the stop order.
    fn checked(&self) -> Result<Vec<Vec<usize>>, Error> {
        let (mut faults, mut rule) = (self.option_faults(), None);
        match self.with_graph(|graph| graph.check()) {
            Err(found) => {
                rule = found.first().map(|fault| fault.rule.as_str());
                found.into_iter().for_each(|fault| faults.push(fault.message));
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

    /// The rules that its trace is checked against.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn declared_rules(&self) -> crate::trace::rules::DeclaredRules {
        let services = self.services.iter();
        let mut options: Vec<_> = services.map(|service| (!service.is_off()).then(|| service.limits())).collect();
        options.extend(self.families.iter().map(|family| Some(family.limits())));
        self.with_graph(|graph| crate::trace::rules::DeclaredRules::from_graph(graph, &options))
    }

    fn with_graph<T>(&self, look: impl FnOnce(&Graph<'_>) -> T) -> T {
        let (mut look, mut result) = (Some(look), None);
        self.lend_graph(&mut |graph| result = look.take().map(|look| look(graph)));
        result.expect("`lend_graph` calls it once")
    }

    /// Calls `look` once, with the services and behind them the families.
    fn lend_graph(&self, look: &mut dyn FnMut(&Graph<'_>)) {
        // Declared edges are borrowed; those added by the builder are put together.
        let outlines = || self.families.iter().map(|family| &family.outline);
        let mut targets: Vec<Vec<OwnedTargets<'_>>> = Vec::new();
        for service in self.services.iter().filter(|service| service.declared_edges().is_none()) {
            targets.push(service.targets());
        }
        for outline in outlines().filter(|outline| outline.declared_edges().is_none()) {
            targets.push(outline.targets());
        }
        let mut added: Vec<Vec<Edge<'_>>> = Vec::with_capacity(targets.len());
        for edges in &targets {
            added.push(edges.iter().map(|(edge, targets)| Edge { targets, ..*edge }).collect());
        }
        let mut added = added.iter();
        let mut nodes: Vec<Node<'_>> = Vec::with_capacity(self.services.len() + self.families.len());
        for service in &self.services {
            let edges = service.declared_edges().or_else(|| added.next().map(Vec::as_slice));
            nodes.push(service.node(edges.unwrap_or_default()));
        }
        for family in &self.families {
            let edges = family.outline.declared_edges().or_else(|| added.next().map(Vec::as_slice));
            nodes.push(family.node(edges.unwrap_or_default()));
        }
        look(&Graph { daemon: &self.name, nodes: &nodes });
    }
}
