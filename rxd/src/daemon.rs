//! A daemon: its services, started in order, watched over, stopped in order.

use crate::board::{Board, Condition, Declared as Row, HISTORY, Id, Reaction};
use crate::core::{Core, Name};
use crate::error::{Error, GraphError, Result};
use crate::graph::{Edge, Effect, Graph, Keyword, Mode, Node, Target};
use crate::handle::DaemonHandle;
use crate::service::Service;
use crate::shutdown::{Ladder, without_cycles};
use crate::signals::{self, Listener, Signal};
use crate::state::{Action, State};
use crate::supervisor::Supervisor;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// How long a daemon may take to stop where nothing else is declared.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

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
/// daemon.run().await
/// # }
/// ```
#[must_use = "a daemon does nothing until it is run"]
pub struct Daemon {
    name: Name,
    services: Vec<Service>,
    signals: Option<Vec<Signal>>,
    shutdown_timeout: Duration,
    history: usize,
    #[cfg(feature = "admin")]
    admin: Option<crate::admin::Admin>,
}

impl fmt::Debug for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let services: Vec<&str> = self.services.iter().map(Service::name).collect();
        f.debug_struct("Daemon").field("name", &self.name).field("services", &services).finish_non_exhaustive()
    }
}

impl Daemon {
    /// A daemon without services. The name is the one in messages.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Daemon {
            name: name.into(),
            services: Vec::new(),
            signals: None,
            shutdown_timeout: SHUTDOWN_TIMEOUT,
            history: HISTORY,
            #[cfg(feature = "admin")]
            admin: None,
        }
    }

    /// Adds a service: a [`Service`], or a value of a type annotated with `#[rxd::service]`.
    pub fn add(mut self, service: impl Into<Service>) -> Self {
        self.services.push(service.into());
        self
    }

    /// Adds services.
    pub fn add_all<S: Into<Service>>(mut self, services: impl IntoIterator<Item = S>) -> Self {
        self.services.extend(services.into_iter().map(Into::into));
        self
    }

    /// How long the daemon may take to stop; what has not ended then is abandoned, and named in
    /// the report. Default: 30 s.
    pub fn shutdown_timeout(mut self, limit: Duration) -> Self {
        self.shutdown_timeout = limit;
        self
    }

    /// The signals that stop the daemon. Default: SIGINT and SIGTERM. With none of them, and
    /// without SIGHUP, the process's signals are left alone.
    ///
    /// The first asks the daemon to stop, the second sets all remaining limits to zero, the third
    /// ends the process at once with status 128 + its number. SIGHUP reloads, unless it is listed.
    pub fn signals(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        self.signals = Some(signals.into_iter().collect());
        self
    }

    /// How many past transitions are kept, for [`DaemonHandle::history`] and for readers of a
    /// [`StateStream`](crate::StateStream) that lag. At least 1. Default: 1024, of 32 bytes each.
    pub fn history(mut self, transitions: usize) -> Self {
        self.history = transitions.max(1);
        self
    }

    /// Has the daemon listen for its operators: `.admin("127.0.0.1:1337")`, `.admin("unix:/run/my-app.sock")`,
    /// or an [`Admin`](crate::admin::Admin) with more to say. See [`rxd::admin`](crate::admin).
    ///
    /// An address that cannot be listened on is an error of [`start`](Daemon::start).
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
    pub async fn run(self) -> Result {
        self.start().await?.wait().await.into_result()
    }

    /// Starts the daemon: checks its graph, then starts each service in a task of its own.
    ///
    /// # Errors
    ///
    /// If the graph could not work ([`Error::is_graph`]), if there are no services, if there is no
    /// tokio runtime, or if a signal cannot be listened to. Nothing has been started then.
    pub async fn start(self) -> Result<DaemonHandle> {
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(Error::msg("failed to start: there is no tokio runtime; write #[tokio::main] above main"));
        }
        self.check()?;
        #[cfg(feature = "admin")]
        let (pictures, admin) = {
            let pictures = self.with_graph(crate::admin::picture::Pictures::of);
            (pictures, crate::admin::bind(self.admin.clone()).await?)
        };
        crate::panic::note_locations();
        let Daemon { name, services, signals, shutdown_timeout, history, .. } = self;
        let listener = match &signals {
            None => Listener::new(signals::DEFAULT)?,
            Some(signals) if signals.is_empty() => Listener::none(),
            Some(signals) => Listener::new(signals)?,
        };
        let services: Vec<Service> = services.into_iter().filter(|service| !service.is_off()).collect();
        let core = Arc::new(wire(name, &services, history));
        #[cfg(feature = "admin")]
        core.pictures.get_or_init(|| pictures);
        let tasks = TaskTracker::new();
        for (id, service) in services.into_iter().enumerate() {
            let name = core.name(id as Id).clone();
            let span = tracing::error_span!(target: "rxd", "service", service = %name);
            service.spawn(&core, id as Id, &tasks, span);
        }
        let (supervisor, report) = Supervisor::new(core.clone(), tasks, listener, shutdown_timeout);
        let span = tracing::error_span!(target: "rxd", "daemon", daemon = %core.daemon);
        tokio::spawn(supervisor.run().instrument(span));
        let handle = DaemonHandle::new(core, report);
        #[cfg(feature = "admin")]
        if let Some(admin) = admin {
            admin.serve(&handle);
        }
        Ok(handle)
    }

    fn check(&self) -> Result {
        let faults = self.with_graph(|graph| graph.faults());
        if faults.is_empty() { Ok(()) } else { Err(Error::from(GraphError(faults))) }
    }

    fn with_graph<T>(&self, look: impl FnOnce(&Graph<'_>) -> T) -> T {
        let edges: Vec<Vec<OwnedTargets<'_>>> = self.services.iter().map(Service::targets).collect();
        let edges: Vec<Vec<Edge<'_>>> =
            edges.iter().map(|edges| edges.iter().map(|(edge, targets)| Edge { targets, ..*edge }).collect()).collect();
        let nodes: Vec<Node<'_>> =
            self.services.iter().zip(&edges).map(|(service, edges)| service.node(edges)).collect();
        look(&Graph { daemon: &self.name, nodes: &nodes })
    }
}

