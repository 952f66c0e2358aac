//! Watches that somebody holds: polled, not reacted to.

use super::status::{Condition, Event, Word};
use super::wake::Woken;
use super::watcher::{Kind, Row};
use super::{Board, Id, Seq};
use crate::graph::Mode;
use std::task::{Context, Poll, Waker};

/// How many transitions one look at the history goes through: what a reader may hold the lock for.
const GLANCE: usize = 1024;

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
pub(crate) struct Ticket {
    row: u32,
    /// A waker to register. See [`Board::poll_row`].
    spare: Option<Waker>,
}

/// What a feed has for its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
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
    pub(crate) fn watch(&self, mode: Mode, condition: Condition, targets: &[Id]) -> Ticket {
        let row = Row::polled(mode, condition, targets);
        Ticket { row: self.lock().add(&self.services, row), spare: None }
    }

    /// Begins a feed of all transitions of these services from the number that is returned on; puts
    /// where they are then into `words`, which has room for them.
    pub(crate) fn feed(&self, chosen: &Chosen, words: &mut Vec<Word>) -> (Ticket, Seq) {
        let row = match chosen {
            // The cell after the last service's stands for all of them.
            Chosen::All(count) => Row::feed(&[*count]),
            Chosen::Some(list, _) => Row::feed(list),
        };
        let mut inner = self.lock();
        chosen.each(|id| words.push(inner.cells[id as usize].word));
        (Ticket { row: inner.add(&self.services, row), spare: None }, inner.seq)
    }

    /// Ends a watch or a feed: O(its targets).
    pub(crate) fn unwatch(&self, ticket: &Ticket) {
        let row = self.lock().remove(ticket.row);
        // Without the lock: dropping a waker may drop a task, and that another watch.
        drop(row);
    }

    /// Takes the rising edges of a watch, and puts where its targets were at the last of them into
    /// `words`; none when there can be no more, and then where they are now. Registers the waker
    /// while there is nothing to take.
    pub(crate) fn poll_watch(
        &self,
        ticket: &mut Ticket,
        task: &Context<'_>,
        words: &mut Vec<Word>,
    ) -> Poll<Option<Fired>> {
        words.clear();
        self.poll_row(ticket, task, |board, row, closed| {
            let Kind::Polled { edges, .. } = &mut row.kind else { return Poll::Ready(None) };
            let now = |id: Id| &board.cells[id as usize].word;
            if !std::mem::take(&mut row.fired) {
                if !closed && !row.over {
                    return Poll::Pending;
                }
                words.extend(row.targets.iter().map(|target| now(target.id)));
                return Poll::Ready(None);
            }
            words.extend(row.targets.iter().enumerate().map(|(at, target)| edges.word(at, now(target.id))));
            Poll::Ready(Some(Fired { seq: edges.seq, times: std::mem::take(&mut edges.count) }))
        })
    }

    /// Reads on in a feed, from after `seq`: as many transitions as `events` has room for, or where
    /// `services` are if some are no longer kept. Registers the waker while there is nothing to read.
    pub(crate) fn poll_feed(
        &self,
        ticket: &mut Ticket,
        task: &Context<'_>,
        seq: &mut Seq,
        chosen: &Chosen,
        events: &mut Vec<Event>,
        words: &mut Vec<Word>,
    ) -> Poll<Read> {
        loop {
            let room = words.capacity();
            let read = self.poll_row(ticket, task, |board, row, closed| {
                let Kind::Feed { unread, .. } = &mut row.kind else { return Poll::Ready(Some(Read::End)) };
                if *unread == 0 {
                    *seq = board.seq;
                    return if closed { Poll::Ready(Some(Read::End)) } else { Poll::Pending };
                }
                if *seq + 1 < board.history.first() {
                    if room < chosen.len() {
                        return Poll::Ready(None);
                    }
                    *seq = board.seq;
                    chosen.each(|id| words.push(board.cells[id as usize].word));
                    return Poll::Ready(Some(Read::Lagged { missed: std::mem::take(unread) }));
                }
                for event in board.history.since(*seq + 1).take(GLANCE) {
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
                Poll::Ready((!events.is_empty()).then_some(Read::Events))
            });
            match read {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(read)) => return Poll::Ready(read),
                // For the next look, in case it fell behind.
                Poll::Ready(None) => words.reserve(chosen.len()),
            }
        }
    }

    /// Asks `take`, under the lock, and registers the waker if that has nothing.
    ///
    /// A waker is cloned and dropped without the lock, since both may run a user's code. So there is
    /// one to spare before the lock is taken; if it is not needed it is there for the next poll.
    fn poll_row<T>(
        &self,
        ticket: &mut Ticket,
        task: &Context<'_>,
        take: impl FnOnce(&View<'_>, &mut Row, bool) -> Poll<T>,
    ) -> Poll<T> {
        let wakes = |waker: &Option<Waker>| waker.as_ref().is_some_and(|waker| waker.will_wake(task.waker()));
        if !wakes(&ticket.spare) {
            crate::sync::assert_none_held();
            ticket.spare = Some(task.waker().clone());
        }
        let mut guard = self.lock();
        let inner = &mut *guard;
        let view = View { seq: inner.seq, cells: &inner.cells, history: &inner.history };
        let row = &mut inner.rows[ticket.row as usize];
        let taken = take(&view, row, inner.closed);
        let Some(waker) = row.waker() else { return taken };
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
    pub(crate) fn is_met(&self, ticket: &Ticket) -> bool {
        self.lock().rows[ticket.row as usize].held
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
        wakers.extend(inner.rows.iter_mut().filter_map(Row::waker).filter_map(Option::take));
        drop(inner);
        wakers.into_iter().map(Woken::new).for_each(drop);
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
            let part = inner.history.since(next).take(GLANCE).take_while(|event| event.seq <= last);
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
    cells: &'a [super::inner::Cell],
    history: &'a super::history::History,
}

/// Which services a feed is about.
#[derive(Debug)]
pub(crate) enum Chosen {
    /// All of so many.
    All(u32),
    /// These, as a list and as a table.
    Some(Box<[Id]>, Box<[bool]>),
}

impl Chosen {
    fn has(&self, id: Id) -> bool {
        match self {
            Chosen::All(_) => true,
            Chosen::Some(_, table) => table[id as usize],
        }
    }

    /// Calls `each` with every one.
    pub(crate) fn each(&self, mut each: impl FnMut(Id)) {
        match self {
            Chosen::All(count) => (0..*count).for_each(each),
            Chosen::Some(list, _) => list.iter().for_each(|&id| each(id)),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Chosen::All(count) => *count as usize,
            Chosen::Some(list, _) => list.len(),
        }
    }
}
