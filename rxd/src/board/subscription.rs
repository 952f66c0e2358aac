//! Watches that somebody holds: polled, not reacted to.

use super::status::{Condition, Event, ServiceStatus};
use super::wake::PendingWake;
use super::watcher::{Watcher, WatcherKind};
use super::{Board, Id, Seq};
use crate::graph::Mode;
use std::task::{Context, Poll, Waker};

/// How many transitions one look at the history goes through: what a reader may hold the lock for.
const HISTORY_BATCH: usize = 1024;

/// The rising edges of a watch since it was last asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fired {
    /// The number of the last of them.
    pub(crate) seq: Seq,
    /// How many there were.
    pub(crate) times: u64,
}

/// What whoever holds a watch or a feed polls it by.
#[derive(Debug)]
pub(crate) struct WatchId {
    watcher: u32,
    /// A waker to register. See [`Board::poll_row`].
    spare: Option<Waker>,
}

/// What a feed has for its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamRead {
    /// The next transitions are in the buffer.
    Events,
    /// So many transitions of its services are no longer kept; the words are those after them.
    Lagged { missed: u64 },
    /// No more will follow.
    End,
}

impl Board {
    /// Begins to watch. What already holds has just come true.
    ///
    /// No target may be named twice.
    pub(crate) fn watch(&self, mode: Mode, condition: Condition, targets: &[Id]) -> WatchId {
        let watcher = Watcher::polled(mode, condition, targets);
        WatchId { watcher: self.lock().add(&self.services, watcher), spare: None }
    }

    /// Begins a feed of all transitions of these services from the number that is returned on; puts
    /// where they are then into `statuses`, which has room for them.
    pub(crate) fn feed(&self, chosen: &ServiceSet, statuses: &mut Vec<ServiceStatus>) -> (WatchId, Seq) {
        let watcher = match chosen {
            // The cell after the last service's stands for all of them.
            ServiceSet::All(count) => Watcher::feed(&[*count]),
            ServiceSet::Some(list, _) => Watcher::feed(list),
        };
        let mut inner = self.lock();
        chosen.each(|id| statuses.push(inner.entries[id as usize].status));
        (WatchId { watcher: inner.add(&self.services, watcher), spare: None }, inner.seq)
    }

    /// Ends a watch or a feed: O(its targets).
    pub(crate) fn unwatch(&self, ticket: &WatchId) {
        let watcher = self.lock().remove(ticket.watcher);
        // Without the lock: dropping a waker may drop a task, and that another watch.
        drop(watcher);
    }

    /// Takes the rising edges of a watch, and puts where its targets were at the last of them into
    /// `statuses`; none when there can be no more, and then where they are now. Registers the waker
    /// while there is nothing to take.
    pub(crate) fn poll_watch(
        &self,
        ticket: &mut WatchId,
        task: &Context<'_>,
        statuses: &mut Vec<ServiceStatus>,
    ) -> Poll<Option<Fired>> {
        statuses.clear();
        self.poll_row(ticket, task, |board, watcher, closed| {
            let WatcherKind::Polled { edges, .. } = &mut watcher.kind else { return Poll::Ready(None) };
            let now = |id: Id| &board.entries[id as usize].status;
            if !std::mem::take(&mut watcher.fired) {
                if !closed && !watcher.over {
                    return Poll::Pending;
                }
                statuses.extend(watcher.targets.iter().map(|target| now(target.id)));
                return Poll::Ready(None);
            }
            statuses.extend(watcher.targets.iter().enumerate().map(|(at, target)| edges.status(at, now(target.id))));
            Poll::Ready(Some(Fired { seq: edges.seq, times: std::mem::take(&mut edges.count) }))
        })
    }

