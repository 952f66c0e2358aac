//! A stream of every transition, in order.

use super::unknown_service;
use crate::board::{Event, ServiceSet, StreamRead, StreamStatus, WatchId, ids_where};
use crate::coop;
use crate::core::{Core, ServiceState, States};
use crate::error::Error;
use crate::lifecycle::state::Filter;
use crate::watch::cancellation::Cancellation;
use futures_core::{FusedStream, Stream};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use tokio_util::sync::CancellationToken;

/// How many transitions are read from the board in one critical section.
const READ_BATCH: usize = 16;

/// Every transition of some services, in order.
///
/// The first item is a snapshot of the instant at which the stream was made. Every later transition
/// of its services follows, in the order of the sequence numbers, without gaps.
///
/// * The stream reads from the daemon's history, which keeps the last
///   [`Daemon::history`](crate::Daemon::history) transitions. A reader that falls behind by more
///   gets [`Lagged`](StateEvent::Lagged), with the number of transitions it has missed and a new
///   snapshot, and continues from there.
/// * A slow reader delays no service and no other reader, and takes no more memory.
/// * The stream ends after the daemon has ended and everything was yielded. A service that exits
///   does not end it, since an operator may start it again. Dropping the stream ends it.
/// * A stream that was made through a [`Context`](crate::Context) also ends when that context is
///   cancelled, so a loop over it never delays a stop. Transitions that it has not yielded by then
///   are dropped. A stream of a [`DaemonHandle`](crate::DaemonHandle) has no context, and yields
///   every transition up to the last.
///
/// ```
/// use rxd::{Context, Daemon, Filter, Runner, Service, StateEvent, manager};
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
/// let mut states = handle.watch_states(Filter::None)?;
/// let mut seen = Vec::new();
/// while let Some(event) = states.next().await {
///     if let StateEvent::Changed(service) = event {
///         seen.push(format!("{} {}", service.transition, service.state));
///     }
/// }
/// assert_eq!(seen.first().unwrap(), "entering init");
/// assert_eq!(seen.last().unwrap(), "entering exit");
/// # handle.wait().await.into_result()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a stream does nothing unless it is polled"]
pub struct StateStream {
    core: Arc<Core>,
    watch_id: WatchId,
    services: ServiceSet,
    /// The number of the last transition that was read.
    seq: u64,
    /// The transitions that were read and not yielded, last first.
    events: Vec<Event>,
    /// The statuses of the next snapshot to yield; empty if none is due.
    statuses: Vec<StreamStatus>,
    next: StreamItem,
    /// The cancellation of the context that it was made through; none if that was a handle.
    cancellation: Option<Cancellation>,
}

/// What the stream yields next.
#[derive(Debug, PartialEq, Eq)]
enum StreamItem {
    Snapshot,
    Change,
    Nothing,
}

/// What a [`StateStream`] yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateEvent {
    /// The states of the services; always the first item.
    Snapshot(States),
    /// A service has made a transition.
    Changed(ServiceState),
    /// The reader was too slow: some transitions are no longer in the history, and were not
    /// delivered.
    Lagged {
        /// How many transitions of the stream's services were not delivered.
        missed: u64,
        /// The states of the services after those transitions.
        snapshot: States,
    },
}

impl StateStream {
    pub(crate) fn new(core: &Arc<Core>, filter: &Filter) -> Result<StateStream, Error> {
        let services = filtered(core, filter)?;
        let mut statuses = Vec::new();
        let (watch_id, seq) = core.board.open_stream(&services, &mut statuses);
        let events = Vec::with_capacity(READ_BATCH);
        let core = core.clone();
        Ok(StateStream {
            core,
            watch_id,
            services,
            seq,
            events,
            statuses,
            next: StreamItem::Snapshot,
            cancellation: None,
        })
    }

    /// The same stream, which also ends when this token is cancelled.
    pub(crate) fn ending_with(mut self, token: CancellationToken) -> StateStream {
        self.cancellation = Some(Cancellation::new(token));
        self
    }

    /// Waits for the next item. Returns `None` once the daemon has ended and everything was
    /// yielded, or once the context that the stream was made through is cancelled.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: dropping its future loses no item.
    pub async fn next(&mut self) -> Option<StateEvent> {
        poll_fn(|task| self.poll(task)).await
    }

    pub(super) fn poll(&mut self, task: &mut Context<'_>) -> Poll<Option<StateEvent>> {
        // As for a watch: see `Watch::poll`.
        ready!(coop::poll(task));
        if self.cancellation.as_ref().is_some_and(Cancellation::is_cancelled) {
            self.next = StreamItem::Nothing;
        }
        match self.next {
            StreamItem::Nothing => return Poll::Ready(None),
            StreamItem::Snapshot => {
                self.next = StreamItem::Change;
                return Poll::Ready(Some(StateEvent::Snapshot(self.snapshot())));
            }
            StreamItem::Change => {}
        }
        if self.events.is_empty() {
            let board = &self.core.board;
            let (watch_id, seq) = (&mut self.watch_id, &mut self.seq);
            match board.poll_stream(watch_id, task, seq, &self.services, &mut self.events, &mut self.statuses) {
                Poll::Pending => {
                    let Some(cancellation) = &mut self.cancellation else { return Poll::Pending };
                    ready!(cancellation.poll(task));
                    self.next = StreamItem::Nothing;
                    return Poll::Ready(None);
                }
                Poll::Ready(StreamRead::Events) => self.events.reverse(),
                Poll::Ready(StreamRead::Lagged { missed }) => {
                    self.core.lagged.fetch_add(missed, Ordering::Relaxed);
                    return Poll::Ready(Some(StateEvent::Lagged { missed, snapshot: self.snapshot() }));
                }
                Poll::Ready(StreamRead::End) => self.next = StreamItem::Nothing,
            }
        }
        Poll::Ready(self.events.pop().map(|event| StateEvent::Changed(self.core.state_after(&event))))
    }

    fn snapshot(&mut self) -> States {
        let statuses = std::mem::take(&mut self.statuses);
        let mut services = Vec::with_capacity(statuses.len());
        for (id, status) in &statuses {
            services.push(self.core.state(*id, status));
        }
        States::new(self.seq, services)
    }
}

/// The services that a filter lets through.
fn filtered(core: &Core, filter: &Filter) -> Result<ServiceSet, Error> {
    let (names, include) = match filter {
        Filter::None => return Ok(ServiceSet::All),
        Filter::Include(names) => (names, true),
        Filter::Exclude(names) => (names, false),
    };
    let mut table = vec![!include; core.board.declared()].into_boxed_slice();
    let mut added = if include { Vec::new() } else { core.added.ids() };
    for name in names {
        let id = core.id(name).ok_or_else(|| unknown_service(core, name))?;
        match table.get_mut(id as usize) {
            Some(place) => *place = include,
            None if include => added.push(id),
            None => added.retain(|&other| other != id),
        }
    }
    let mut list = ids_where(table.len(), &|id| table[id as usize]);
    added.sort_unstable();
    added.dedup();
    list.append(&mut added);
    Ok(ServiceSet::Some(list.into(), table))
}

impl Stream for StateStream {
    type Item = StateEvent;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Option<StateEvent>> {
        self.poll(task)
    }
}

impl FusedStream for StateStream {
    fn is_terminated(&self) -> bool {
        self.next == StreamItem::Nothing
    }
}

impl Drop for StateStream {
    fn drop(&mut self) {
        self.core.board.unwatch(&self.watch_id);
    }
}