/// An edge without its targets, and those.
pub(crate) type OwnedTargets<'a> = (Edge<'static>, Vec<Target<'a>>);

/// Gives each service its place, and each watch the places it is about.
fn wire(daemon: Name, services: &[Service], history: usize) -> Core {
    let names: Vec<Name> = services.iter().map(|service| service.shared_name()).collect();
    let kinds: Vec<Option<u64>> = services.iter().map(Service::kind).collect();
    let mut known: Vec<(u64, Id)> = Vec::with_capacity(services.len() * 2);
    for (id, name) in names.iter().enumerate() {
        known.push((crate::graph::fnv1a(name), id as Id));
        known.extend(kinds[id].map(|kind| (kind, id as Id)));
    }
    known.sort_unstable();
    let find = |target: &Target<'_>| {
        let from = known.partition_point(|(hash, _)| *hash < target.id);
        let mut same = known[from..].iter().take_while(|(hash, _)| *hash == target.id);
        same.find(|(_, id)| target.by_type || names[*id as usize] == target.text).map(|(_, id)| *id)
    };
    let mut rows: Vec<Vec<Row>> = Vec::with_capacity(services.len());
    let mut after: Vec<Vec<Id>> = Vec::with_capacity(services.len());
    for service in services {
        let mut own = Vec::new();
        let mut stops_before = Vec::new();
        for (edge, targets) in service.targets() {
            // A service that is switched off is nobody's target.
            let targets: Box<[Id]> = targets.iter().filter_map(find).collect();
            if targets.is_empty() {
                continue;
            }
            let first_order = edge.keyword == Keyword::Needs
                || (edge.is_gate() && edge.action == Action::Entering && edge.state == State::Run);
            if first_order {
                stops_before.extend(&targets);
            }
            rows_of(&edge, &targets, &mut own);
        }
        stops_before.sort_unstable();
        stops_before.dedup();
        rows.push(own);
        after.push(stops_before);
    }
    Core::new(daemon, names, &kinds, Board::new(rows, history), Ladder::new(without_cycles(after)))
}

/// The watches on the board that one declared edge stands for.
fn rows_of(edge: &Edge<'_>, targets: &[Id], rows: &mut Vec<Row>) {
    let mut add = |mode, condition, reaction, within| {
        rows.push(Row { mode, condition, targets: targets.into(), reaction, within });
    };
    match edge.keyword {
        Keyword::Watch => {
            let reaction = match edge.effect {
                Effect::GateInit => Reaction::GateInit,
                Effect::GateRun => Reaction::GateRun,
                Effect::Stop => Reaction::Stop,
                Effect::Exit => Reaction::Exit,
                Effect::Stream => return,
            };
            add(edge.mode, Condition::State(edge.action, edge.state), reaction, edge.within);
        }
        Keyword::Needs => {
            add(Mode::All, Condition::State(Action::Entering, State::Run), Reaction::GateRun, edge.within);
            add(Mode::Any, Condition::State(Action::Exited, State::Run), Reaction::Stop, None);
            add(Mode::Any, Condition::GaveUp, Reaction::Dependency, None);
        }
        Keyword::After => {
            add(Mode::All, Condition::EndedWell, Reaction::GateRun, edge.within);
            add(Mode::Any, Condition::GaveUp, Reaction::Dependency, None);
        }
    }
}
