//! The service graph as plain data: services, their watches, and the targets of these.
//!
//! Generated code builds it as a constant, the builder at its start, users by hand. Nothing here
//! checks anything.

use crate::lifecycle::manager::Table;
use crate::lifecycle::options::Options;
use crate::lifecycle::state::{Action, State};
use std::any::TypeId;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::Location;
use std::time::Duration;

/// A whole service graph.
///
/// A declared daemon has its own as a constant, `EdgeAgent::GRAPH`, which the compiler has checked.
/// By hand:
///
/// ```
/// use rxd::Options;
/// use rxd::graph::{Edge, Graph, Node, Rule, Target};
/// use rxd::manager::{Manager, continuous};
///
/// let table = &<continuous as Manager>::TABLE;
/// let (service_type, optional, options, family) = (None, false, &Options::DEFAULT, None);
/// let node = |name, edges| Node { name, service_type, table, edges, optional, options, family };
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
    /// The daemon's name in messages. Of a declared daemon it is the struct's name as it is
    /// written, `EdgeAgent`, although the daemon is called `edge-agent` where it runs. Of a built
    /// one it is the name that the builder was given.
    pub daemon: &'a str,
    /// The services, in the order they were declared.
    pub nodes: &'a [Node<'a>],
}

/// One service of a graph, or one family of services.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    /// The service's name in this daemon.
    pub name: &'a str,
    /// The type it was declared on; `None` for a service of the builder.
    pub service_type: Option<ServiceType>,
    /// The transitions that its manager may make.
    pub table: &'a Table,
    /// What it watches.
    pub edges: &'a [Edge<'a>],
    /// Whether it may be switched off at start (an `Option` field). The rules treat it as present.
    pub optional: bool,
    /// Its delays, limits, back-off and restart limit.
    pub options: &'a Options,
    /// Of a family, what the names of its members begin with: `worker` of `worker-0`, `worker-1` and
    /// so on. `None` for a single service.
    pub family: Option<&'a str>,
}

impl Node<'_> {
    /// Whether it has a restart limit, and so may end under any manager.
    pub(super) const fn has_restart_limit(&self) -> bool {
        self.options.restarts.is_some()
    }
}

/// The identity of a declared service's type.
#[derive(Clone, Copy, Debug)]
pub struct ServiceType {
    /// A hash of the type's path and of the place of its declaration.
    pub id: u64,
    /// The type as it is shown: `Health`.
    pub text: &'static str,
    /// The module that it is declared in.
    pub module: &'static str,
    /// Where it is declared.
    pub declared_at: &'static Location<'static>,
    /// Whether it has parameters. Types that differ only in these have one `id`.
    pub is_generic: bool,
    /// The compiler cannot compare the results, a running program can.
    pub(crate) type_id: Option<fn() -> TypeId>,
}

impl ServiceType {
    /// The identity of the type of this name in this module, declared here.
    #[must_use]
    #[track_caller]
    pub const fn new(module: &'static str, text: &'static str) -> Self {
        let id = fnv1a(module).rotate_left(1) ^ fnv1a(text);
        ServiceType { id, text, module, declared_at: Location::caller(), is_generic: false, type_id: None }
    }

    /// The identity of type `T` of this name in this module, declared here.
    ///
    /// Two functions may each have a type of one path, so the place is part of the identity.
    #[must_use]
    #[track_caller]
    pub const fn of<T: 'static>(module: &'static str, text: &'static str) -> Self {
        let named = ServiceType::new(module, text);
        let place = (named.declared_at.line() as u64) << 32 | named.declared_at.column() as u64;
        let id = named.id ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ServiceType { id, type_id: Some(TypeId::of::<T>), ..named }
    }

    /// The same type, known to have parameters.
    #[must_use]
    pub const fn generic(self) -> Self {
        ServiceType { is_generic: true, ..self }
    }

    /// The hash by which a running program looks the type up.
    pub(crate) fn lookup_hash(&self) -> u64 {
        lookup_hash(self.id, self.type_id)
    }
}

