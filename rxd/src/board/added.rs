//! Services that are added to the board and removed from it while the daemon runs.
//!
//! Both are transitions of their own: a service that is added enters Unknown, and one that is
//! removed leaves Exit. So readers of the history get both, at their places in the order.
//!
//! What is allocated for a service is allocated without the lock, except for lists that grow by
//! doubling.

use super::slots::{Slots, slot_of};
use super::state::{BoardState, ServiceEntry};
use super::status::ServiceStatus;
use super::watcher::{NOBODY, Watcher, WatcherKind};
use super::{Board, Id, Seq, ServiceSignals, StateChange, WatcherSpec};
use crate::lifecycle::state::{Cause, State, Transition};

/// The statuses of all services at one instant.
#[derive(Debug)]
pub(crate) struct Statuses {
    declared: Vec<ServiceStatus>,
    added: Vec<(Id, ServiceStatus)>,
}

impl Statuses {
    /// Each service: those that the daemon started with, in their order, then those that were added.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Id, &ServiceStatus)> {
        let declared = self.declared.iter().enumerate().map(|(id, status)| (id as Id, status));
        declared.chain(self.added.iter().map(|(id, status)| (*id, status)))
    }

    pub(crate) fn len(&self) -> usize {
        self.declared.len() + self.added.len()
    }

    /// The status of a service, also of one that was not there at that instant.
    pub(crate) fn of(&self, id: Id) -> &ServiceStatus {
        let added = || self.added.iter().find(|(other, _)| *other == id).map(|(_, status)| status);
        self.declared.get(id as usize).or_else(added).unwrap_or(&ServiceStatus::GONE)
    }
}

impl BoardState {
    /// The entry whose watchers are on every service.
    pub(super) fn every(&self) -> Id {
        (self.entries.declared().len() - 1) as Id
    }

    /// Whether this service is there.
    pub(super) fn is_live(&self, id: Id) -> bool {
        id < self.every() || self.added.get(self.nth_added(id)) == Some(&id)
    }

    /// Whether there is an entry for it.
    pub(super) fn is_watchable(&self, id: Id) -> bool {
        id == self.every() || self.is_live(id)
    }

    fn nth_added(&self, id: Id) -> usize {
        slot_of(id).wrapping_sub(self.entries.declared().len())
    }

    /// The status of a service, also of one that was removed.
    pub(super) fn status(&self, id: Id) -> &ServiceStatus {
        if self.is_live(id) { &self.entries[id].status } else { &ServiceStatus::GONE }
    }

    /// The places of the watches that a service declares; none if it was removed.
    pub(super) fn own_places(&self, id: Id) -> std::ops::Range<usize> {
        if self.is_live(id) { self.entries[id].own() } else { 0..0 }
    }

    pub(super) fn live_added(&self) -> impl Iterator<Item = Id> {
        self.added.iter().copied().filter(|&id| id != NOBODY)
    }

    /// A block of places for so many watches, which follow each other.
    fn take_block(&mut self, watches: usize) -> u32 {
        if watches == 0 {
            return 0;
        }
        let class = watches.next_power_of_two().ilog2() as usize;
        if let Some(first) = self.blocks.get_mut(class).and_then(Vec::pop) {
            return first;
        }
        let first = self.watchers.len() as u32;
        self.add_places(1 << class, Watcher::vacant_in_block);
        first
    }

    /// Puts the watches that a service declares into a block of places.
    pub(super) fn declare(&mut self, services: &Slots<ServiceSignals>, id: Id, watchers: Vec<Watcher>) {
        let first = self.take_block(watchers.len());
        let mut end = first;
        for watcher in watchers {
            self.place(services, end, watcher);
            end += 1;
        }
        self.entries[id].own = (first, end);
    }

    fn give_back_block(&mut self, (first, end): (u32, u32)) {
        if first == end {
            return;
        }
        let class = (end - first).next_power_of_two().ilog2() as usize;
        if self.blocks.len() <= class {
            self.blocks.resize_with(class + 1, Vec::new);
        }
        self.blocks[class].push(first);
    }

    /// Takes out the watches that a service declares.
    fn take_own(&mut self, id: Id, taken: &mut Vec<Watcher>) {
        let own = self.entries[id].own;
        for at in own.0..own.1 {
            let watcher = self.take(at, Watcher::vacant_in_block());
            self.leave_families(at);
            if let WatcherKind::Rare(Some(lasting)) = &watcher.kind {
                let watchers = &self.watchers;
                self.lasting.remove(lasting, |at, token| {
                    matches!(&watchers[at as usize].kind, WatcherKind::Rare(Some(own)) if own.token == token)
                });
            }
            taken.push(watcher);
        }
        self.give_back_block(own);
    }

    /// Detaches the watches on a service, which is removed.
    fn detach_watchers(&mut self, id: Id) -> Vec<(u32, u32)> {
        let entry = &mut self.entries[id];
        let (watchers, last) = (std::mem::take(&mut entry.watchers), entry.status);
        for &(at, nth) in &watchers {
            self.watchers[at as usize].detach(nth as usize, &last);
        }
        watchers
    }
}

