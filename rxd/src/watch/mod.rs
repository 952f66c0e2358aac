//! What user code awaits: watches, streams of transitions, `wait_for`; and `why`, the explanation
//! of a service's state.
//!
//! [`Context`](crate::Context) and [`DaemonHandle`](crate::DaemonHandle) make these. The watches
//! that a service declares are not here: the board evaluates them, and the engine reacts.
//!
//! # Invariants
//!
//! 1. A watch or stream holds one watcher on the board for as long as it lives, and removes it on
//!    drop. Only a declared watch whose services are all switched off holds none.
//! 2. The board copies statuses and transitions into buffers under its lock. They are allocated
//!    without it: when the watch or stream is made, and again for a stream that has fallen behind.
//! 3. A watch that was made through a context checks for cancellation before it reads the board, so
//!    a service that makes transitions without a pause cannot keep it from ending.
//! 4. Before a watch returns `Pending`, its waker is registered on the board and with the
//!    cancellation. The board is read in the critical section of the registration, and the
//!    cancellation after it. So neither an event nor a cancellation is missed.

#[cfg(feature = "test-util")]
pub(crate) mod bench;
pub(crate) mod cancellation;
mod event;
pub(crate) mod holding;
mod selector;
mod stream;
mod wait;
pub(crate) mod why;

#[cfg(all(test, rxd_loom))]
mod loom;
#[cfg(all(test, not(rxd_loom)))]
pub(crate) mod tests;

pub(crate) use crate::core::describe::describe;
pub use event::{WatchEnded, WatchEvent};
pub(crate) use selector::unknown_service;
pub use selector::{ByType, ServiceSelector, by_type};
pub use stream::{StateEvent, StateStream};
pub use wait::{WaitError, WaitFor};

use crate::board::{Condition, Fired, Id, ServiceStatus, WatchId};
use crate::coop;
use crate::core::Core;
use crate::core::names::Name;
use crate::error::Error;
use crate::graph::{Edge, Mode};
use crate::lifecycle::state::{Action, State};
use crate::watch::cancellation::Cancellation;
use futures_core::{FusedStream, Stream};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio_util::sync::CancellationToken;

