//! What a service is: its methods, and what the builder is told about it.

use crate::board::Id;
use crate::context::Context;
use crate::core::Core;
use crate::declared::{Decide, Declared};
use crate::directory::Name;
use crate::engine::{Seat, serve};
use crate::error::Result;
use crate::graph::{Edge, Effect, Kind, Mode, Node, Target};
use crate::manager::{Manager, Table};
use crate::options::{Knobs, Options};
use crate::state::{Action, State};
use crate::tracker::Tracker;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tracing::Instrument;

/// The methods of a service. Only [`run`](Runner::run) must be written.
///
/// The engine calls them one at a time, in the order of the lifecycle, on one and the same value:
/// what `init` puts into `self` is there in `run` and can be taken out in `stop`.
///
/// # Cancel safety
///
/// When a service is to leave a state, [`Context::cancelled`] completes and the method is given
/// its time to return; past its limit its future is dropped at whatever `.await` it is at.
///
/// # Panics
///
/// A panic in a method, in a task it has spawned, or in the drop of what it leaves behind is
/// contained: it counts as a failure of this service, with its message and place, and `stop` is
/// called. A second panic while the first unwinds ends the process, as everywhere in Rust, and so
/// does the first under `panic = "abort"`; no service is stopped then.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is annotated as a service, but has no methods",
    label = "`Runner` is not implemented for it",
    note = "write `impl rxd::Runner for {Self} {{ async fn run(&mut self, cx: &rxd::Context) -> rxd::Result {{ .. }} }}`"
)]
pub trait Runner: Send + 'static {
    /// Acquires what the service needs. Default: nothing.
    fn init(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        Nothing
    }

    /// Prepares to run; the gates of the service are waited for after it has returned. Default: nothing.
    fn idle(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        Nothing
    }

    /// Does the work. To leave it is to leave [`State::Run`].
    fn run(&mut self, cx: &Context) -> impl Future<Output = Result> + Send;

    /// Releases what `init` acquired. Called if and only if `init` was, also after an error or a
    /// panic, and with a context that is not cancelled. Default: nothing.
    fn stop(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        Nothing
    }

    /// Takes up a new configuration: called on SIGHUP, and when an operator asks.
    ///
    /// A service in Run stays in it: `run` is told to return, `reload` is called, and then `run`
    /// again, without a transition; tasks the service spawned end first. In Idle likewise, with
    /// `idle`, unless that has returned. An error leaves things as they were, so check the new
    /// configuration before you put it in place. A service without a `reload` of its own is left
    /// alone by SIGHUP. Default: nothing.
    fn reload(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        Nothing
    }
}

/// What a default method returns: how the engine knows that there is nothing to call.
pub(crate) struct Nothing;

impl Future for Nothing {
    type Output = Result;

    fn poll(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Result> {
        Poll::Ready(Ok(()))
    }
}

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
pub struct Service {
    name: Name,
    kind: Option<Kind>,
    table: &'static Table,
    manager: Box<dyn Decide>,
    options: Knobs,
    declared: &'static [Edge<'static>],
    watches: Vec<When>,
    optional: bool,
    spawn: Option<Spawn>,
}

/// An edge without its targets, and those.
pub(crate) type OwnedTargets<'a> = (Edge<'static>, Vec<Target<'a>>);

