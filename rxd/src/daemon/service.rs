//! One service as the builder takes it: a name, a runner, and what is declared about it. `faults`: what
//! is wrong with its values.

mod faults;

mod outline;

use crate::board::Id;
use crate::core::Core;
use crate::core::names::Name;
use crate::daemon::config::ConfigDemand;
use crate::daemon::engine_tasks::EngineTasks;
use crate::engine::{EngineState, OverriddenMethods, serve};
use crate::graph::declaration::{Declared, DeclaredKind};
use crate::graph::{Edge, Effect, Mode, Node, ServiceType, Target};
use crate::in_span::{InSpan, ScopedSubscriber};
use crate::lifecycle::manager::object::Decide;
use crate::lifecycle::manager::{Manager, Table};
use crate::lifecycle::options::Options;
#[cfg(feature = "cron")]
use crate::lifecycle::options::recurrence::Schedule;
use crate::lifecycle::options::recurrence::{Every, Recurrence};
use crate::lifecycle::options::service::ServiceOptions;
use crate::lifecycle::state::{Action, State};
use crate::service::context::Context;
use crate::service::function::FunctionRunner;
use crate::service::runner::Runner;
use std::borrow::Cow;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// A service as the builder takes it: a name, a [`Runner`], and what is declared about it.
///
/// ```
/// use rxd::{Backoff, Context, Daemon, OnFailure, Options, Runner, Service, State};
/// use std::time::Duration;
///
/// struct Worker(usize);
///
/// impl Runner for Worker {
///     async fn run(&mut self, cx: &Context) -> rxd::Result {
///         cx.cancelled().await;
///         Ok(())
///     }
/// }
///
/// // #[rxd::service(name = "worker-1", timeouts(Stop = "5s"), backoff(base = "1s"),
/// //     restarts(max = 5, within = "1m"), on_failure = "shutdown")]
/// // #[needs("db")]
/// let options = Options::DEFAULT
///     .timeout_of(State::Stop, Duration::from_secs(5))
///     .backoff(Backoff::DEFAULT.base(Duration::from_secs(1)))
///     .restarts(5, Duration::from_secs(60))
///     .on_failure(OnFailure::Shutdown);
/// let pool = (1..=3).map(|n| Service::new(format!("worker-{n}"), Worker(n)).options(options).needs(["db"]));
/// let daemon = Daemon::new("pool").add(Service::new("db", Worker(0))).add_all(pool);
/// assert!(daemon.check().is_ok());
/// ```
#[must_use = "a service does nothing until it is added to a daemon"]
pub struct Service(Box<ServiceBox<dyn ErasedRunner>>);

/// A service in one allocation, which its task reuses.
struct ServiceBox<R: ?Sized> {
    config: ServiceConfig,
    runner: R,
}

/// What is declared about a service.
pub(super) struct ServiceConfig {
    name: Name,
    /// Behind a pointer: few services have one.
    group: Option<Box<Name>>,
    version: Option<NonZeroU64>,
    service_type: Option<ServiceType>,
    table: &'static Table,
    manager: Box<dyn Decide>,
    options: ServiceOptions,
    declared: &'static [Edge<'static>],
    watches: Vec<When>,
    optional: bool,
    takes_config: bool,
}

/// An edge without its targets, and the targets.
pub(crate) type OwnedTargets<'a> = (Edge<'static>, Vec<Target<'a>>);

/// The runner of a service, with its type erased, until the service's task is spawned.
pub(super) trait ErasedRunner: Send {
    /// Whether there is no runner: the service is switched off, or has been started.
    fn is_off(&self) -> bool;

    /// What it takes of the daemon's configuration.
    fn config_demand(&self) -> Option<ConfigDemand> {
        None
    }

    /// Spawns the service's task.
    fn spawn(&mut self, engine: EngineState, on: SpawnOn<'_>, span: tracing::Span);
}

/// Where the task of a service is spawned.
pub(super) struct SpawnOn<'a> {
    tasks: &'a EngineTasks,
    subscriber: &'a ScopedSubscriber,
    runtime: &'a Handle,
}

