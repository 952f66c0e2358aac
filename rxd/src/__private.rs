//! What generated code calls. Not for hands: it may change in any release.

pub use crate::graph::{
    Analysis, Edge, Effect, Graph, Index, Kind, Mode, Node, Target, check_edge, check_service, check_target,
};
pub use crate::manager::Table;
pub use crate::service::{Checked, Declaration, Declared, Graphed};

use crate::service::{Runner, Service};
use crate::{Context, Watch};

/// A field `Option<R>`: switched off when it is `None`.
pub fn optional<R: Runner + Declared>(runner: Option<R>, name: Option<&'static str>) -> Service {
    let service = match runner {
        Some(runner) => Service::declared(runner),
        None => Service::off::<R>(),
    };
    let service = service.optional();
    match name {
        Some(name) => service.named(name),
        None => service,
    }
}

/// The watch of a declared `stream(..)`.
pub fn stream(cx: &Context, edge: &'static Edge<'static>) -> Watch {
    Watch::declared(cx.core(), edge)
}
