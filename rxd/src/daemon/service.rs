//! One service as the builder takes it: a name, a runner, and what is declared about it.

use crate::board::Id;
use crate::core::Core;
use crate::core::names::Name;
use crate::daemon::engine_tasks::EngineTasks;
use crate::engine::{EngineState, serve};
use crate::graph::declaration::Declared;
use crate::graph::{self, Edge, Effect, Kind, Mode, Node, Target};
use crate::in_span::InSpan;
use crate::lifecycle::manager::{Decide, Manager, Table};
use crate::lifecycle::options::{Knobs, Options, check};
use crate::lifecycle::state::{Action, State};
use crate::service::runner::Runner;
use std::borrow::Cow;
use std::fmt;
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

/// A service in one piece, whose place its task may take.
struct ServiceBox<M: ?Sized> {
    config: ServiceConfig,
    methods: M,
}

/// What is said of a service.
struct ServiceConfig {
    name: Name,
    kind: Option<Kind>,
    table: &'static Table,
    manager: Box<dyn Decide>,
    options: Knobs,
    declared: &'static [Edge<'static>],
    watches: Vec<When>,
    optional: bool,
}

/// An edge without its targets, and those.
pub(crate) type OwnedTargets<'a> = (Edge<'static>, Vec<Target<'a>>);

/// The methods of a service, until its task is made of them: the one place that knows its type.
trait ErasedRunner: Send {
    /// Whether there are none: the service is switched off, or has its task.
    fn are_off(&self) -> bool;

    /// Makes its task of them.
    fn spawn(&mut self, engine: EngineState, tasks: (&EngineTasks, &Handle), span: tracing::Span);
}

impl<R: Runner> ErasedRunner for Option<R> {
    fn are_off(&self) -> bool {
        self.is_none()
    }

    fn spawn(&mut self, engine: EngineState, (tasks, runtime): (&EngineTasks, &Handle), span: tracing::Span) {
        if let Some(runner) = self.take() {
            tasks.spawn(runtime, InSpan::new(serve(runner, engine), span));
        }
    }
}

impl ServiceConfig {
    /// A continuous service of this name, without watches.
    fn new(name: Name) -> Self {
        ServiceConfig {
            name,
            kind: None,
            table: const { &<crate::lifecycle::manager::continuous as Manager>::TABLE },
            manager: Box::new(crate::lifecycle::manager::continuous),
            options: Knobs::Declared(&Options::DEFAULT),
            declared: &[],
            watches: Vec::new(),
            optional: false,
        }
    }

    /// What its attributes say.
    fn declared<R: Declared>() -> Self {
        let declaration = R::DECLARATION;
        ServiceConfig {
            name: Cow::Borrowed(declaration.name),
            kind: Some(R::KIND),
            table: declaration.table,
            manager: (declaration.manager)(),
            options: Knobs::Declared(declaration.options),
            declared: declaration.edges,
            watches: Vec::new(),
            optional: false,
        }
    }

    fn with<R: Runner>(self, runner: Option<R>) -> Service {
        Service(Box::new(ServiceBox { config: self, methods: runner }))
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("name", &self.0.config.name).finish_non_exhaustive()
    }
}

impl Service {
    /// A continuous service of this name, without watches. What a name may be is a rule of the
    /// [graph](crate::graph), which [`Daemon::check`](crate::Daemon::check) asks for.
    pub fn new(name: impl Into<Cow<'static, str>>, runner: impl Runner) -> Self {
        ServiceConfig::new(name.into()).with(Some(runner))
    }

    /// The service as its attributes declare it.
    pub fn declared<R: Runner + Declared>(runner: R) -> Self {
        ServiceConfig::declared::<R>().with(Some(runner))
    }

    /// As [`declared`](Service::declared), but switched off if there is none.
    pub(crate) fn optionally<R: Runner + Declared>(runner: Option<R>) -> Self {
        ServiceConfig::declared::<R>().with(runner)
    }