impl SpawnOn<'_> {
    /// Boxes the task, so that tokio's part of it is compiled once, and not anew for each type of
    /// service. That is most of what a service costs to compile, and most of its code in the program.
    // Each move of a task costs more than all else here.
    #[inline(always)]
    pub(super) fn spawn(&self, engine: impl Future<Output = ()> + Send + 'static, span: tracing::Span) {
        let engine: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(engine);
        self.tasks.spawn((self.subscriber, self.runtime), InSpan::new(engine, span));
    }
}

impl<R: Runner> ErasedRunner for Option<R> {
    fn is_off(&self) -> bool {
        self.is_none()
    }

    fn spawn(&mut self, engine: EngineState, on: SpawnOn<'_>, span: tracing::Span) {
        if self.is_some() {
            on.spawn(serve(self.take(), engine, OverriddenMethods::of::<R>()), span);
        }
    }
}

impl ServiceConfig {
    /// A continuous service of this name, without watches.
    pub(super) fn new(name: Name) -> Self {
        ServiceConfig {
            name,
            group: None,
            version: None,
            service_type: None,
            table: const { &<crate::lifecycle::manager::continuous as Manager>::TABLE },
            manager: Box::new(crate::lifecycle::manager::continuous),
            options: ServiceOptions::Declared(&Options::DEFAULT),
            declared: &[],
            watches: Vec::new(),
            optional: false,
            takes_config: false,
        }
    }

    /// The configuration that its attributes declare.
    pub(super) fn declared<R: Declared>() -> Self {
        let declaration = R::DECLARATION;
        ServiceConfig {
            name: Cow::Borrowed(declaration.name),
            group: declaration.group.map(|group| Box::new(Cow::Borrowed(group))),
            version: None,
            service_type: Some(R::SERVICE_TYPE),
            table: declaration.table,
            manager: (declaration.manager)(),
            options: ServiceOptions::declared(declaration.options, declaration.recurrence),
            declared: declaration.edges,
            watches: Vec::new(),
            optional: false,
            takes_config: false,
        }
    }

    pub(super) fn taking_config(self) -> Self {
        ServiceConfig { takes_config: true, ..self }
    }

    pub(super) fn with(self, runner: impl ErasedRunner + 'static) -> Service {
        Service(Box::new(ServiceBox { config: self, runner }))
    }
}

/// As [`declared`](Service::declared), but switched off if there is no runner.
//
// In a debug build each function that a runner is moved through keeps a copy on the stack.
pub(super) fn optionally<R: Runner + Declared>(runner: Option<R>) -> Service {
    Service(Box::new(ServiceBox { config: ServiceConfig::declared::<R>(), runner }))
}

/// The [`Declared::Kind`] of a service whose methods run in its task. `G` has the generic types that
/// it watches.
#[derive(Debug)]
pub struct TaskKind<G = ()>(PhantomData<fn() -> G>);

impl<G> DeclaredKind for TaskKind<G> {
    type GenericTargets = G;
    type Configured = ();
}

/// What has the methods of this [kind](Declared::Kind).
pub trait OfKind<K> {
    /// The service as its attributes declare it.
    fn into_service(self) -> Service;
}

impl<R: Runner + Declared, G> OfKind<TaskKind<G>> for R {
    fn into_service(self) -> Service {
        ServiceConfig::declared::<R>().with(Some(self))
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("name", &self.0.config.name).finish_non_exhaustive()
    }
}

impl Service {
    /// A continuous service of this name, without watches. The [graph](crate::graph) has the rules
    /// for names; [`Daemon::check`](crate::Daemon::check) applies them.
    pub fn new(name: impl Into<Cow<'static, str>>, runner: impl Runner) -> Self {
        ServiceConfig::new(name.into()).with(Some(runner))
    }

    /// The service as its attributes declare it.
    pub fn declared<R: Declared + OfKind<R::Kind>>(runner: R) -> Self {
        runner.into_service()
    }

