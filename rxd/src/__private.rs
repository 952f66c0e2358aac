//! What generated code calls. Not a public API: it may change in any release.

pub use crate::daemon::checked::{
    Checked, Field, Graphed, IntoService, OfGenericType, WithoutConfig, check_edge, check_field,
    check_field_without_config, check_service, check_target, daemon, field, optional_field, stage,
};
pub use crate::daemon::config::DaemonConfig;
pub use crate::daemon::configured::{
    ConfiguredKind, DeclaredConfig, DeclaredSource, LoadsConfig, OfConfigured, TakesFrom, add_part, config_source,
    configured_service, with_config,
};
pub use crate::daemon::family::{ByIndex, ByNothing, MakerOf, family_field};
pub use crate::daemon::prestart::Stage;
pub use crate::daemon::service::{OfKind, TaskKind};
pub use crate::daemon::thread_service::{
    BlockingKind, LocalKind, MovesToThread, OfGenericBlocking, OfGenericLocal, OnThread, blocking_service,
    local_service,
};
pub use crate::graph::declaration::{
    Declaration, Declared, DeclaredKind, FieldIndex, InDaemon, Watched, WatchesIn, after, check_lasts,
    check_on_failure, check_recurrence, check_within, declaration, needs, service_type, target_name, target_of_type,
    watch,
};
pub use crate::graph::index::Index;
pub use crate::graph::name::check_name;
pub use crate::graph::table::Analysis;
pub use crate::graph::{Edge, Effect, Graph, Mode, Node, ServiceType, Target};
pub use crate::lifecycle::manager::Table;
pub use crate::lifecycle::manager::object::Managed;
pub use crate::lifecycle::options::check::{
    DaemonKey, OptionKey, RecurrenceKey, StageKey, check_daemon, check_option, check_stage,
};
pub use crate::lifecycle::options::daemon::{BlockingThreshold, DaemonOptions, StageOptions};
pub use crate::lifecycle::options::recurrence::Recurrence;
#[cfg(feature = "cron")]
pub use crate::lifecycle::options::recurrence::Schedule;
pub use crate::service::provided::{provided, provided_by};
#[cfg(feature = "macros")]
pub use rxd_macros::manager;

use crate::{Context, Watch};

/// Expands to its input if rxd has the feature `systemd`, and to nothing otherwise: generated code
/// cannot see which features rxd was built with.
#[cfg(feature = "systemd")]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_systemd {
    ($($token:tt)*) => { $($token)* };
}

/// Without the feature, expands to nothing.
#[cfg(not(feature = "systemd"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_systemd {
    ($($token:tt)*) => {};
}

pub use __with_systemd as with_systemd;

/// The items that the words in attributes stand for in an editor.
#[cfg(rust_analyzer)]
#[path = "editor.rs"]
pub mod editor;

/// In an editor, expands to its input, which may be incomplete Rust.
#[cfg(rust_analyzer)]
#[doc(hidden)]
#[macro_export]
macro_rules! __show {
    ($($token:tt)*) => { const _: () = { $($token)* }; };
}

/// In the compiler, expands to nothing.
#[cfg(not(rust_analyzer))]
#[doc(hidden)]
#[macro_export]
macro_rules! __show {
    ($($token:tt)*) => {};
}

pub use __show as show;

/// In an editor, names these variants.
#[cfg(rust_analyzer)]
#[doc(hidden)]
#[macro_export]
macro_rules! __show_known {
    ($($type:ident $variant:ident)*) => { const _: () = { $(let _ = $crate::$type::$variant;)* }; };
}

/// In the compiler, expands to nothing.
#[cfg(not(rust_analyzer))]
#[doc(hidden)]
#[macro_export]
macro_rules! __show_known {
    ($($token:tt)*) => {};
}

pub use __show_known as show_known;

/// In the compiler, expands to its first argument.
#[cfg(not(rust_analyzer))]
#[doc(hidden)]
#[macro_export]
macro_rules! __choose {
    ({ $($compiled:tt)* } { $($in_editor:tt)* }) => { $($compiled)* };
}

/// In an editor, expands to its second argument.
#[cfg(rust_analyzer)]
#[doc(hidden)]
#[macro_export]
macro_rules! __choose {
    ({ $($compiled:tt)* } { $($in_editor:tt)* }) => { $($in_editor)* };
}

pub use __choose as choose;

/// The clone of an argument that a function takes by value.
pub fn cloned<T: ByValue>(argument: &T) -> T {
    argument.cloned()
}

/// What a function that is a service can take by value. Implemented for everything that is `Clone`.
#[diagnostic::on_unimplemented(
    message = "a service cannot take `{Self}` by value, because it is not `Clone`",
    label = "each restart calls the function anew",
    note = "take it by reference, `&{Self}` or `&mut {Self}`, or derive `Clone` for it"
)]
pub trait ByValue {
    fn cloned(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> ByValue for T {
    fn cloned(&self) -> Self {
        self.clone()
    }
}

/// The result of a function that is a service.
///
/// # Errors
///
/// The error of the function.
pub fn function_result<R: FunctionResult>(result: R) -> crate::Result {
    result.into_result()
}

/// What a function that is a service can return.
#[diagnostic::on_unimplemented(
    message = "a service cannot return `{Self}`",
    label = "not a result of `()`",
    note = "write `-> rxd::Result`: any error becomes its error by `?`"
)]
pub trait FunctionResult {
    /// # Errors
    ///
    /// The error of the function.
    fn into_result(self) -> crate::Result;
}

#[diagnostic::do_not_recommend]
impl<E: Into<crate::AnyError>> FunctionResult for Result<(), E> {
    fn into_result(self) -> crate::Result {
        self.map_err(Into::into)
    }
}

/// The watch of a declared `stream(..)`.
pub fn stream(cx: &Context, edge: &'static Edge<'static>) -> Watch {
    Watch::declared(cx.core(), edge).ending_with(cx.token())
}

#[cfg(feature = "test-util")]
pub use crate::watch::bench::WatchBench as Bench;