    /// Under another name.
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.0.config.name = name.into();
        self
    }

    /// Under another manager.
    pub fn manager<M: Manager>(mut self, manager: M) -> Self {
        self.0.config.table = const { &M::TABLE };
        self.0.config.manager = Box::new(manager);
        self
    }

    /// With other delays and limits.
    pub fn options(mut self, options: Options) -> Self {
        self.0.config.options = Knobs::Own(Box::new(options));
        self
    }

    /// With one watch more.
    pub fn watch(mut self, when: When) -> Self {
        self.0.config.watches.push(when);
        self
    }

    /// In Run while these are: held back until all of them are in Run, taken out when one leaves it.
    pub fn needs<S: Into<Cow<'static, str>>>(self, services: impl IntoIterator<Item = S>) -> Self {
        self.watch(When::new(Edge::needs(&[]), services))
    }

    /// Held back in Idle until these have ended well.
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

    pub(crate) fn shared_name(&self) -> Name {
        self.0.config.name.clone()
    }

    pub(crate) fn kind(&self) -> Option<u64> {
        self.0.config.kind.map(|kind| kind.id)
    }

    pub(crate) fn is_off(&self) -> bool {
        self.0.methods.are_off()
    }

    /// The same service with other methods.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn replaced(mut self, runner: impl Runner) -> Self {
        std::mem::replace(&mut self.0.config, ServiceConfig::new("".into())).with(Some(runner))
    }

    /// As the target that another service names by its type.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn of_kind(mut self, kind: Kind) -> Self {
        self.0.config.kind = Some(kind);
        self
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn table(&self) -> &Table {
        self.0.config.table
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn knobs(&self) -> &Options {
        &self.0.config.options
    }

    /// Its watches, where all of them are declared.
    pub(crate) fn declared_edges(&self) -> Option<&'static [Edge<'static>]> {
        self.0.config.watches.is_empty().then_some(self.0.config.declared)
    }

    /// Its watches, each with its targets.
    pub(crate) fn targets(&self) -> Vec<OwnedTargets<'_>> {
        let declared = self.0.config.declared.iter().map(|edge| (*edge, edge.targets.to_vec()));
        let added = self.0.config.watches.iter().map(|when| {
            let targets = when.services.iter().map(|name| Target::name(name)).collect();
            (when.edge, targets)
        });
        declared.chain(added).collect()
    }

    /// What is wrong with the values that it was given; `by_type` makes the first words of a message.
    pub(crate) fn option_faults(&self, of: impl Fn() -> String, faults: &mut Vec<String>) {
        let ServiceConfig { options, declared, watches, .. } = &self.0.config;
        // What attributes declare has been checked where it stands.
        if let Knobs::Own(options) = options {
            faults.extend(options.faults().map(|fault| fault.message(&of())));
        }
        let added = watches.iter().map(|when| check::within(when.edge.within)).enumerate();
        for (at, fault) in added.filter_map(|(at, fault)| Some((at, fault?))) {
            let (edge, targets) = &self.targets()[declared.len() + at];
            faults.push(fault.message(&format!("{}, {}", of(), graph::shown(&Edge { targets, ..*edge }))));
        }
    }

    pub(crate) fn node<'a>(&'a self, edges: &'a [Edge<'a>]) -> Node<'a> {
        Node {
            name: &self.0.config.name,
            kind: self.0.config.kind,
            table: self.0.config.table,
            edges,
            optional: self.0.config.optional,
            gives_up: self.0.config.options.restarts.is_some(),
        }
    }

    /// Starts it, once.
    pub(crate) fn spawn(mut self, core: &Arc<Core>, id: Id, tasks: (&EngineTasks, &Handle), span: tracing::Span) {
        let ServiceBox { config, methods } = &mut *self.0;
        let options = std::mem::replace(&mut config.options, Knobs::Declared(&Options::DEFAULT));
        let manager = std::mem::replace(&mut config.manager, Box::new(crate::lifecycle::manager::continuous));
        methods.spawn(EngineState::new(core.clone(), id, options, manager), tasks, span);
    }
}

impl<R: Runner + Declared> From<R> for Service {
    fn from(runner: R) -> Self {
        Service::declared(runner)
    }
}

/// A watch as the builder takes it; see `#[watch]` for what it means.
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
    /// When at least one of these services satisfies it. Without [`then`](When::then): a gate before Run.
    pub fn any<S: Into<Cow<'static, str>>>(
        action: Action,
        state: State,
        services: impl IntoIterator<Item = S>,
    ) -> Self {
        When::new(Edge::watch(Mode::Any, action, state, &[]), services)
    }

    /// When all of these services satisfy it at the same time. Without [`then`](When::then): a gate before Run.
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

    /// What follows.
    pub fn then(mut self, effect: Effect) -> Self {
        self.edge = self.edge.then(effect);
        self
    }

    /// How long a gate may stay shut: after that it is a failure of its service. Longer than zero.
    pub fn within(mut self, limit: Duration) -> Self {
        self.edge = self.edge.within(limit);
        self
    }
}