    /// A service that only needs `run`: the closure is called once for each incarnation, and its
    /// future is that incarnation's `run`.
    ///
    /// * What the closure owns lasts for all incarnations. To hand a value into each future, clone
    ///   it in the closure, or call [`from_fn_with`](Service::from_fn_with).
    /// * The result is [`rxd::Result`](crate::Result): `?` makes its error from any other.
    /// * A panic in the closure or in its future is a failure of the service.
    ///
    /// For `init`, `stop` or `reload`, write a struct and implement [`Runner`].
    ///
    /// ```
    /// use rxd::{Context, Daemon, Service};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> rxd::Result {
    /// let tick = Service::from_fn("tick", |cx: Context| async move {
    ///     let mut every = cx.every(Duration::from_secs(1));
    ///     for _ in 0..3 {
    ///         every.tick().await;
    ///         println!("tick");
    ///     }
    ///     cx.daemon().shutdown();
    ///     Ok(())
    /// });
    /// Daemon::new("clock").add(tick).run().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_fn<F, Fut>(name: impl Into<Cow<'static, str>>, function: F) -> Self
    where
        F: FnMut(Context) -> Fut + Send + 'static,
        Fut: Future<Output = crate::error::Result> + Send,
    {
        Service::new(name, FunctionRunner(function))
    }

    /// As [`from_fn`](Service::from_fn), but each call gets a clone of `state`.
    ///
    /// What one incarnation does to its clone, the next does not see; what all share is behind an
    /// `Arc` or a handle, as in a pool or a sender. A panic in `clone` is a failure of the service.
    ///
    /// ```
    /// use rxd::{Daemon, Service};
    /// use tokio::sync::mpsc;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> rxd::Result {
    /// let (jobs, mut queue) = mpsc::channel(8);
    /// let producer = Service::from_fn_with("producer", jobs, |cx, jobs| async move {
    ///     for job in 1..=3 {
    ///         jobs.send(job).await?;
    ///     }
    ///     cx.cancelled().await;
    ///     Ok(())
    /// });
    /// let handle = Daemon::new("works").add(producer).start().await?;
    /// assert_eq!(queue.recv().await, Some(1));
    /// # handle.shutdown();
    /// # handle.wait().await.into_result()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_fn_with<S, F, Fut>(name: impl Into<Cow<'static, str>>, state: S, mut function: F) -> Self
    where
        S: Clone + Send + 'static,
        F: FnMut(Context, S) -> Fut + Send + 'static,
        Fut: Future<Output = crate::error::Result> + Send,
    {
        Service::from_fn(name, move |cx| function(cx, state.clone()))
    }

