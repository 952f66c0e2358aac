//! What generated code says of a daemon, and what it asks of the services in it: for the macros, which alone
//! implement these traits.

use crate::daemon::Daemon;
use crate::daemon::prestart::Stage;
use crate::daemon::service::Service;
use crate::graph::Node;
use crate::graph::check::Analysis;
use crate::graph::declaration::Declared;
use crate::lifecycle::options::daemon::{DaemonOptions, StageOptions};
use crate::service::runner::Runner;

/// A daemon whose graph is known to the compiler.
pub trait Graphed {
    /// Its graph, and what one walk over it found.
    const ANALYSIS: Analysis<'static>;
    /// What its attribute says by constants.
    const OPTIONS: DaemonOptions = DaemonOptions::DEFAULT;
    /// What its attribute says by constants about prestart stages.
    const STAGES: &'static [StageOptions] = &[];
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
