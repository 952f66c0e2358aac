//! What the attributes of a service declare, as one constant.
//!
//! `#[rxd::service]` implements [`Declared`] and nothing else does; the builder and the graph of a
//! declared daemon read it. Nothing here checks the values.

use super::model::{Edge, Keyword, Mode, ServiceType, Target};
use crate::lifecycle::manager::object::{Decide, Managed, make_manager};
use crate::lifecycle::manager::{Manager, Table};
use crate::lifecycle::options::Options;
use crate::lifecycle::options::check::{RecurrenceKey, fail, lasts, within};
use crate::lifecycle::options::recurrence::Recurrence;
use crate::lifecycle::state::{Action, State};

/// A type that declares its name, manager, options and watches, by `#[rxd::service]`.
///
/// A bound to ask for, not a trait to implement: what is in it may change in any release.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "annotate it with `#[rxd::service]`, or wrap it in a type of yours that is"
)]
pub trait Declared: 'static {
    /// Where its methods run: which of the traits with methods it implements. Its parameters are what
    /// else a daemon asks about the type; one type is for all, since the compiler takes time for each
    /// item of each service.
    #[doc(hidden)]
    type Kind: DeclaredKind;
    /// The type's identity, for watches that name it as a path.
    #[doc(hidden)]
    const SERVICE_TYPE: ServiceType;
    /// Everything its attributes say.
    #[doc(hidden)]
    const DECLARATION: Declaration;
}

/// What a daemon asks about the type of a service.
pub trait DeclaredKind {
    /// The type whose impl of [`WatchesIn`] lists the generic types that the service watches: itself,
    /// or `()` if there are none.
    type GenericTargets;
    /// The type whose impl of `TakesFrom` says what the service takes of the daemon's configuration:
    /// itself, or `()` if it takes none.
    type Configured;
}

/// Everything the attributes of one service say.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// The service's name.
    pub name: &'static str,
    /// The name of its group, if it has one.
    pub group: Option<&'static str>,
    /// The transitions that its manager may make.
    pub table: &'static Table,
    /// Makes its manager.
    pub manager: fn() -> Box<dyn Decide>,
    /// Its options.
    pub options: &'static Options,
    /// What it watches.
    pub edges: &'static [Edge<'static>],
    /// When it runs again and again, if it does.
    pub recurrence: Option<&'static Recurrence>,
}

impl Declaration {
    /// A continuous service without watches.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Declaration {
            name,
            group: None,
            table: &<crate::lifecycle::manager::continuous as Manager>::TABLE,
            manager: make_manager::<crate::lifecycle::manager::continuous>,
            options: &Options::DEFAULT,
            edges: &[],
            recurrence: None,
        }
    }

    /// In this group.
    #[must_use]
    pub const fn group(mut self, group: &'static str) -> Self {
        self.group = Some(group);
        self
    }

    /// Under this manager.
    #[must_use]
    pub const fn manager<M: Managed>(mut self) -> Self {
        self.table = const { &M::TABLE };
        self.manager = make_manager::<M>;
        self
    }

    /// With these options.
    #[must_use]
    pub const fn options(mut self, options: &'static Options) -> Self {
        self.options = options;
        self
    }

    /// With these runs.
    #[must_use]
    pub const fn recurrence(mut self, recurrence: &'static Recurrence) -> Self {
        self.recurrence = Some(recurrence);
        self
    }

    /// With these watches.
    #[must_use]
    pub const fn edges(mut self, edges: &'static [Edge<'static>]) -> Self {
        self.edges = edges;
        self
    }
}

// What generated code calls: to resolve a function costs the compiler less than a method of a type.

/// See [`Declaration::new`].
#[must_use]
pub const fn declaration(name: &'static str) -> Declaration {
    Declaration::new(name)
}

/// See [`ServiceType::of`].
#[track_caller]
#[must_use]
pub const fn service_type<T: 'static>(module: &'static str, text: &'static str) -> ServiceType {
    ServiceType::of::<T>(module, text)
}

/// See [`Edge::watch`].
#[must_use]
pub const fn watch<'a>(mode: Mode, action: Action, state: State, targets: &'a [Target<'a>]) -> Edge<'a> {
    Edge::watch(mode, action, state, targets)
}

/// See [`Edge::needs`].
#[must_use]
pub const fn needs<'a>(targets: &'a [Target<'a>]) -> Edge<'a> {
    Edge::needs(targets)
}

/// See [`Edge::after`].
#[must_use]
pub const fn after<'a>(targets: &'a [Target<'a>]) -> Edge<'a> {
    Edge::after(targets)
}

/// See [`Target::name`].
#[must_use]
pub const fn target_name(name: &str) -> Target<'_> {
    Target::name(name)
}

/// See [`Target::of_type`].
#[must_use]
pub const fn target_of_type(service_type: ServiceType) -> Target<'static> {
    Target::of_type(service_type)
}

/// The bound on a type that a watch names. Nothing else has it, so that the error about a type that
/// is not a service does not list those that are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "annotate it with `#[rxd::service]`, or wrap it in a type of yours that is"
)]
pub trait Watched {
    /// See [`Declared::SERVICE_TYPE`].
    const SERVICE_TYPE: ServiceType;
}

#[diagnostic::do_not_recommend]
impl<T: Declared> Watched for T {
    const SERVICE_TYPE: ServiceType = T::SERVICE_TYPE;
}

/// A type that field `N` of daemon `D` has. Generic types are compared by it, since constants cannot
/// tell `Pool<u8>` from `Pool<u16>`.
#[diagnostic::on_unimplemented(
    message = "a service of daemon `{D}` watches `{Self}`, and no field has that type",
    label = "this service watches `{Self}`",
    note = "write the type exactly as the field has it, parameters included, or the service's name"
)]
pub trait InDaemon<D, const N: usize> {}

/// A service whose generic targets are all [`InDaemon`]. `I` is the list of their fields, which the
/// compiler finds.
///
/// The targets are bounds of its impl. As an associated type they would have to be as public as the
/// service. For all services without such targets, `()` has it.
pub trait WatchesIn<D, I> {}

impl<D> WatchesIn<D, ()> for () {}

/// The index of a field, as a type.
#[derive(Debug)]
pub struct FieldIndex<const N: usize>;

/// Panics, in the compiler, with what is wrong with the `within` of one watch of a service.
#[track_caller]
pub const fn check_within(edges: &[Edge<'_>], edge: usize) {
    fail(within(edges[edge].within));
}

/// Panics, in the compiler, with what is wrong with the `lasts`, or the `grace`, of one watch of a
/// service.
#[track_caller]
pub const fn check_lasts(edges: &[Edge<'_>], edge: usize) {
    fail(lasts(edges[edge].lasts, matches!(edges[edge].keyword, Keyword::Needs)));
}

/// Panics, in the compiler, if this value of the `every` of a service is invalid.
#[track_caller]
pub const fn check_recurrence(service: &Declaration, key: RecurrenceKey) {
    if let Some(recurrence) = service.recurrence {
        fail(recurrence.fault(key, service.table));
    }
}

/// Panics, in the compiler, if the `on_failure` of a service never acts.
#[track_caller]
pub const fn check_on_failure(service: &Declaration) {
    fail(service.options.on_failure_fault(service.table, has_dependencies(service.edges)));
}

/// Whether one of these watches is a `needs` or an `after`.
pub(crate) const fn has_dependencies(edges: &[Edge<'_>]) -> bool {
    let mut e = 0;
    while e < edges.len() {
        if !matches!(edges[e].keyword, Keyword::Watch) {
            return true;
        }
        e += 1;
    }
    false
}
