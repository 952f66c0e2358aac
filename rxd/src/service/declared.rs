//! What the attributes of a service say, and what generated code says of it: for the macros, which alone implement this.

use crate::daemon::Daemon;
use crate::daemon::prestart::Stage;
use crate::daemon::service::{Runner, Service};
use crate::graph::check::Analysis;
use crate::graph::{Edge, Kind, Node};
use crate::lifecycle::manager::{Manager, Table};
use crate::lifecycle::options::Options;
use crate::lifecycle::options::daemon::{DaemonOptions, StageOptions};
use crate::lifecycle::state::State;

/// What `#[rxd::service]` implements: a type that says its own name, manager and watches.
///
/// A bound to ask for, not a trait to implement: what is in it may change in any release.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "annotate it with `#[rxd::service]`, or wrap it in a type of yours that is"
)]
pub trait Declared {
    /// The type's identity, for watches that name it as a path.
    #[doc(hidden)]
    const KIND: Kind;
    /// Everything its attributes say.
    #[doc(hidden)]
    const DECLARATION: Declaration;
}

/// Everything the attributes of one service say.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// The service's name.
    pub name: &'static str,
    /// What its manager may do.
    pub table: &'static Table,
    /// Makes its manager.
    pub manager: fn() -> Box<dyn Decide>,
    /// Its knobs.
    pub options: &'static Options,
    /// What it watches.
    pub edges: &'static [Edge<'static>],
}

impl Declaration {
    /// A continuous service without watches.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Declaration {
            name,
            table: &<crate::lifecycle::manager::continuous as Manager>::TABLE,
            manager: make::<crate::lifecycle::manager::continuous>,
            options: &Options::DEFAULT,
            edges: &[],
        }
    }

    /// Under this manager.
    #[must_use]
    pub const fn manager<M: Managed>(mut self) -> Self {
        self.table = const { &M::TABLE };
        self.manager = make::<M>;
        self
    }

    /// With these knobs.
    #[must_use]
    pub const fn options(mut self, options: &'static Options) -> Self {
        self.options = options;
        self
    }

    /// With these watches.
    #[must_use]
    pub const fn edges(mut self, edges: &'static [Edge<'static>]) -> Self {
        self.edges = edges;
        self
    }
}

/// A [`Manager`] behind a pointer. A manager without fields costs no allocation.
pub trait Decide: Send {
    /// See [`Manager::next`].
    fn decide(&mut self, ended: crate::lifecycle::manager::Ended) -> State;
}

impl<M: Manager> Decide for M {
    fn decide(&mut self, ended: crate::lifecycle::manager::Ended) -> State {
        self.next(ended)
    }
}

fn make<M: Manager + Default>() -> Box<dyn Decide> {
    Box::new(M::default())
}

/// A daemon whose graph is known to the compiler.
pub trait Graphed {
    /// Its graph, and what one walk over it found.
    const ANALYSIS: Analysis<'static>;
    /// What its attribute says by constants.
    const OPTIONS: DaemonOptions = DaemonOptions::DEFAULT;
    /// What its attribute says by constants about prestart stages.
    const STAGES: &'static [StageOptions] = &[];
}

/// What a watch asks of a type it names, and nothing else does: the error about a type that is no
/// service then does not list those that are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "annotate it with `#[rxd::service]`, or wrap it in a type of yours that is"
)]
pub trait Watched {
    /// See [`Declared::KIND`].
    const KIND: Kind;
}

#[diagnostic::do_not_recommend]
impl<T: Declared> Watched for T {
    const KIND: Kind = T::KIND;
}

/// What a daemon asks of the type of its `ME`-th field. It is asked of nothing else, so that a
/// type that is no service is one error, which does not list those that are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "annotate it with `#[rxd::service]`, or wrap it in a type of yours that is",
    note = "a field is one service, or an `Option` of one: several of a type are several fields, settings go into the services"
)]
pub trait Field<D: Graphed, const ME: usize> {
    /// The type itself.
    type Service: Checked<D, ME>;
}

#[diagnostic::do_not_recommend]
impl<T: Checked<D, ME>, D: Graphed, const ME: usize> Field<D, ME> for T {
    type Service = T;
}

/// What `manager(..)` asks of the type it names. It is asked of nothing else, so that a type that is no manager is one
/// error, which does not list those that are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a manager that rxd can make",
    label = "not a manager",
    note = "write `manager = \"continuous\"`, `manager = \"until_success\"`, or the path of a type declared with `rxd::manager!`",
    note = "a type that implements `rxd::Manager` by hand has to be `Default`, too"
)]
pub trait Managed: Manager + Default {}

#[diagnostic::do_not_recommend]
impl<M: Manager + Default> Managed for M {}

/// One declared service as the `ME`-th of daemon `D`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "annotate it with `#[rxd::service]`, or wrap it in a type of yours that is",
    note = "a field is one service, or an `Option` of one: several of a type are several fields, settings go into the services"
)]
pub trait Checked<D: Graphed, const ME: usize>: Declared + Sized {
    /// Evaluates to nothing, or panics in the compiler at the word that is wrong. To force it is
    /// to check the service.
    const OK: ();

    /// The service in the daemon's graph, under its own name.
    const NODE: Node<'static> = Node {
        name: Self::DECLARATION.name,
        kind: Some(Self::KIND),
        table: Self::DECLARATION.table,
        edges: Self::DECLARATION.edges,
        optional: false,
        gives_up: Self::DECLARATION.options.restarts.is_some(),
    };

    /// The service, unless it is switched off.
    ///
    /// Generated, so that a type without methods is an error there and not in each daemon.
    fn service(this: Option<Self>) -> Service;

    /// The service of a field `Option<Self>`: switched off when it is `None`.
    fn optional(this: Option<Self>) -> Service {
        Self::service(this).optional()
    }
}

/// The daemon of this name whose attribute says this by constants.
pub fn daemon(name: &'static str, options: DaemonOptions) -> Daemon {
    Daemon::with_options(name.into(), options)
}

/// The stage about which the attribute says this by constants.
pub fn stage(stage: Stage, options: StageOptions) -> Stage {
    stage.with_options(options)
}

/// What the generated [`Checked::service`] calls.
pub fn service<R: Runner + Declared>(this: Option<R>) -> Service {
    Service::optionally(this)
}