    /// Reads on in a feed, from after `seq`: as many transitions as `events` has room for, or where
    /// `services` are if some are no longer kept. Registers the waker while there is nothing to read.
    pub(crate) fn poll_stream(
        &self,
        ticket: &mut WatchId,
        task: &Context<'_>,
        seq: &mut Seq,
        chosen: &ServiceSet,
        events: &mut Vec<Event>,
        statuses: &mut Vec<ServiceStatus>,
    ) -> Poll<StreamRead> {
        loop {
            let room = statuses.capacity();
            let read = self.poll_row(ticket, task, |board, watcher, closed| {
                let WatcherKind::Stream { unread, .. } = &mut watcher.kind else {
                    return Poll::Ready(Some(StreamRead::End));
                };
                if *unread == 0 {
                    *seq = board.seq;
                    return if closed { Poll::Ready(Some(StreamRead::End)) } else { Poll::Pending };
                }
                if *seq + 1 < board.history.first() {
                    if room < chosen.len() {
                        return Poll::Ready(None);
                    }
                    *seq = board.seq;
                    chosen.each(|id| statuses.push(board.entries[id as usize].status));
                    return Poll::Ready(Some(StreamRead::Lagged { missed: std::mem::take(unread) }));
                }
                for event in board.history.since(*seq + 1).take(HISTORY_BATCH) {
                    if events.len() == events.capacity() || *unread == 0 {
                        break;
                    }
                    *seq = event.seq;
                    if chosen.has(event.id) {
                        events.push(*event);
                        *unread -= 1;
                    }
                }
                // Far behind, with nothing of interest so far: let others have the lock in between.
                Poll::Ready((!events.is_empty()).then_some(StreamRead::Events))
            });
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(read)) => return Poll::Ready(read),
                // For the next look, in case it fell behind.
                Poll::Ready(None) => statuses.reserve(chosen.len()),
            }
        }
    }

    /// Asks `take`, under the lock, and registers the waker if that has nothing.
    ///
    /// A waker is cloned and dropped without the lock, since both may run a user's code. So there is
    /// one to spare before the lock is taken; if it is not needed it is there for the next poll.
    fn poll_row<T>(
        &self,
        ticket: &mut WatchId,
        task: &Context<'_>,
        take: impl FnOnce(&View<'_>, &mut Watcher, bool) -> Poll<T>,
    ) -> Poll<T> {
        let wakes = |waker: &Option<Waker>| waker.as_ref().is_some_and(|waker| waker.will_wake(task.waker()));
        if !wakes(&ticket.spare) {
            crate::sync::assert_none_held();
            ticket.spare = Some(task.waker().clone());
        }
        let mut guard = self.lock();
        let inner = &mut *guard;
        let view = View { seq: inner.seq, entries: &inner.entries, history: &inner.history };
        let watcher = &mut inner.watchers[ticket.watcher as usize];
        let taken = take(&view, watcher, inner.closed);
        let Some(waker) = watcher.waker() else { return taken };
        let old = match &taken {
            // Nobody waits any more (invariant 4).
            Poll::Ready(_) => waker.take(),
            Poll::Pending if wakes(waker) => return taken,
            Poll::Pending => std::mem::replace(waker, ticket.spare.take()),
        };
        drop(guard);
        drop(old);
        taken
    }

    /// Whether the watch's condition holds at this instant.
    pub(crate) fn is_met(&self, ticket: &WatchId) -> bool {
        self.lock().watchers[ticket.watcher as usize].held
    }

    /// Whether the daemon has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// No transition will follow: every watch and feed that has nothing left to say ends.
    pub(crate) fn close(&self) {
        let mut wakers = Vec::new();
        let mut inner = self.lock();
        inner.closed = true;
        wakers.extend(inner.watchers.iter_mut().filter_map(Watcher::waker).filter_map(Option::take));
        drop(inner);
        wakers.into_iter().map(PendingWake::new).for_each(drop);
    }

    /// Keeps the first transitions for good, from here on.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn record(&self) {
        /// What is not written to is not resident.
        const MOST: usize = 100_000;
        self.lock().history.recorded = Vec::with_capacity(MOST);
    }

    /// The first transitions since then, and whether they are all there were.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn recorded(&self) -> (Vec<Event>, bool) {
        let inner = self.lock();
        let recorded = inner.history.recorded.clone();
        let whole = recorded.last().is_none_or(|event| event.seq == inner.seq);
        (recorded, whole)
    }

    /// The transitions that are kept, oldest first.
    ///
    /// Copied a part at a time: a long history is no reason to hold up a transition.
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
                // What was copied is no longer next to what is left.
                events.clear();
                next = inner.history.first();
            }
            let part = inner.history.since(next).take(HISTORY_BATCH).take_while(|event| event.seq <= last);
            events.extend(part);
            drop(inner);
            match events.last() {
                Some(event) => next = event.seq + 1,
                None => break,
            }
        }
        events
    }
}

/// The board but for its rows.
struct View<'a> {
    seq: Seq,
    entries: &'a [super::state::ServiceEntry],
    history: &'a super::history::History,
}

/// Which services a feed is about.
#[derive(Debug)]
pub(crate) enum ServiceSet {
    /// All of so many.
    All(u32),
    /// These, as a list and as a table.
    Some(Box<[Id]>, Box<[bool]>),
}

impl ServiceSet {
    fn has(&self, id: Id) -> bool {
        match self {
            ServiceSet::All(_) => true,
            ServiceSet::Some(_, table) => table[id as usize],
        }
    }

    /// Calls `each` with every one.
    pub(crate) fn each(&self, mut each: impl FnMut(Id)) {
        match self {
            ServiceSet::All(count) => (0..*count).for_each(each),
            ServiceSet::Some(list, _) => list.iter().for_each(|&id| each(id)),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            ServiceSet::All(count) => *count as usize,
            ServiceSet::Some(list, _) => list.len(),
        }
    }
}
