//! What generated code calls. Not a public API: it may change in any release.

pub use crate::daemon::checked::{Checked, Field, Graphed, daemon, service, stage};
pub use crate::daemon::prestart::Stage;
pub use crate::graph::check::{check_edge, check_service, check_target};
pub use crate::graph::declaration::{Declaration, Declared, Watched, check_within};
pub use crate::graph::index::Index;
pub use crate::graph::table::Analysis;
pub use crate::graph::{Edge, Effect, Graph, Mode, Node, ServiceType, Target};
pub use crate::lifecycle::manager::Table;
pub use crate::lifecycle::manager::object::Managed;
pub use crate::lifecycle::options::check::{DaemonKey, OptionKey, StageKey, check_daemon, check_option, check_stage};
pub use crate::lifecycle::options::daemon::{BlockingThreshold, DaemonOptions, StageOptions};
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

/// The watch of a declared `stream(..)`.
pub fn stream(cx: &Context, edge: &'static Edge<'static>) -> Watch {
    Watch::declared(cx.core(), edge).ending_with(cx.token())
}

#[cfg(feature = "test-util")]
pub use crate::watch::bench::WatchBench as Bench;
