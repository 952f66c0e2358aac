//! What generated code declares about a daemon, and what it requires of the services in it. Only
//! the macros implement these traits.

use crate::daemon::Daemon;
use crate::daemon::prestart::Stage;
use crate::daemon::service::{Service, optionally};
use crate::graph::Node;
use crate::graph::check;
use crate::graph::declaration::{Declared, DeclaredKind, WatchesIn};
use crate::graph::table::Analysis;
use crate::lifecycle::options::daemon::{DaemonOptions, StageOptions};
use crate::service::context::Context;
use crate::service::runner::Runner;
use std::convert::Infallible;
use std::marker::PhantomData;

/// A daemon whose graph is known to the compiler.
pub trait Graphed {
    /// Its graph, and the result of the one walk over it.
    const ANALYSIS: &'static Analysis<'static>;
    /// Its name, if that is an expression.
    const NAME: &'static str = "";
    /// The constant options of its attribute.
    const OPTIONS: DaemonOptions = DaemonOptions::DEFAULT;
    /// The constant options of its prestart stages.
    const STAGES: &'static [StageOptions] = &[];
}

/// What a daemon requires of the type of a field. Nothing else uses this bound, so that a type that is
/// not a service is one error, which does not list the types that are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "a service is a type of yours with `#[rxd::service]` and an `impl rxd::Runner`",
    note = "a field of a daemon is one service, an `Option` of one, or a `Vec` of them (not an alias of it): write a field for each service, also for those of another daemon, and put settings into the services"
)]
pub trait Field<D: Graphed>: Sized {
    /// The service type.
    type Service: Checked<D>;

    /// See [`Checked::Runner`].
    type Runner;

    /// The service in the daemon's graph, under its own name.
    const NODE: Node<'static>;
}

#[diagnostic::do_not_recommend]
impl<T: Checked<D>, D: Graphed> Field<D> for T {
    type Service = T;

    type Runner = T::Runner;

    const NODE: Node<'static> = Node {
        name: T::DECLARATION.name,
        service_type: Some(T::SERVICE_TYPE),
        table: T::DECLARATION.table,
        edges: T::DECLARATION.edges,
        optional: false,
        options: T::DECLARATION.options,
        family: None,
    };
}

/// A declared service in daemon `D`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "a service is a type of yours with `#[rxd::service]` and an `impl rxd::Runner`",
    note = "a field of a daemon is one service, an `Option` of one, or a `Vec` of them (not an alias of it): write a field for each service, also for those of another daemon, and put settings into the services"
)]
pub trait Checked<D: Graphed>: Declared + Sized {
    /// The type itself, which has to be a runner; of a generic type [`OfGenericType`]; of one with
    /// the key `thread` or `blocking` a type for that.
    type Runner: Runner;

    /// Makes the service of a type with the key `thread` or `blocking`, unless it is generic.
    const ON_THREAD: Option<fn(Option<Self>) -> Service> = None;

    /// Checks the service when the compiler evaluates it: a fault is a compile error at the word
    /// that is wrong.
    const OK: ();
}

/// Stands for generic type `T` as a runner: whether `T` is one depends on its parameters.
#[derive(Debug)]
pub struct OfGenericType<T>(Infallible, PhantomData<fn() -> T>);

impl<T: 'static> Runner for OfGenericType<T> {
    async fn run(&mut self, _: &Context) -> crate::Result {
        match self.0 {}
    }
}

/// [`Checked::Runner`] of service `S`, by which daemon `D` adds it.
///
/// A type without methods is an error at its declaration, and not in each daemon. A generic type may
/// be a runner only for some of its parameters: the error about one that is not is in the daemon, and
/// names [`Runner`].
pub trait IntoService<S, D> {
    /// Makes the service; `None` is one that is switched off.
    const SERVICE: fn(Option<S>) -> Service;
}

#[diagnostic::do_not_recommend]
impl<S: Checked<D, Runner = S>, D: Graphed> IntoService<S, D> for S {
    const SERVICE: fn(Option<S>) -> Service = of_runner::<S, D>();
}

