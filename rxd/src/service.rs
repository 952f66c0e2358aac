//! What a service is: its methods, and what is declared about it.

use crate::context::Context;
use crate::error::Result;
use crate::graph::{Analysis, Edge, Kind, Node};
use crate::manager::{Manager, Table};
use crate::options::Options;
use crate::state::State;
use crate::stubs::Service;
use std::future::Future;

/// The methods of a service. Only [`run`](Runner::run) must be written.
///
/// The engine calls them one at a time, in the order of the lifecycle, on one and the same value:
/// what `init` puts into `self` is there in `run` and can be taken out in `stop`.
///
/// # Cancel safety
///
/// When a service is to leave a state, [`Context::cancelled`] completes and the method is given
/// its time to return; past its limit its future is dropped at whatever `.await` it is at.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is annotated as a service, but has no methods",
    label = "`Runner` is not implemented for it",
    note = "write `impl rxd::Runner for {Self} {{ async fn run(&mut self, cx: &rxd::Context) -> rxd::Result {{ .. }} }}`"
)]
pub trait Runner: Send + 'static {
    /// Acquires what the service needs. Default: nothing.
    fn init(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// Prepares to run; the gates of the service are waited for after it has returned. Default: nothing.
    fn idle(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// Does the work. To leave it is to leave [`State::Run`].
    fn run(&mut self, cx: &Context) -> impl Future<Output = Result> + Send;

    /// Releases what `init` acquired. Called if and only if `init` was, also after an error or a
    /// panic, and with a context that is not cancelled. Default: nothing.
    fn stop(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// Takes up a new configuration. Called on SIGHUP and by an operator, between two polls of
    /// `run`: never at the same time as another method. Default: nothing.
    fn reload(&mut self, cx: &Context) -> impl Future<Output = Result> + Send {
        let _ = cx;
        async { Ok(()) }
    }
}

/// What `#[rxd::service]` implements: a type that says its own name, manager and watches.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "annotate it with `#[rxd::service]`, or wrap it in a type of yours that is"
)]
pub trait Declared {
    /// The type's identity, for watches that name it as a path.
    const KIND: Kind;
    /// Everything its attributes say.
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
            table: &<crate::manager::continuous as Manager>::TABLE,
            manager: make::<crate::manager::continuous>,
            options: &Options::DEFAULT,
            edges: &[],
        }
    }

    /// Under this manager.
    #[must_use]
    pub const fn manager<M: Manager + Default>(mut self) -> Self {
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
    fn decide(&mut self, ended: crate::manager::Ended) -> State;
}

impl<M: Manager> Decide for M {
    fn decide(&mut self, ended: crate::manager::Ended) -> State {
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
}

/// One declared service as the `ME`-th of daemon `D`. All that a daemon asks of the type of a
/// field is asked of this one bound: a type that is no service is one error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "annotate it with `#[rxd::service]`, or wrap it in a type of yours that is"
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
    };

    /// The service, unless it is switched off.
    ///
    /// Generated, so that a type without methods is an error there and not in each daemon.
    fn service(this: Option<Self>) -> Service;
}
