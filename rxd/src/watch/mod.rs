//! Watches that somebody holds: polled, not reacted to.

#[cfg(feature = "test-util")]
pub(crate) mod bench;
pub(crate) mod cancellation;
mod event;
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
/// It yields once if its condition holds when it is made, and then each time the condition comes
/// true again, however short that was: what came true several times between two polls is yielded
/// once, with the count, and with the services as they were at the last of them. A watch on
/// [`Changing`](Action::Changing) yields for every change (`any`), or each time all have changed
/// since it last did (`all`).
///
/// It ends when its condition can come true no more: its services have exited for good, or the
/// daemon has ended; [`ended`](Watch::ended) says which. It stays ended, also when an operator
/// starts the service again: make another one then.
///
/// A watch that was taken through a [`Context`](crate::Context), a declared `stream(..)` included,
/// also ends when that context is cancelled, so a loop over it never holds up a stop. Cancellation
/// comes first: what came true before it and was not yielded yet is not yielded any more. A watch of a
/// [`DaemonHandle`](crate::DaemonHandle) has no context, and yields all of it.
///
/// No watch delays a transition or another watch, whoever polls it how seldom; and it takes no
/// more memory for that. Dropping it ends it.
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
/// let met = ran.next().await.expect("it runs once");
/// assert_eq!(met.services[0].state, State::Run);
/// // It has ended well, and will not run again.
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
    /// None if it is about no service.
    watch_id: Option<WatchId>,
    targets: Box<[Id]>,
    /// Where the targets are put when it is polled.
    statuses: Vec<ServiceStatus>,
    /// It asks about Unknown, which does not come again.
    unknown: bool,
    /// Of the context it was taken through; none if that was a handle.
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
        // What a poll needs is allocated here: the board allocates nothing under its lock for it.
        let statuses = Vec::with_capacity(targets.len());
        let watch_id = core.board.watch(mode, condition, &targets);
        let unknown = matches!(condition, Condition::State(_, State::Unknown));
        Watch {
            core: core.clone(),
            watch_id: Some(watch_id),
            targets,
            statuses,
            unknown,
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
                statuses: Vec::new(),
                unknown: false,
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

    /// Waits until the condition comes true; none once the watch has [ended](Watch::ended).
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: nothing is taken until it is returned.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        poll_fn(|task| self.poll(task)).await
    }

    /// Waits until the condition comes true.
    ///
    /// # Errors
    ///
    /// [`WatchEnded`], if the watch has ended: the condition can come true no more, or the context that the
    /// watch was taken through is cancelled. Returned from a method by `?`, the latter is a clean end:
    /// see [`WatchEnded::Cancelled`].
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: nothing is taken until it is returned.
    ///
    /// ```
    /// # use rxd::{Action, Context, State};
    /// # async fn f(cx: &Context) -> rxd::Result {
    /// let mut ready = cx.watch_all(Action::Entering, State::Run, ["db", "cache"])?;
    /// let met = ready.wait().await?;
    /// tracing::info!(seq = met.seq, "both are ready");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn wait(&mut self) -> Result<WatchEvent, WatchEnded> {
        match self.next().await {
            Some(met) => Ok(met),
            None => Err(self.end.clone().unwrap_or(WatchEnded::Closed)),
        }
    }

    /// Whether the condition holds at this instant, whatever was yielded, and also once the watch
    /// has ended. One on [`Changing`](Action::Changing) never does.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.watch_id.as_ref().is_some_and(|watch_id| self.core.board.is_met(watch_id))
    }

    /// Why the watch has ended, once it has said so by yielding nothing.
    #[must_use]
    pub fn ended(&self) -> Option<&WatchEnded> {
        self.end.as_ref()
    }

    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Option<WatchEvent>> {
        // What is met again and again is not to keep its thread from all others.
        ready!(coop::poll(task));
        let (Some(watch_id), None) = (&mut self.watch_id, &self.end) else { return Poll::Ready(None) };
        // Asked first: transitions that follow each other without a pause must not outrun it.
        if self.cancellation.as_ref().is_some_and(Cancellation::is_cancelled) {
            self.end = Some(WatchEnded::Cancelled);
            return Poll::Ready(None);
        }
        match self.core.board.poll_watch(watch_id, task, &mut self.statuses) {
            Poll::Pending => {
                // Both wakers are in place before it waits, and each side looks after it has put one
                // there: a cancellation that comes between the two looks is found by this one.
                let Some(cancellation) = &mut self.cancellation else { return Poll::Pending };
                ready!(cancellation.poll(task));
                self.end = Some(WatchEnded::Cancelled);
                Poll::Ready(None)
            }
            Poll::Ready(Some(Fired { seq, times })) => {
                let services = self.targets.iter().zip(&self.statuses).map(|(&id, status)| self.core.stood(id, status));
                Poll::Ready(Some(WatchEvent { seq, times, services: services.collect() }))
            }
            Poll::Ready(None) => {
                self.end = Some(self.never());
                Poll::Ready(None)
            }
        }
    }

    /// Why nothing more will come, as the words that came with that say.
    fn never(&self) -> WatchEnded {
        let exited = |ever: bool| -> Vec<_> {
            let statuses = self.targets.iter().zip(&self.statuses);
            let ended = statuses.filter_map(|(&id, status)| Some((id, status.ended.filter(|_| ever || status.over)?)));
            ended.map(|(id, cause)| (self.core.name(id).clone(), cause)).collect()
        };
        // If all of them were started again since, those that were: they are why it has ended, unless it asks
        // about what was over before they exited.
        let exited = [exited(false), exited(!self.unknown)].into_iter().find(|exited| !exited.is_empty());
        let past = self.unknown && self.statuses.iter().all(|status| status.seq > 0);
        match exited {
            Some(exited) => WatchEnded::Exited(exited),
            None if self.core.board.is_closed() && !past => WatchEnded::Closed,
            None => WatchEnded::StatePassed,
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