/// The compiler does not see that `S` is a runner if it equals `S::Runner`, which is one.
const fn of_runner<S: Checked<D, Runner: Declared>, D: Graphed>() -> fn(Option<S::Runner>) -> Service {
    optionally::<S::Runner>
}

impl<S: Runner + Declared, D> IntoService<S, D> for OfGenericType<S> {
    const SERVICE: fn(Option<S>) -> Service = optionally::<S>;
}

/// The service of a field.
pub fn field<R: IntoService<S, D>, S, D>(this: S) -> Service {
    R::SERVICE(Some(this))
}

/// The service of a field that is an `Option`: switched off if it is `None`.
pub fn optional_field<R: IntoService<S, D>, S, D>(this: Option<S>) -> Service {
    R::SERVICE(this).optional()
}

/// The fields of one service type, whose faults are reported at the words of the service. There are
/// none if the service is of another crate than the daemon: its fields then report them.
#[derive(Clone, Copy, Debug)]
pub struct OwnFields {
    analysis: &'static Analysis<'static>,
    first: Option<usize>,
}

/// Checks the fields of type `S` as a whole.
#[track_caller]
pub const fn check_service<S: Declared>(analysis: &'static Analysis<'static>) -> OwnFields {
    let is_own = check::is_in_crate_of(analysis, S::SERVICE_TYPE.module);
    let first = if is_own { analysis.first_of_type(S::SERVICE_TYPE) } else { None };
    let mut at = first;
    while let Some(me) = at {
        check::check_service(analysis, me);
        at = analysis.next_of_its_type(me);
    }
    OwnFields { analysis, first }
}

/// Checks one watch of a service type as a whole.
#[track_caller]
pub const fn check_edge(fields: OwnFields, edge: usize) {
    let mut at = fields.first;
    while let Some(me) = at {
        check::check_edge(fields.analysis, me, edge);
        at = fields.analysis.next_of_its_type(me);
    }
}

/// Checks one target of one watch of a service type.
#[track_caller]
pub const fn check_target(fields: OwnFields, edge: usize, target: usize) {
    let mut at = fields.first;
    while let Some(me) = at {
        check::check_target(fields.analysis, me, edge, target);
        at = fields.analysis.next_of_its_type(me);
    }
}

/// Checks what can be mended only at field `me`. Compiles only if each generic type that the service
/// watches is the type of a field of the daemon.
#[track_caller]
pub const fn check_field<S: Declared, D: Graphed, I>(me: usize)
where
    S::Kind: DeclaredKind<GenericTargets: WatchesIn<D, I>>,
{
    check::check_field(D::ANALYSIS, me, S::SERVICE_TYPE.module);
}

/// A [`DeclaredKind::Configured`] that a daemon without a configuration can have: `()`.
#[diagnostic::on_unimplemented(
    message = "service `{Self}` takes a configuration, and daemon `{D}` has none",
    label = "takes a configuration",
    note = "write `#[rxd::daemon(config = load)]` on the daemon, and `fn load() -> rxd::Result<MyConfig>`"
)]
pub trait WithoutConfig<D> {}

impl<D> WithoutConfig<D> for () {}

/// As [`check_field`], of a daemon without a configuration. Compiles only if the service takes none.
#[track_caller]
pub const fn check_field_without_config<S, D: Graphed, I>(me: usize)
where
    S: Declared<Kind: DeclaredKind<GenericTargets: WatchesIn<D, I>, Configured: WithoutConfig<D>>>,
{
    check_field::<S, D, I>(me);
}

/// Makes the daemon with the constants of its attribute.
pub fn daemon(name: &'static str, options: DaemonOptions) -> Daemon {
    Daemon::with_options(name.into(), options)
}

/// Makes the stage with the constants of the attribute.
pub fn stage(stage: Stage, options: StageOptions) -> Stage {
    stage.with_options(options)
}