/// The attribute as which an edge was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyword {
    /// `#[watch(..)]`
    Watch,
    /// `#[needs(..)]`: a gate on all of them being in Run, and `then(stop)` when one leaves it.
    Needs,
    /// `#[after(..)]`: a gate on all of them being in Exit after a Run that returned `Ok`.
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

/// What a watch does to its service: a gate while its condition does not hold, a reaction when it
/// comes true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// `then(init)`: hold the service back before Init until the condition holds.
    GateInit,
    /// `then(run)`: hold the service back in Idle until the condition holds.
    GateRun,
    /// `then(stop)`: take the service out of Run when the condition comes true.
    Stop,
    /// `then(exit)`: end the service when the condition comes true.
    Exit,
    /// `stream(..)`: nothing by itself; a method of the service reads the stream.
    Stream,
}

/// One watch of a service: an arrow to each target.
#[derive(Clone, Copy, Debug)]
pub struct Edge<'a> {
    /// How it was written. Of a [`Needs`](Keyword::Needs) only `targets`, `within` and `lasts` are
    /// read, of an [`After`](Keyword::After) only `targets` and `within`; the constructors fill in
    /// the rest.
    pub keyword: Keyword,
    /// How many targets must satisfy it.
    pub mode: Mode,
    /// What the condition is about `state`.
    pub action: Action,
    /// The state that the condition is about.
    pub state: State,
    /// The services that the condition is about.
    pub targets: &'a [Target<'a>],
    /// What the watch does to its service when the condition holds.
    pub effect: Effect,
    /// How long a gate may stay closed before its service fails; `None`: as long as it takes.
    pub within: Option<Duration>,
    /// For how long the condition has to hold without a break before the watch acts; `None`: it acts
    /// at once. Of a [`Needs`](Keyword::Needs) its `grace`: for how long the services may be out of
    /// Run.
    pub lasts: Option<Duration>,
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
            lasts: None,
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

    /// The same edge, whose condition has to hold for so long; of a `needs`, its `grace`.
    #[must_use]
    pub const fn lasts(self, time: Duration) -> Self {
        Edge { lasts: Some(time), ..self }
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
    /// Whether it is a generic type of which the compiler has not compared the parameters.
    pub(crate) hides_parameters: bool,
    pub(crate) type_id: Option<fn() -> TypeId>,
}

impl<'a> Target<'a> {
    /// The service with this name.
    #[must_use]
    pub const fn name(name: &'a str) -> Self {
        Target { text: name, id: fnv1a(name), by_type: false, hides_parameters: false, type_id: None }
    }

    /// The service declared on this type.
    #[must_use]
    pub const fn of_type(service_type: ServiceType) -> Target<'static> {
        let ServiceType { id, text, type_id, is_generic, .. } = service_type;
        Target { text, id, by_type: true, hides_parameters: is_generic, type_id }
    }

    /// The same target, whose parameters `check_field` compares.
    #[must_use]
    pub const fn exact(self) -> Self {
        Target { hides_parameters: false, ..self }
    }

    /// The hash by which a running program looks the name or the type up.
    pub(crate) fn lookup_hash(&self) -> u64 {
        lookup_hash(self.id, self.type_id)
    }

    /// Whether it names this type, also in its parameters.
    pub(crate) fn is_type(&self, service_type: &ServiceType) -> bool {
        self.by_type && self.lookup_hash() == service_type.lookup_hash()
    }
}

/// The hash of the type, which tells types apart that have one `id`; without a type, the `id`.
fn lookup_hash(id: u64, type_id: Option<fn() -> TypeId>) -> u64 {
    type_id.map_or(id, |type_id| {
        let mut hasher = DefaultHasher::new();
        type_id().hash(&mut hasher);
        hasher.finish()
    })
}

/// The 64-bit FNV-1a hash of a text.
///
/// Names are compared by it, so that a graph of a thousand services is checked within the
/// compiler's step limit. Where two names may share a hash, they are compared byte by byte as well.
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
