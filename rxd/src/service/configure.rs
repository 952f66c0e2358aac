//! What a service writes to take a configuration: how it checks a candidate, and how it applies it.

use crate::error::Result;
use crate::service::context::Context;
use crate::service::runner::Runner;
use std::future::Future;

/// A service that takes a configuration of type `C`: it checks a candidate, and applies it.
///
/// Declare it by `#[rxd::service(config = C)]`, or make it by
/// [`Service::configured`](crate::Service::configured). The daemon loads the value: see
/// [`Daemon::config`](crate::Daemon::config). A service that takes no configuration implements
/// nothing.
///
/// A reload has two steps, for all services together:
///
/// 1. The daemon loads a candidate, and each service [checks](Configure::check) it. If one refuses,
///    the reload has failed: no service was interrupted, and the old value stays in force.
/// 2. Each service [applies](Configure::apply) it, after those that it depends on. If one fails, all
///    that have taken the new value are given the old one again. A service that fails at that, too,
///    is restarted with the old value.
///
/// rxd prints the errors of `check` and `apply`, and never the value: `C` need not be `Debug`.
///
/// ```
/// use rxd::{Configure, Context, Runner};
/// use std::time::Duration;
///
/// struct PollerConfig {
///     interval: Duration,
/// }
///
/// #[rxd::service(config = PollerConfig)]
/// #[derive(Default)]
/// struct Poller {
///     interval: Duration,
/// }
///
/// impl Configure<PollerConfig> for Poller {
///     fn check(new: &PollerConfig) -> rxd::Result {
///         match new.interval.is_zero() {
///             true => Err("`poller.interval` must be longer than zero".into()),
///             false => Ok(()),
///         }
///     }
///
///     async fn apply(&mut self, new: &PollerConfig, _: &Context) -> rxd::Result {
///         self.interval = new.interval;
///         Ok(())
///     }
/// }
///
/// impl Runner for Poller {
///     async fn run(&mut self, cx: &Context) -> rxd::Result {
///         let mut every = cx.every(self.interval);
///         while every.tick().await {
///             println!("poll");
///         }
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` takes a configuration `{C}`, but does not implement `Configure` for it",
    label = "`Configure<{C}>` is not implemented for it",
    note = "write `impl rxd::Configure<{C}> for {Self} {{ async fn apply(&mut self, new: &{C}, cx: &rxd::Context) -> rxd::Result {{ .. }} }}`"
)]
pub trait Configure<C>: Runner {
    /// Checks a candidate. Default: accepts it.
    ///
    /// The daemon calls it at the start, before any service enters Init, and in the first step of
    /// each reload, on a thread of tokio's pool for blocking work. It may read files. It has no
    /// `self`, since `run` holds the value at that time.
    ///
    /// # Errors
    ///
    /// If the service could not work with the candidate. Name the field in the message: rxd adds the
    /// name of the service. A panic counts as a refusal.
    fn check(new: &C) -> Result {
        let _ = new;
        Ok(())
    }

    /// Takes a value over: stores what the service uses of it.
    ///
    /// * It is called before the first [`init`](Runner::init), and before a later one if the value
    ///   has changed since the last call.
    /// * At a reload it is called where [`reload`](Runner::reload) would be: `run` has returned, and
    ///   is called again after it. A `reload` that the service implements is called after it.
    /// * Its limit is that of the method it precedes: Init's, or Stop's at a reload.
    ///
    /// # Errors
    ///
    /// If the service cannot use the value. At a reload all services are then given the old one
    /// again; before `init` it is a failure of Init.
    ///
    /// # Cancel safety
    ///
    /// At its limit the future is dropped at the `.await` where it waits. That counts as a failure.
    fn apply(&mut self, new: &C, cx: &Context) -> impl Future<Output = Result> + Send;
}

/// A configuration that is part of another: what a service takes, of what the daemon loads.
///
/// Each type is a part of itself. Implement it to hand a service of a library its own type:
///
/// ```
/// use rxd::ConfigPart;
/// # struct PollerConfig;
///
/// struct AgentConfig {
///     poller: PollerConfig,
/// }
///
/// impl ConfigPart<AgentConfig> for PollerConfig {
///     fn part(whole: &AgentConfig) -> &Self {
///         &whole.poller
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a part of the configuration `{C}`",
    label = "this service takes a configuration `{Self}`, and the daemon loads a `{C}`",
    note = "write `impl rxd::ConfigPart<{C}> for {Self} {{ fn part(whole: &{C}) -> &Self {{ &whole.field }} }}`, or load a `{Self}`"
)]
pub trait ConfigPart<C> {
    /// The part.
    fn part(whole: &C) -> &Self;
}

impl<C> ConfigPart<C> for C {
    fn part(whole: &C) -> &Self {
        whole
    }
}