/// Starts the service's task: the one place that knows its type.
type Spawn = Box<dyn FnOnce(Seat, (&Tracker, &Handle), tracing::Span) + Send>;

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Service {
    /// A continuous service of this name, without watches.
    pub fn new(name: impl Into<Cow<'static, str>>, runner: impl Runner) -> Self {
        Service {
            name: name.into(),
            kind: None,
            table: const { &<crate::manager::continuous as Manager>::TABLE },
            manager: Box::new(crate::manager::continuous),
            options: Knobs::Declared(&Options::DEFAULT),
            declared: &[],
            watches: Vec::new(),
            optional: false,
            spawn: Some(spawn_with(runner)),
        }
    }

    /// The service as its attributes declare it.
    pub fn declared<R: Runner + Declared>(runner: R) -> Self {
        Service { spawn: Some(spawn_with(runner)), ..Service::off::<R>() }
    }

    /// As [`declared`](Service::declared), but switched off.
    pub(crate) fn off<R: Declared>() -> Self {
        let declaration = R::DECLARATION;
        Service {
            name: Cow::Borrowed(declaration.name),
            kind: Some(R::KIND),
            table: declaration.table,
            manager: (declaration.manager)(),
            options: Knobs::Declared(declaration.options),
            declared: declaration.edges,
            watches: Vec::new(),
            optional: false,
            spawn: None,
        }
    }

    /// Under another name.
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Under another manager.
    pub fn manager<M: Manager>(mut self, manager: M) -> Self {
        self.table = const { &M::TABLE };
        self.manager = Box::new(manager);
        self
    }

    /// With other delays and limits.
    pub fn options(mut self, options: Options) -> Self {
        self.options = Knobs::Own(Box::new(options));
        self
    }

    /// With one watch more.
    pub fn watch(mut self, when: When) -> Self {
        self.watches.push(when);
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
        self.optional = true;
        self
    }

    /// The service's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn limits(&self) -> &Options {
        &self.options
    }

    pub(crate) fn shared_name(&self) -> Name {
        self.name.clone()
    }

    pub(crate) fn kind(&self) -> Option<u64> {
        self.kind.map(|kind| kind.id)
    }

    pub(crate) fn is_off(&self) -> bool {
        self.spawn.is_none()
    }

    /// The same service with other methods.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn replaced(self, runner: impl Runner) -> Self {
        Service { spawn: Some(spawn_with(runner)), ..self }
    }

    /// As the target that another service names by its type.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn of_kind(self, kind: Kind) -> Self {
        Service { kind: Some(kind), ..self }
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn table(&self) -> &Table {
        self.table
    }

    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn knobs(&self) -> &Options {
        &self.options
    }

    /// Its watches, where all of them are declared.
    pub(crate) fn declared_edges(&self) -> Option<&'static [Edge<'static>]> {
        self.watches.is_empty().then_some(self.declared)
    }

    /// Its watches, each with its targets.
    pub(crate) fn targets(&self) -> Vec<OwnedTargets<'_>> {
        let declared = self.declared.iter().map(|edge| (*edge, edge.targets.to_vec()));
        let added = self.watches.iter().map(|when| {
            let targets = when.services.iter().map(|name| Target::name(name)).collect();
            (when.edge, targets)
        });
        declared.chain(added).collect()
    }

    pub(crate) fn node<'a>(&'a self, edges: &'a [Edge<'a>]) -> Node<'a> {
        Node {
            name: &self.name,
            kind: self.kind,
            table: self.table,
            edges,
            optional: self.optional,
            gives_up: self.options.restarts.is_some(),
        }
    }

    /// Starts it, once. In place: to move it takes as long as to look at it.
    pub(crate) fn spawn(&mut self, core: &Arc<Core>, id: Id, tasks: (&Tracker, &Handle), span: tracing::Span) {
        if let Some(spawn) = self.spawn.take() {
            let options = std::mem::replace(&mut self.options, Knobs::Declared(&Options::DEFAULT));
            let manager = std::mem::replace(&mut self.manager, Box::new(crate::manager::continuous));
            spawn(Seat::new(core.clone(), id, options, manager), tasks, span);
        }
    }
}

fn spawn_with<R: Runner>(runner: R) -> Spawn {
    Box::new(move |seat, (tasks, runtime), span| {
        tasks.spawn(runtime, serve(runner, seat).instrument(span));
    })
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

    /// How long a gate may stay shut: after that it is a failure of its service.
    pub fn within(mut self, limit: Duration) -> Self {
        self.edge = self.edge.within(limit);
        self
    }
}
