//! The public macros, with their documentation.

#[doc = include_str!("macros/after.md")]
pub use rxd_macros::after;
#[doc = include_str!("macros/daemon.md")]
pub use rxd_macros::daemon;
#[doc = include_str!("macros/needs.md")]
pub use rxd_macros::needs;
#[doc = include_str!("macros/service.md")]
pub use rxd_macros::service;
#[doc = include_str!("macros/watch.md")]
pub use rxd_macros::watch;

/// Declares a [`Manager`](crate::Manager): which state follows when a method of a service has
/// ended.
///
/// For each of `Init`, `Idle`, `Run` and `Stop`, write the state that follows when the method
/// returned `Ok`, and the one when it failed (an error, a panic, an exceeded limit). `Exit` means
/// *end* and may be written for every state: a service that has entered Init still passes through
/// Stop first.
///
/// ```
/// rxd::manager! {
///     /// Ends at the first failure.
///     pub FailFast {
///         Init => { ok: Idle, failed: Exit },
///         Idle => { ok: Run, failed: Exit },
///         Run => { ok: Stop, failed: Exit },
///         Stop => { ok: Init, failed: Exit },
///     }
/// }
///
/// #[rxd::service(manager(FailFast))]
/// struct Migration;
/// # impl rxd::Runner for Migration {
/// #     async fn run(&mut self, _: &rxd::Context) -> rxd::Result { Ok(()) }
/// # }
/// ```
///
/// A table does not compile if a state or an outcome is missing, if a state may not follow the one
/// before it, if Idle or Run is never entered, or if it never ends.
#[macro_export]
macro_rules! manager {
    ($($table:tt)*) => {
        $crate::__private::manager! { ($crate) $($table)* }
    };
}