    /// Sets the name.
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.0.config.name = name.into();
        self
    }

    /// Puts the service into a group, on which operators and code [act](crate::DaemonHandle::group) as
    /// one. A service is in one group at most; this replaces the one that it was in. Default: none.
    ///
    /// The rules for names of services hold for those of groups. A group and a service may have the same
    /// name.
    pub fn group(mut self, group: impl Into<Cow<'static, str>>) -> Self {
        self.0.config.group = Some(Box::new(group.into()));
        self
    }

    /// Sets the version of what the service is made from: its part of a configuration, for example.
    /// [`DaemonHandle::reconcile`](crate::DaemonHandle::reconcile) keeps a service whose version is the
    /// same, and replaces it otherwise. Default: none. Versions are compared by a hash of 64 bits.
    pub fn version(mut self, version: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        version.hash(&mut hasher);
        self.0.config.version = NonZeroU64::new(hasher.finish() | 1);
        self
    }

    /// Sets the manager. Default: `continuous`.
    pub fn manager<M: Manager>(mut self, manager: M) -> Self {
        self.0.config.table = const { &M::TABLE };
        self.0.config.manager = Box::new(manager);
        self
    }

    /// Sets all delays and limits. Default: [`Options::DEFAULT`].
    pub fn options(mut self, options: Options) -> Self {
        self.0.config.options.set(options);
        self
    }

    /// Sets whether the service starts with the daemon; with `false` only an operator or code starts it.
    /// Default: true. It is one of the [options](Options::autostart), which [`options`](Service::options)
    /// replaces.
    pub fn autostart(mut self, autostart: bool) -> Self {
        let options = *self.0.config.options;
        self.0.config.options.set(options.autostart(autostart));
        self
    }

    /// Has [`Runner::run`] called once each period, and the service stay in Run between two runs.
    pub fn every(self, every: Every) -> Self {
        #[cfg(feature = "cron")]
        if let ServiceOptions::Recurring(recurring) = &self.0.config.options {
            if !matches!(recurring.recurrence, Recurrence::Every(_)) {
                return self.recurring(Recurrence::Both);
            }
        }
        self.recurring(Recurrence::Every(every))
    }

    /// Has [`Runner::run`] called at set times, and the service stay in Run between two runs.
    #[cfg(feature = "cron")]
    pub fn schedule(self, schedule: Schedule) -> Self {
        if let ServiceOptions::Recurring(recurring) = &self.0.config.options {
            if !matches!(recurring.recurrence, Recurrence::Schedule(_)) {
                return self.recurring(Recurrence::Both);
            }
        }
        self.recurring(Recurrence::Schedule(schedule))
    }

    fn recurring(mut self, recurrence: Recurrence) -> Self {
        self.0.config.options.recur(recurrence);
        self
    }

    /// Adds a watch.
    pub fn watch(mut self, when: When) -> Self {
        self.0.config.watches.push(when);
        self
    }

    /// Needs these services: waits in Idle until all of them are in Run, leaves Run when one of
    /// them does, and ends when one of them has failed for good.
    pub fn needs<S: Into<Cow<'static, str>>>(self, services: impl IntoIterator<Item = S>) -> Self {
        self.watch(When::new(Edge::needs(&[]), services))
    }

    /// As [`needs`](Service::needs), but stays in Run while they are out of Run for less than `grace`,
    /// longer than zero.
    ///
    /// The time begins when the first of them leaves Run, and ends when all of them are in Run again.
    /// One that fails for good ends the service at once.
    pub fn needs_with_grace<S: Into<Cow<'static, str>>>(
        self,
        services: impl IntoIterator<Item = S>,
        grace: Duration,
    ) -> Self {
        self.watch(When::new(Edge::needs(&[]).lasts(grace), services))
    }

    /// Waits in Idle until these services have completed: exited after a successful Run. Ends when
    /// one of them has failed for good.
    pub fn after<S: Into<Cow<'static, str>>>(self, services: impl IntoIterator<Item = S>) -> Self {
        self.watch(When::new(Edge::after(&[]), services))
    }

    pub(crate) fn optional(mut self) -> Self {
        self.0.config.optional = true;
        self
    }

    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.config.name
    }

    pub(crate) fn limits(&self) -> &Options {
        &self.0.config.options
    }

    /// Its options, with the limit of each run as that of Run.
    pub(crate) fn method_limits(&self) -> Options {
        self.0.config.options.limits()
    }

    /// The table of its manager.
    pub(crate) fn table(&self) -> &'static Table {
        self.0.config.table
    }

    /// The name of its group.
    pub(crate) fn group_name(&self) -> Option<&Name> {
        self.0.config.group.as_deref()
    }

    pub(crate) fn set_group(&mut self, group: Name) {
        self.0.config.group = Some(Box::new(group));
    }

    /// The hash of its version.
    pub(crate) fn version_hash(&self) -> Option<NonZeroU64> {
        self.0.config.version
    }

    /// Moves the name out of the service, which then has none.
    pub(crate) fn take_name(&mut self) -> Name {
        std::mem::take(&mut self.0.config.name)
    }

    pub(crate) fn type_hash(&self) -> Option<u64> {
        self.0.config.service_type.map(|service_type| service_type.lookup_hash())
    }

    pub(crate) fn is_off(&self) -> bool {
        self.0.runner.is_off()
    }

    /// What it takes of the daemon's configuration.
    pub(crate) fn config_demand(&self) -> Option<ConfigDemand> {
        // The flag is read for each service of each daemon, without a call.
        if self.0.config.takes_config { self.0.runner.config_demand() } else { None }
    }

    /// The same service with another runner, which takes no configuration.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn replaced(mut self, runner: impl Runner) -> Self {
        std::mem::replace(&mut self.0.config, ServiceConfig::new("".into())).with(Some(runner))
    }

    /// Has `run` called once, and not again and again.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn run_once(&mut self) {
        if let ServiceOptions::Recurring(recurring) = &self.0.config.options {
            self.0.config.options = ServiceOptions::Overridden(Box::new(recurring.options));
        }
    }

    /// Gives the service a type, so that other services can name it by that.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn of_type(mut self, service_type: ServiceType) -> Self {
        self.0.config.service_type = Some(service_type);
        self
    }

    /// Its watches, if all of them are declared.
    pub(crate) fn declared_edges(&self) -> Option<&'static [Edge<'static>]> {
        self.0.config.watches.is_empty().then_some(self.0.config.declared)
    }

    /// Its watches, each with its targets.
    pub(crate) fn targets(&self) -> Vec<OwnedTargets<'_>> {
        let ServiceConfig { declared, watches, .. } = &self.0.config;
        let mut targets: Vec<OwnedTargets<'_>> = Vec::with_capacity(declared.len() + watches.len());
        for edge in *declared {
            targets.push((*edge, edge.targets.to_vec()));
        }
        for when in watches {
            targets.push((when.edge, when.services.iter().map(|name| Target::name(name)).collect()));
        }
        targets
    }

    pub(crate) fn node<'a>(&'a self, edges: &'a [Edge<'a>]) -> Node<'a> {
        Node {
            name: &self.0.config.name,
            service_type: self.0.config.service_type,
            table: self.0.config.table,
            edges,
            optional: self.0.config.optional,
            options: &self.0.config.options,
            family: None,
        }
    }

    /// Spawns the service's task.
    pub(crate) fn spawn(
        mut self,
        core: &Arc<Core>,
        id: Id,
        (tasks, runtime): (&EngineTasks, &Handle),
        span: tracing::Span,
    ) {
        let ServiceBox { config, runner } = &mut *self.0;
        let options = std::mem::replace(&mut config.options, ServiceOptions::Declared(&Options::DEFAULT));
        let manager = std::mem::replace(&mut config.manager, Box::new(crate::lifecycle::manager::continuous));
        let on = SpawnOn { tasks, subscriber: &core.subscriber, runtime };
        runner.spawn(EngineState::new(core.clone(), id, options, manager), on, span);
    }
}

