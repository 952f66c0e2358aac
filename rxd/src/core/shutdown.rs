//! The request to stop the daemon, and how far the stop has come.
//!
//! Handles, signals and the engine of a service that failed make the request. The supervisor, or the
//! monitor in its place, carries it out: see [`shutdown`](crate::shutdown).
//!
//! # Invariants
//!
//! 1. The first reason stands.
//! 2. A daemon drains only between the request and the beginning of its stop.

use super::Core;
use crate::panic;
use crate::report::ShutdownReason;
use crate::sync::Mutex;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Debug, Default)]
pub(crate) struct ShutdownRequest {
    /// The first reason to stop, once there is one.
    reason: Mutex<Option<ShutdownReason>>,
    /// A failure has come that ends a drain.
    is_urgent: AtomicBool,
    /// When the drain is over, once there is one.
    drain_end: OnceLock<Instant>,
    /// The services are being stopped.
    has_begun: AtomicBool,
    /// Notifies its waiters of the request, and of the beginning of the stop.
    advanced: Notify,
}

impl ShutdownReason {
    /// Whether the daemon drains before it stops for this reason.
    pub(crate) fn drains(self) -> bool {
        match self {
            ShutdownReason::Signal(_) | ShutdownReason::Requested => true,
            ShutdownReason::Service(_) | ShutdownReason::StartFailed => false,
        }
    }
}

impl Core {
    /// Asks the supervisor to stop the daemon. The first reason stands.
    pub(crate) fn shut_down(&self, reason: ShutdownReason) {
        let shutdown = &self.shutdown;
        if !reason.drains() {
            shutdown.is_urgent.store(true, Ordering::Release);
        }
        shutdown.reason.lock().get_or_insert(reason);
        self.supervisor.notify_one();
        self.stop_requested.notify_one();
        self.notify_advanced();
    }

    pub(crate) fn shutting_down(&self) -> Option<ShutdownReason> {
        *self.shutdown.reason.lock()
    }

    /// Notes that the daemon drains until then.
    pub(crate) fn begin_drain(&self, until: Instant) {
        let _ = self.shutdown.drain_end.set(until);
    }

    /// When the drain is over, if the daemon drains now.
    pub(crate) fn drains_until(&self) -> Option<Instant> {
        let until = self.shutdown.drain_end.get().copied();
        until.filter(|_| !self.shutdown.has_begun.load(Ordering::Acquire))
    }

    /// Whether nothing is left to drain for: a service has failed the daemon, or all have exited.
    pub(crate) fn is_drain_pointless(&self) -> bool {
        self.shutdown.is_urgent.load(Ordering::Acquire) || self.stop_order.left() == 0
    }

    /// Notes that the services are being stopped. Returns whether this is the first call.
    pub(crate) fn begin_stop(&self) -> bool {
        !self.shutdown.has_begun.swap(true, Ordering::AcqRel)
    }

    /// Tells the tasks that wait for it how far the stop has come.
    pub(crate) fn notify_advanced(&self) {
        // A waker may be a user's.
        panic::ignore(|| self.shutdown.advanced.notify_waiters());
    }

    /// Waits until the services are being stopped.
    #[cfg(feature = "admin")]
    pub(crate) async fn stop_begins(&self) {
        self.advances(|core| core.shutdown.has_begun.load(Ordering::Acquire)).await;
    }

    /// Waits until the daemon drains, or stops without that.
    #[cfg(feature = "admin")]
    pub(crate) fn drain_begins(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        let core = self.clone();
        let is_past =
            |core: &Core| core.shutdown.drain_end.get().is_some() || core.shutdown.has_begun.load(Ordering::Acquire);
        async move { core.advances(is_past).await }
    }

    /// Waits until the daemon is asked to stop.
    pub(crate) fn shutdown_requested(self: &Arc<Self>) -> impl Future<Output = ()> + Send + use<> {
        let core = self.clone();
        async move { core.advances(|core| core.shutting_down().is_some()).await }
    }

    async fn advances(&self, is_reached: impl Fn(&Core) -> bool) {
        loop {
            // Made before the check: what happens in between notifies it.
            let advanced = self.shutdown.advanced.notified();
            if is_reached(self) {
                return;
            }
            panic::with_quiet_waker(advanced).await;
        }
    }
}
