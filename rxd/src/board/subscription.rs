//! Polled watches and streams: those that a task holds, rather than a service declares.

use super::slots::{Slots, slot_of};
use super::state::BoardState;
use super::status::{Condition, Event, ServiceStatus};
use super::wake::PendingWake;
use super::watcher::{DETACHED, NOBODY, Watcher, WatcherKind};
use super::{Board, Id, Seq};
use crate::graph::Mode;
use std::task::{Context, Poll, Waker};

/// How many transitions a reader goes through in one critical section.
const HISTORY_BATCH: usize = 1024;

/// The rising edges of a watch since it was last polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fired {
    /// The number of the last of them.
    pub(crate) seq: Seq,
    /// How many there were.
    pub(crate) times: u64,
}

/// The handle by which a task polls its watch or stream.
#[derive(Debug)]
pub(crate) struct WatchId {
    watcher: u32,
    /// A waker to register, cloned without the lock. See [`Board::poll_watcher`].
    spare_waker: Option<Waker>,
}

/// What a stream has for its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamRead {
    /// The next transitions are in the buffer.
    Events,
    /// The next transition is no longer in the history. The reader skips to the statuses of this
    /// instant, and this many transitions are not delivered.
    Lagged { missed: u64 },
    /// No more will follow.
    End,
}

impl Board {
    /// Begins a watch. A condition that holds already counts as having just come true.
    ///
    /// The targets must be distinct.
    pub(crate) fn watch(&self, mode: Mode, condition: Condition, targets: &[Id]) -> WatchId {
        let watcher = Watcher::polled(mode, condition, targets);
        WatchId { watcher: self.lock().add(&self.services, watcher), spare_waker: None }
    }

    /// Begins a stream of all transitions of these services after the number that is returned. Puts
    /// their statuses at that number into `statuses`.
    pub(crate) fn open_stream(&self, services: &ServiceSet, statuses: &mut Vec<StreamStatus>) -> (WatchId, Seq) {
        let watcher = match services {
            // The entry after those of the services stands for all of them.
            ServiceSet::All => Watcher::stream(&[self.declared() as Id]),
            ServiceSet::Some(list, _) => Watcher::stream(list),
        };
        loop {
            let mut inner = self.lock();
            let count = inner.view().count_of(services);
            if statuses.capacity() < count {
                drop(inner);
                statuses.reserve(count);
                continue;
            }
            inner.view().statuses_of(services, statuses);
            return (WatchId { watcher: inner.add(&self.services, watcher), spare_waker: None }, inner.seq);
        }
    }

    /// Ends a watch or a stream: O(its targets).
    pub(crate) fn unwatch(&self, watch: &WatchId) {
        let watcher = self.lock().remove(watch.watcher);
        // Without the lock: dropping a waker may drop a task, and with it another watch.
        drop(watcher);
    }

    /// Takes the rising edges of a watch, and puts the statuses of its targets at the last of them
    /// into `statuses`. Returns `None` once there can be no further edge; the statuses are then the
    /// current ones. Registers the waker while there is nothing to take.
    pub(crate) fn poll_watch(
        &self,
        watch: &mut WatchId,
        task: &Context<'_>,
        statuses: &mut Vec<ServiceStatus>,
    ) -> Poll<Option<Fired>> {
        statuses.clear();
        self.poll_watcher(watch, task, |board, watcher, closed| {
            let WatcherKind::Polled { edges, .. } = &mut watcher.kind else { return Poll::Ready(None) };
            let now = |id: Id| &board.entries[id].status;
            if !std::mem::take(&mut watcher.fired) {
                if !closed && !watcher.over {
                    return Poll::Pending;
                }
                for (at, target) in watcher.targets.iter().enumerate() {
                    let is_gone = target.place == DETACHED;
                    statuses.push(if is_gone { *edges.last_status(at) } else { *now(target.id) });
                }
                return Poll::Ready(None);
            }
            for (at, target) in watcher.targets.iter().enumerate() {
                let is_gone = target.place == DETACHED;
                statuses.push(if is_gone { *edges.last_status(at) } else { *edges.status(at, now(target.id)) });
            }
            Poll::Ready(Some(Fired { seq: edges.seq, times: std::mem::take(&mut edges.count) }))
        })
    }