impl<R: Declared + OfKind<R::Kind>> From<R> for Service {
    fn from(runner: R) -> Self {
        Service::declared(runner)
    }
}

/// A watch as the builder takes it; see `#[watch]` for its meaning.
///
/// ```
/// use rxd::{Action, Effect, State, When};
///
/// // #[watch(any, exited, Run, "health", then(stop))]
/// let when = When::any(Action::Exited, State::Run, ["health"]).then(Effect::Stop);
/// ```
#[derive(Clone, Debug)]
#[must_use = "a watch does nothing until it is given to a service"]
pub struct When {
    edge: Edge<'static>,
    services: Vec<Name>,
}

impl When {
    /// A watch that holds when at least one of these services satisfies it. Without
    /// [`then`](When::then) it is a gate before Run.
    pub fn any<S: Into<Cow<'static, str>>>(
        action: Action,
        state: State,
        services: impl IntoIterator<Item = S>,
    ) -> Self {
        When::new(Edge::watch(Mode::Any, action, state, &[]), services)
    }

    /// A watch that holds when all of these services satisfy it at the same time. Without
    /// [`then`](When::then) it is a gate before Run.
    pub fn all<S: Into<Cow<'static, str>>>(
        action: Action,
        state: State,
        services: impl IntoIterator<Item = S>,
    ) -> Self {
        When::new(Edge::watch(Mode::All, action, state, &[]), services)
    }

    fn new<S: Into<Cow<'static, str>>>(edge: Edge<'static>, services: impl IntoIterator<Item = S>) -> Self {
        When { edge, services: services.into_iter().map(Into::into).collect() }
    }

    /// Sets the effect.
    pub fn then(mut self, effect: Effect) -> Self {
        self.edge = self.edge.then(effect);
        self
    }

    /// Limits how long a gate may stay closed; after that the service fails. Longer than zero.
    /// Default: no limit.
    pub fn within(mut self, limit: Duration) -> Self {
        self.edge = self.edge.within(limit);
        self
    }

    /// Has a gate open, or a reaction act, only once the condition has held for so long without a
    /// break. Longer than zero. Default: at once.
    ///
    /// * A break of any length begins the time anew.
    /// * The time also runs while the service is not in Run: a condition that has held for long
    ///   enough when the service comes to the gate lets it pass.
    ///
    /// ```
    /// use rxd::{Action, Effect, State, When};
    /// use std::time::Duration;
    ///
    /// // #[watch(any, exited, Run, "health", then(stop), lasts = "3s")]
    /// let when = When::any(Action::Exited, State::Run, ["health"])
    ///     .then(Effect::Stop)
    ///     .lasts(Duration::from_secs(3));
    /// ```
    pub fn lasts(mut self, time: Duration) -> Self {
        self.edge = self.edge.lasts(time);
        self
    }
}
