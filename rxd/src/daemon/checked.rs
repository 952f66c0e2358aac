//! What generated code declares about a daemon, and what it requires of the services in it. Only
//! the macros implement these traits.

use crate::daemon::Daemon;
use crate::daemon::prestart::Stage;
use crate::daemon::service::Service;
use crate::graph::Node;
use crate::graph::declaration::Declared;
use crate::graph::table::Analysis;
use crate::lifecycle::options::daemon::{DaemonOptions, StageOptions};
use crate::service::runner::Runner;

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

/// What a daemon requires of the type of its `ME`-th field. Nothing else uses this bound, so that a
/// type that is not a service is one error, which does not list the types that are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "a service is a type of yours with `#[rxd::service]` and an `impl rxd::Runner`",
    note = "a field of a daemon is one service, or an `Option` of one (not an alias of it): write a field for each service, also for those of another daemon, and put settings into the services"
)]
pub trait Field<D: Graphed, const ME: usize> {
    /// The service type.
    type Service: Checked<D, ME>;
}

#[diagnostic::do_not_recommend]
impl<T: Checked<D, ME>, D: Graphed, const ME: usize> Field<D, ME> for T {
    type Service = T;
}

/// One declared service as the `ME`-th of daemon `D`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a service",
    label = "not a service",
    note = "a service is a type of yours with `#[rxd::service]` and an `impl rxd::Runner`",
    note = "a field of a daemon is one service, or an `Option` of one (not an alias of it): write a field for each service, also for those of another daemon, and put settings into the services"
)]
pub trait Checked<D: Graphed, const ME: usize>: Declared + Sized {
    /// The same type; of a type that is not a service it is unknown. By this the compiler does not
    /// report as well that such a type is not [`IntoService`].
    type Itself;

    /// The module that it is declared in.
    const MODULE: &'static str;

    /// Checks the service when the compiler evaluates it: a fault is a compile error at the word
    /// that is wrong.
    const OK: ();

    /// The service in the daemon's graph, under its own name.
    const NODE: Node<'static> = Node {
        name: Self::DECLARATION.name,
        service_type: Some(Self::SERVICE_TYPE),
        table: Self::DECLARATION.table,
        edges: Self::DECLARATION.edges,
        optional: false,
        options: Self::DECLARATION.options,
    };
}

/// A declared service that a daemon can add.
///
/// It is implemented next to the type, so that a type without methods is an error there and not in
/// each daemon. A generic type has it only where it is a runner, so that the error about one that is
/// not names [`Runner`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is annotated as a service, but has no methods",
    label = "`Runner` is not implemented for it",
    note = "write `impl rxd::Runner for {Self} {{ async fn run(&mut self, cx: &rxd::Context) -> rxd::Result {{ .. }} }}`"
)]
pub trait IntoService {
    /// The same type; see [`Checked::Itself`].
    type Itself;

    /// The service, unless it is switched off.
    fn service(this: Option<Self::Itself>) -> Service;

    /// The service of a field `Option<Self>`: switched off if it is `None`.
    fn optional(this: Option<Self::Itself>) -> Service {
        Self::service(this).optional()
    }
}

/// Makes the daemon with the constants of its attribute.
pub fn daemon(name: &'static str, options: DaemonOptions) -> Daemon {
    Daemon::with_options(name.into(), options)
}

/// Makes the stage with the constants of the attribute.
pub fn stage(stage: Stage, options: StageOptions) -> Stage {
    stage.with_options(options)
}

/// Called by the generated [`IntoService::service`].
pub fn service<R: Runner + Declared>(this: Option<R>) -> Service {
    Service::optionally(this)
}