    /// Reads a stream from after `seq`: as many transitions as `events` has capacity for, or the
    /// statuses of its services if some transitions are no longer in the history. Registers the
    /// waker while there is nothing to read.
    pub(crate) fn poll_stream(
        &self,
        watch: &mut WatchId,
        task: &Context<'_>,
        seq: &mut Seq,
        services: &ServiceSet,
        events: &mut Vec<Event>,
        statuses: &mut Vec<StreamStatus>,
    ) -> Poll<StreamRead> {
        let mut needed = 0;
        loop {
            let room = statuses.capacity();
            let read = self.poll_watcher(watch, task, |board, watcher, closed| {
                let WatcherKind::Stream { unread, .. } = &mut watcher.kind else {
                    return Poll::Ready(Some(StreamRead::End));
                };
                if *unread == 0 {
                    *seq = board.seq;
                    return if closed { Poll::Ready(Some(StreamRead::End)) } else { Poll::Pending };
                }
                if *seq + 1 < board.history.first() {
                    needed = board.count_of(services);
                    if room < needed {
                        return Poll::Ready(None);
                    }
                    *seq = board.seq;
                    board.statuses_of(services, statuses);
                    return Poll::Ready(Some(StreamRead::Lagged { missed: std::mem::take(unread) }));
                }
                for event in board.history.since(*seq + 1).take(HISTORY_BATCH) {
                    if events.len() == events.capacity() || *unread == 0 {
                        break;
                    }
                    *seq = event.seq;
                    if services.has(event.id) {
                        events.push(*event);
                        *unread -= 1;
                    }
                }
                // If no transition so far is of these services, release the lock in between.
                Poll::Ready((!events.is_empty()).then_some(StreamRead::Events))
            });
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(read)) => return Poll::Ready(read),
                // Allocated without the lock, in case the reader has fallen behind.
                Poll::Ready(None) => statuses.reserve(needed),
            }
        }
    }

    /// Calls `take` under the lock, and registers the waker if it returns `Pending`.
    ///
    /// Cloning and dropping a waker may run code of the user's, so both happen without the lock.
    /// The waker is cloned before the lock is taken; if it is not needed, the next poll uses it.
    fn poll_watcher<T>(
        &self,
        watch: &mut WatchId,
        task: &Context<'_>,
        take: impl FnOnce(&View<'_>, &mut Watcher, bool) -> Poll<T>,
    ) -> Poll<T> {
        let wakes = |waker: &Option<Waker>| waker.as_ref().is_some_and(|waker| waker.will_wake(task.waker()));
        if !wakes(&watch.spare_waker) {
            crate::sync::assert_none_held();
            watch.spare_waker = Some(task.waker().clone());
        }
        let mut guard = self.lock();
        let inner = &mut *guard;
        let view = View { seq: inner.seq, entries: &inner.entries, added: &inner.added, history: &inner.history };
        let watcher = &mut inner.watchers[watch.watcher as usize];
        let taken = take(&view, watcher, inner.closed);
        let Some(waker) = watcher.waker() else { return taken };
        let old = match &taken {
            // The task no longer waits (invariant 4).
            Poll::Ready(_) => waker.take(),
            Poll::Pending if wakes(waker) => return taken,
            Poll::Pending => std::mem::replace(waker, watch.spare_waker.take()),
        };
        drop(guard);
        drop(old);
        taken
    }

    /// Whether the watch's condition holds at this instant.
    pub(crate) fn is_met(&self, watch: &WatchId) -> bool {
        self.lock().watchers[watch.watcher as usize].held
    }

    /// Whether the daemon has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Ends every watch and stream once it has delivered what is left: no transition will follow.
    pub(crate) fn close(&self) {
        let mut wakers = Vec::new();
        let mut inner = self.lock();
        inner.closed = true;
        for watcher in &mut inner.watchers {
            if let Some(waker) = watcher.waker().and_then(Option::take) {
                wakers.push(waker);
            }
        }
        drop(inner);
        wakers.into_iter().map(PendingWake::new).for_each(drop);
    }

    /// Records the first transitions from here on, for the invariant checker.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn record(&self) {
        /// Memory that is not written to is not resident.
        const MAX_RECORDED: usize = 100_000;
        self.lock().history.recorded = Vec::with_capacity(MAX_RECORDED);
    }

    /// The transitions recorded since then, and whether none is missing.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn recorded(&self) -> (Vec<Event>, bool) {
        let inner = self.lock();
        let recorded = inner.history.recorded.clone();
        let is_complete = recorded.last().is_none_or(|event| event.seq == inner.seq);
        (recorded, is_complete)
    }

    /// The transitions in the history, oldest first.
    ///
    /// They are copied in parts, so that a long history does not delay a transition.
    pub(crate) fn history(&self) -> Vec<Event> {
        let (first, last) = {
            let inner = self.lock();
            (inner.history.first(), inner.seq)
        };
        let mut events: Vec<Event> = Vec::with_capacity((last + 1 - first) as usize);
        let mut next = first;
        while next <= last {
            let inner = self.lock();
            if inner.history.first() > next {
                // The history has moved on past what comes next: begin again at its oldest
                // transition.
                events.clear();
                next = inner.history.first();
            }
            for event in inner.history.since(next).take(HISTORY_BATCH) {
                if event.seq <= last {
                    events.push(*event);
                }
            }
            drop(inner);
            match events.last() {
                Some(event) => next = event.seq + 1,
                None => break,
            }
        }
        events
    }
}