/// A watch on one or more services.
///
/// To react to other services inside a method, loop over [`next`](Watch::next), or call
/// [`wait`](Watch::wait) once.
///
/// A watch yields an event if its condition holds when it is made, and then each time the condition
/// comes true again, however briefly.
///
/// * If the condition came true several times between two polls, the watch yields one event, with
///   the count and with the services as they were the last time.
/// * A watch on [`Changing`](Action::Changing) yields an event for every change (`any`), or each
///   time all services have changed since the last event (`all`).
/// * The watch ends when its condition can never come true again: its services have exited, the
///   condition is about `Unknown`, which they have left, or the daemon has ended.
///   [`ended`](Watch::ended) says which. The watch stays ended, also when an operator starts a
///   service again; make a new watch then.
/// * A watch that was made through a [`Context`](crate::Context), a declared `stream(..)` included,
///   also ends when that context is cancelled, so a loop over it never delays a stop. Events that
///   it has not yielded by then are dropped. A watch of a [`DaemonHandle`](crate::DaemonHandle) has
///   no context, and yields all of its events.
/// * A watch that is polled rarely, or never, delays no transition and no other watch, and takes no
///   more memory. Dropping it ends it.
///
/// ```
/// use rxd::{Action, Context, Daemon, Runner, Service, State, manager};
///
/// struct Job;
///
/// impl Runner for Job {
///     async fn run(&mut self, _cx: &Context) -> rxd::Result {
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> rxd::Result {
/// let daemon = Daemon::new("d").add(Service::new("job", Job).manager(manager::until_success));
/// let handle = daemon.start().await?;
/// let mut ran = handle.watch_any(Action::Entering, State::Run, "job")?;
/// let event = ran.next().await.expect("it runs once");
/// assert_eq!(event.services[0].state, State::Run);
/// // The job has completed, and will not run again.
/// assert!(ran.next().await.is_none());
/// assert_eq!(ran.ended().unwrap().to_string(), "service `job` has exited (normal)");
/// # handle.wait().await.into_result()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a watch does nothing unless it is awaited"]
pub struct Watch {
    core: Arc<Core>,
    /// None if none of its services is part of the daemon.
    watch_id: Option<WatchId>,
    targets: Box<[Id]>,
    /// The names of those that were added: they may be removed while the watch is there.
    added: Box<[(Id, Name)]>,
    /// The buffer for the statuses of the targets.
    statuses: Vec<ServiceStatus>,
    /// Whether its condition is about Unknown, to which no service returns.
    is_about_unknown: bool,
    /// The cancellation of the context that it was made through; none if that was a handle.
    cancellation: Option<Cancellation>,
    end: Option<WatchEnded>,
}

impl Watch {
    pub(crate) fn new(
        core: &Arc<Core>,
        mode: Mode,
        action: Action,
        state: State,
        services: &impl ServiceSelector,
    ) -> Result<Watch, Error> {
        let targets = selector::select(core, services)?;
        Ok(Watch::on(core, mode, Condition::State(action, state), targets))
    }

    fn on(core: &Arc<Core>, mode: Mode, condition: Condition, targets: Box<[Id]>) -> Watch {
        // Invariant 2.
        let statuses = Vec::with_capacity(targets.len());
        let watch_id = core.board.watch(mode, condition, &targets);
        let is_about_unknown = matches!(condition, Condition::State(_, State::Unknown));
        let mut added = Vec::new();
        for &id in targets.iter().filter(|&&id| !core.names.has(id)) {
            added.push((id, core.name(id).clone()));
        }
        Watch {
            core: core.clone(),
            watch_id: Some(watch_id),
            targets,
            added: added.into(),
            statuses,
            is_about_unknown,
            cancellation: None,
            end: None,
        }
    }

    /// The watch of a declared `stream(..)`.
    pub(crate) fn declared(core: &Arc<Core>, edge: &Edge<'_>) -> Watch {
        let targets = selector::select_edge(core, edge);
        if targets.is_empty() {
            let (core, end) = (core.clone(), Some(WatchEnded::Disabled));
            return Watch {
                core,
                watch_id: None,
                targets,
                added: Box::default(),
                statuses: Vec::new(),
                is_about_unknown: false,
                cancellation: None,
                end,
            };
        }
        Watch::on(core, edge.mode, Condition::State(edge.action, edge.state), targets)
    }

    /// The same watch, which also ends when this token is cancelled.
    pub(crate) fn ending_with(mut self, token: CancellationToken) -> Watch {
        self.cancellation = Some(Cancellation::new(token));
        self
    }

    /// Waits until the condition comes true. Returns `None` once the watch has
    /// [ended](Watch::ended).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: dropping its future loses no event.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        poll_fn(|task| self.poll(task)).await
    }

    /// Waits until the condition comes true.
    ///
    /// # Errors
    ///
    /// Returns [`WatchEnded`] if the condition can never come true again, or if the context that
    /// the watch was made through is cancelled. The latter is a clean end when a method returns it
    /// by `?`; see [`WatchEnded::Cancelled`].
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: dropping its future loses no event.
    ///
    /// ```
    /// # use rxd::{Action, Context, State};
    /// # async fn f(cx: &Context) -> rxd::Result {
    /// let mut ready = cx.watch_all(Action::Entering, State::Run, ["db", "cache"])?;
    /// let event = ready.wait().await?;
    /// tracing::info!(seq = event.seq, "both are ready");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn wait(&mut self) -> Result<WatchEvent, WatchEnded> {
        match self.next().await {
            Some(event) => Ok(event),
            None => Err(self.end.clone().unwrap_or(WatchEnded::Closed)),
        }
    }

    /// Whether the condition holds at this instant, whatever the watch has yielded, and also once
    /// it has ended. A condition on [`Changing`](Action::Changing) never holds.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.watch_id.as_ref().is_some_and(|watch_id| self.core.board.is_met(watch_id))
    }

    /// Why the watch has ended, once [`next`](Watch::next) has returned `None`.
    #[must_use]
    pub fn ended(&self) -> Option<&WatchEnded> {
        self.end.as_ref()
    }

    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Option<WatchEvent>> {
        // A condition that comes true again and again must not keep other tasks from running.
        ready!(coop::poll(task));
        let (Some(watch_id), None) = (&mut self.watch_id, &self.end) else { return Poll::Ready(None) };
        // Invariant 3.
        if self.cancellation.as_ref().is_some_and(Cancellation::is_cancelled) {
            self.end = Some(WatchEnded::Cancelled);
            return Poll::Ready(None);
        }
        match self.core.board.poll_watch(watch_id, task, &mut self.statuses) {
            Poll::Pending => {
                // Invariant 4: a cancellation that came after the check above is found by this
                // poll.
                let Some(cancellation) = &mut self.cancellation else { return Poll::Pending };
                ready!(cancellation.poll(task));
                self.end = Some(WatchEnded::Cancelled);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Fired { seq, times })) => {
                let mut services = Vec::with_capacity(self.targets.len());
                for (&id, status) in self.targets.iter().zip(&self.statuses) {
                    services.push(self.core.state_named(self.name(id), status));
                }
                Poll::Ready(Some(WatchEvent { seq, times, services }))
            }
            Poll::Ready(None) => {
                self.end = Some(self.end_reason());
                Poll::Ready(None)
            }
        }
    }

    /// The name of one of its services.
    fn name(&self, id: Id) -> Name {
        if self.core.names.has(id) {
            return self.core.names.name(id).clone();
        }
        let added = self.added.iter().find(|(added, _)| *added == id);
        added.map_or_else(|| self.core.name(id).clone(), |(_, name)| name.clone())
    }

    /// Why the watch has ended, by the statuses that came with the end.
    fn end_reason(&self) -> WatchEnded {
        let removed = self.added.iter().filter(|(id, _)| self.core.is_removed(*id));
        let removed: Vec<Name> = removed.map(|(_, name)| name.clone()).collect();
        if !removed.is_empty() {
            return WatchEnded::Removed(removed);
        }
        let exited = |at_any_time: bool| {
            let mut exited = Vec::new();
            for (&id, status) in self.targets.iter().zip(&self.statuses) {
                if let Some(cause) = status.ended.filter(|_| at_any_time || status.over) {
                    exited.push((self.name(id), cause));
                }
            }
            exited
        };
        let mut reason = exited(false);
        // If operators have started all of them again since, those that had exited are the reason,
        // unless the condition is about Unknown, which they had left before they exited.
        if reason.is_empty() {
            reason = exited(!self.is_about_unknown);
        }
        let has_passed = self.is_about_unknown && self.statuses.iter().all(|status| status.seq > 0);
        match reason.is_empty() {
            false => WatchEnded::Exited(reason),
            true if self.core.board.is_closed() && !has_passed => WatchEnded::Closed,
            true => WatchEnded::StatePassed,
        }
    }
}

impl Stream for Watch {
    type Item = WatchEvent;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<WatchEvent>> {
        self.poll(task)
    }
}

impl FusedStream for Watch {
    fn is_terminated(&self) -> bool {
        self.end.is_some()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(watch_id) = &self.watch_id {
            self.core.board.unwatch(watch_id);
        }
    }
}