impl Board {
    /// The slot of the first service that is added.
    pub(crate) fn first_added(&self) -> usize {
        // Between them is the entry for every service.
        self.declared() + 1
    }

    /// Adds a service, with the watches that it declares, and as a member of this family. Its slot
    /// must be empty.
    pub(crate) fn add_service(&self, id: Id, watches: Vec<WatcherSpec>, family: Option<usize>) -> Option<Seq> {
        self.services.make_room(slot_of(id));
        let has_room = self.lock().entries.has(slot_of(id));
        let chunk = (!has_room).then(|| Slots::<ServiceEntry>::chunk_of(self.declared() + 1, slot_of(id)));
        let mut watchers = Vec::with_capacity(watches.len());
        watches.into_iter().for_each(|watch| watchers.push(Watcher::declared(id, watch)));
        let now = self.now();
        let mut inner = self.lock();
        // Another thread may have made the same room meanwhile.
        let _spare = chunk.and_then(|chunk| inner.entries.put_chunk(slot_of(id), chunk));
        let nth = inner.nth_added(id);
        if inner.added.len() <= nth {
            inner.added.resize(nth + 1, NOBODY);
        }
        inner.added[nth] = id;
        let enter = StateChange { state: State::Unknown, transition: Transition::Entering, cause: Cause::Normal };
        let seq = inner.apply(&self.services, id, enter, now);
        // After that, so that the time of a watch begins now and not at the last transition.
        inner.declare(&self.services, id, watchers);
        if let Some(family) = family {
            inner.join(&self.services, family, id);
        }
        // A watch with a time may be the first to be due: its timer is in the queue then.
        self.wake(inner, || {});
        seq
    }

    /// Removes a service, whose engine has ended. Watches on it stay as they are: it has exited.
    /// Returns the number of the last transition that is about it or was before.
    pub(crate) fn remove_service(&self, id: Id) -> Seq {
        let own = self.lock().entries[id].own();
        let mut taken = Vec::with_capacity(own.len());
        let now = self.now();
        let mut inner = self.lock();
        let leave = StateChange { state: State::Exit, transition: Transition::Exited, cause: Cause::Operator };
        inner.apply(&self.services, id, leave, now);
        let seq = inner.seq;
        let watchers = inner.detach_watchers(id);
        inner.take_own(id, &mut taken);
        let entry = std::mem::take(&mut inner.entries[id]);
        let nth = inner.nth_added(id);
        inner.added[nth] = NOBODY;
        self.wake(inner, || {});
        self.service(id).reset();
        // Without the lock.
        drop((watchers, taken, entry));
        seq
    }

    /// All services: those that the daemon started with, then those that were added.
    pub(crate) fn ids(&self) -> Vec<Id> {
        let mut ids: Vec<Id> = (0..self.declared() as Id).collect();
        loop {
            let inner = self.lock();
            let count = self.declared() + inner.added.len();
            if count <= ids.capacity() {
                ids.extend(inner.live_added());
                return ids;
            }
            // Allocated without the lock.
            drop(inner);
            ids.reserve(count - self.declared());
        }
    }

    /// The place of a service in a list by slots.
    pub(crate) fn place(&self, id: Id) -> usize {
        if (id as usize) < self.declared() { id as usize } else { slot_of(id) }
    }

    /// One more than the last slot that has been used: the length of a list by slots.
    pub(crate) fn slots(&self) -> usize {
        self.first_added() + self.lock().added.len()
    }

    /// The status of every service at one instant, and the sequence number of that instant.
    pub(crate) fn statuses(&self) -> (Seq, Statuses) {
        let mut statuses = Statuses { declared: Vec::with_capacity(self.declared()), added: Vec::new() };
        loop {
            let inner = self.lock();
            if inner.added.len() > statuses.added.capacity() {
                // Allocated without the lock.
                let count = inner.added.len();
                drop(inner);
                statuses.added.reserve(count);
                continue;
            }
            let declared = &inner.entries.declared()[..self.declared()];
            statuses.declared.extend(declared.iter().map(|entry| entry.status));
            statuses.added.extend(inner.live_added().map(|id| (id, inner.entries[id].status)));
            return (inner.seq, statuses);
        }
    }

    /// The number of the oldest transition in the history.
    pub(crate) fn first_kept(&self) -> Seq {
        self.lock().history.first()
    }

    /// Whether transitions are kept beyond the history.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn is_recording(&self) -> bool {
        self.lock().history.recorded.capacity() > 0
    }

    /// Whether the recorded transitions, if any are recorded, are all that there were.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn has_room_to_record(&self) -> bool {
        let inner = self.lock();
        let recorded = &inner.history.recorded;
        recorded.capacity() == 0 || recorded.len() < recorded.capacity()
    }
}