/// The board without its watchers, which the poll borrows mutably.
struct View<'a> {
    seq: Seq,
    entries: &'a Slots<super::state::ServiceEntry>,
    added: &'a [Id],
    history: &'a super::history::History,
}

impl BoardState {
    fn view(&self) -> View<'_> {
        View { seq: self.seq, entries: &self.entries, added: &self.added, history: &self.history }
    }
}

impl View<'_> {
    fn live_added(&self) -> impl Iterator<Item = Id> {
        self.added.iter().copied().filter(|&id| id != NOBODY)
    }

    /// How many services these are at most.
    fn count_of(&self, services: &ServiceSet) -> usize {
        match services {
            ServiceSet::All => self.entries.declared().len() + self.added.len(),
            ServiceSet::Some(list, _) => list.len(),
        }
    }

    /// Adds the statuses of those of the services that are there.
    fn statuses_of(&self, services: &ServiceSet, statuses: &mut Vec<StreamStatus>) {
        let declared = self.entries.declared().len() as Id - 1;
        let mut add = |id: Id| statuses.push((id, self.entries[id].status));
        match services {
            ServiceSet::All => (0..declared).chain(self.live_added()).for_each(add),
            ServiceSet::Some(list, _) => {
                let nth = |id: Id| slot_of(id).wrapping_sub(declared as usize + 1);
                let is_live = |&id: &Id| id < declared || self.added.get(nth(id)) == Some(&id);
                list.iter().copied().filter(is_live).for_each(&mut add);
            }
        }
    }
}

/// The status of a service in a snapshot of a stream.
pub(crate) type StreamStatus = (Id, ServiceStatus);

/// The services of a stream.
#[derive(Debug)]
pub(crate) enum ServiceSet {
    /// All services, also those that are added later.
    All,
    /// These services, as a sorted list, and as a table of those that the daemon started with.
    Some(Box<[Id]>, Box<[bool]>),
}

impl ServiceSet {
    fn has(&self, id: Id) -> bool {
        match self {
            ServiceSet::All => true,
            ServiceSet::Some(list, table) => {
                table.get(id as usize).copied().unwrap_or_else(|| list.binary_search(&id).is_ok())
            }
        }
    }
}
