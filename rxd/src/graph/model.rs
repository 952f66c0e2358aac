//! The service graph as plain data: services, their watches, and the targets of these.

use crate::lifecycle::manager::Table;
use crate::lifecycle::state::{Action, State};
use std::panic::Location;
use std::time::Duration;

/// A whole service graph.
///
/// A declared daemon has its own as a constant, `EdgeAgent::GRAPH`, and needs none of this: the compiler has checked it. By hand:
///
/// ```
/// use rxd::graph::{Edge, Graph, Node, Rule, Target};
/// use rxd::manager::{Manager, continuous};
///
/// let table = &<continuous as Manager>::TABLE;
/// let node = |name, edges| Node { name, service_type: None, table, edges, optional: false, has_restart_limit: false };
/// let needs_db = [Edge::needs(&[const { Target::name("db") }])];
/// let nodes = [node("api", &needs_db[..]), node("dB", &[])];
/// let graph = Graph { daemon: "agent", nodes: &nodes };
///
/// let faults = graph.faults();
/// assert_eq!(faults[0].rule, Rule::UnknownService);
/// assert!(faults[0].message.contains("did you mean `dB`?"));
/// println!("{}", graph.to_mermaid());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Graph<'a> {
    /// What the daemon is called in messages of the compiler: the struct's name as it is written,
    /// `EdgeAgent`. Where it runs it is called `edge-agent`, as services are `db` and not `Db`. Of the
    /// builder's it is the name that it was given.
    pub daemon: &'a str,
    /// The services, in the order they were declared.
    pub nodes: &'a [Node<'a>],
}

/// One service of a graph.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// The service's name in this daemon.
    pub name: &'a str,
    /// The type it was declared on; `None` for a service of the builder.
    pub service_type: Option<ServiceType>,
    /// What its manager may do.
    pub table: &'a Table,
    /// What it watches.
    pub edges: &'a [Edge<'a>],
    /// Whether it may be switched off at start (an `Option` field); to the rules it is there.
    pub optional: bool,
    /// Whether it has a restart limit, and so may end under any manager.
    pub has_restart_limit: bool,
}

/// The identity of a declared service's type.
#[derive(Clone, Copy, Debug)]
pub struct ServiceType {
    /// A hash of the type's path.
    pub id: u64,
    /// The type as it is shown: `Health`.
    pub text: &'static str,
    /// Where it is declared.
    pub declared_at: &'static Location<'static>,
}

impl ServiceType {
    /// The identity of the type with this full path, shown as `text`, and declared here.
    #[must_use]
    #[track_caller]
    pub const fn new(path: &str, text: &'static str) -> Self {
        ServiceType { id: fnv1a(path), text, declared_at: Location::caller() }
    }
}

/// Which attribute an edge was written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyword {
    /// `#[watch(..)]`
    Watch,
    /// `#[needs(..)]`: a gate on all of them being in Run, and `then(stop)` when one leaves it.
    Needs,
    /// `#[after(..)]`: a gate on all of them having ended well.
    After,
}

/// How many targets must satisfy a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// At least one.
    Any,
    /// All, at the same instant.
    All,
}

/// What a watch does to its service when it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// `then(init)`: hold the service back before Init until it holds.
    GateInit,
    /// `then(run)`: hold the service back in Idle until it holds.
    GateRun,
    /// `then(stop)`: take the service out of Run.
    Stop,
    /// `then(exit)`: end the service.
    Exit,
    /// `stream(..)`: nothing; the service reads it.
    Stream,
}

/// One watch of a service: an arrow to each target.
#[derive(Clone, Copy, Debug)]
pub struct Edge<'a> {
    /// How it was written. For [`Needs`](Keyword::Needs) and [`After`](Keyword::After) only
    /// `targets` and `within` say anything; the constructors fill in the rest.
    pub keyword: Keyword,
    /// How many targets must satisfy it.
    pub mode: Mode,
    /// What it asks about `state`.
    pub action: Action,
    /// The state it is about.
    pub state: State,
    /// The services it is about.
    pub targets: &'a [Target<'a>],
    /// What follows.
    pub effect: Effect,
    /// How long a gate may stay shut.
    pub within: Option<Duration>,
    /// The name of a `stream(..)`; empty otherwise.
    pub stream: &'a str,
}

impl<'a> Edge<'a> {
    /// A `#[watch(..)]`; without a `then` it is a gate before Run.
    #[must_use]
    pub const fn watch(mode: Mode, action: Action, state: State, targets: &'a [Target<'a>]) -> Self {
        Edge {
            keyword: Keyword::Watch,
            mode,
            action,
            state,
            targets,
            effect: Effect::GateRun,
            within: None,
            stream: "",
        }
    }

    /// A `#[needs(..)]`.
    #[must_use]
    pub const fn needs(targets: &'a [Target<'a>]) -> Self {
        Edge { keyword: Keyword::Needs, ..Edge::watch(Mode::All, Action::Entering, State::Run, targets) }
    }

    /// An `#[after(..)]`.
    #[must_use]
    pub const fn after(targets: &'a [Target<'a>]) -> Self {
        Edge { keyword: Keyword::After, ..Edge::watch(Mode::All, Action::Entering, State::Exit, targets) }
    }

    /// The same edge with another effect.
    #[must_use]
    pub const fn then(self, effect: Effect) -> Self {
        Edge { effect, ..self }
    }

    /// The same edge with a limit for its gate.
    #[must_use]
    pub const fn within(self, limit: Duration) -> Self {
        Edge { within: Some(limit), ..self }
    }

    /// The same edge as a stream of this name.
    #[must_use]
    pub const fn stream(self, name: &'a str) -> Self {
        Edge { effect: Effect::Stream, stream: name, ..self }
    }

    /// Whether the edge holds its service back.
    #[must_use]
    pub const fn is_gate(&self) -> bool {
        matches!(self.effect, Effect::GateInit | Effect::GateRun)
    }
}

/// One target of a watch, as written.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The name, or the type's.
    pub text: &'a str,
    /// The hash of the name, or the type's identity.
    pub id: u64,
    /// Whether it names a type.
    pub by_type: bool,
}

impl<'a> Target<'a> {
    /// The service with this name.
    #[must_use]
    pub const fn name(name: &'a str) -> Self {
        Target { text: name, id: fnv1a(name), by_type: false }
    }

    /// The service declared on this type.
    #[must_use]
    pub const fn of_type(service_type: ServiceType) -> Target<'static> {
        Target { text: service_type.text, id: service_type.id, by_type: true }
    }
}

/// 64-bit FNV-1a: names are compared by it, so that a graph of a thousand services is checked
/// within the compiler's step limit. Equal hashes are confirmed byte by byte.
#[must_use]
pub(crate) const fn fnv1a(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0100_0000_01b3);
        i += 1;
    }
    hash
}
