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
    const ANALYSIS: Analysis<'static>;
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
    note = "annotate it with `#[rxd::service]`, or wrap it in a type of yours that is",
    note = "a field of a daemon is one service or an `Option` of one: write a field for each service, and put settings into the services"
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
    note = "annotate it with `#[rxd::service]`, or wrap it in a type of yours that is",
    note = "a field of a daemon is one service or an `Option` of one: write a field for each service, and put settings into the services"
)]
pub trait Checked<D: Graphed, const ME: usize>: Declared + Sized {
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
        has_restart_limit: Self::DECLARATION.options.restarts.is_some(),
    };

    /// The service, unless it is switched off.
    ///
    /// It is generated, so that a type without methods is an error there and not in each daemon.
    fn service(this: Option<Self>) -> Service;

    /// The service of a field `Option<Self>`: switched off if it is `None`.
    fn optional(this: Option<Self>) -> Service {
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

/// Called by the generated [`Checked::service`].
pub fn service<R: Runner + Declared>(this: Option<R>) -> Service {
    Service::optionally(this)
}
