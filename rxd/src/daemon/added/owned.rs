//! Services that end with the incarnation that has added them.
//!
//! Such a service counts as a task of its owner, so the owner calls Stop only once it is removed, and
//! its name free. A task of the owner waits for the end of the incarnation, and then has it removed.

use crate::board::Id;
use crate::core::Core;
use crate::daemon::service::Service;
use crate::error::Error;
use crate::service::context::Context;
use std::sync::Arc;

/// Removes a service when it is dropped: also if the task that keeps it is aborted, or never runs.
struct RemoveOnDrop {
    core: Arc<Core>,
    id: Id,
}

impl Drop for RemoveOnDrop {
    fn drop(&mut self) {
        self.core.remove_owned(self.id);
    }
}

impl Context {
    /// Adds a service that ends with this incarnation, as a task that is
    /// [spawned](Context::spawn) here does. Returns once it is added.
    ///
    /// It is a service like one that [`DaemonHandle::add`](crate::DaemonHandle::add) adds: it is
    /// checked, it restarts by itself, and it has a name, a state, and a place in the stop order,
    /// before this service. In addition:
    ///
    /// * When this incarnation ends, for whatever reason, the service is
    ///   [removed](crate::DaemonHandle::remove_with_dependents), with all that name it in their
    ///   watches, and with the services that it has added in this way itself. Only then is
    ///   [`Runner::stop`](crate::Runner::stop) called, however long that takes: each has its own
    ///   limits.
    /// * A reload that interrupts `run` ends it too, if it was added by that context.
    /// * The removal of this service removes it first.
    /// * A failure of it is no failure of this service. To follow it, [watch](Context::watch_any) it.
    ///
    /// A service that is to stay is added by `cx.daemon().add(..)`.
    ///
    /// # Errors
    ///
    /// As [`DaemonHandle::add`](crate::DaemonHandle::add), and if the incarnation of this context has
    /// ended. Nothing was added then.
    ///
    /// # Cancel safety
    ///
    /// The service is added when the future is first polled, and that poll is the last.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    ///
    /// ```
    /// use rxd::{Context, Daemon, Service, State};
    ///
    /// async fn shard(cx: Context) -> rxd::Result {
    ///     cx.cancelled().await;
    ///     Ok(())
    /// }
    ///
    /// // Whenever `cluster` restarts, its shards end first.
    /// async fn cluster(cx: Context) -> rxd::Result {
    ///     for n in 0..3 {
    ///         cx.spawn_service(Service::from_fn(format!("shard-of-{n}"), shard)).await?;
    ///     }
    ///     cx.cancelled().await;
    ///     Ok(())
    /// }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> rxd::Result {
    /// let handle = Daemon::new("store").add(Service::from_fn("cluster", cluster)).start().await?;
    /// handle.wait_for("cluster", State::Run).await?;
    /// # tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    /// # assert_eq!(handle.states().len(), 4);
    /// handle.stop("cluster").await?;
    /// assert_eq!(handle.states().len(), 1);
    /// # handle.shutdown();
    /// # Ok(handle.wait().await.into_result()?)
    /// # }
    /// ```
    pub async fn spawn_service(&self, service: impl Into<Service>) -> Result<(), Error> {
        let service = service.into();
        let task = format!("owner of {}", service.name());
        let id = self.daemon().add_service(service, Some((self.id(), self.epoch())))?;
        let remove = RemoveOnDrop { core: self.core().clone(), id };
        let ended = self.wait_cancelled();
        drop(self.spawn_contained(&task, async move {
            let _remove = remove;
            ended.await;
        }));
        Ok(())
    }
}
