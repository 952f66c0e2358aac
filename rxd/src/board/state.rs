//! What the board's lock protects, and how a transition changes it.

use super::family::FamilyEntry;
#[cfg(any(test, feature = "test-util"))]
use super::family::MembershipChange;
use super::history::History;
use super::lasting::LastingTimers;
use super::slots::{Slots, family_of};
use super::status::{Event, Reaction, ServiceStatus};
use super::watcher::{DETACHED, NOBODY, StepEffect, Watcher, WatcherKind};
use super::{Id, Seq, ServiceSignals, StateChange, TransitionBatch, signal};
use crate::lifecycle::state::State;
use std::collections::VecDeque;
use std::task::Waker;

#[derive(Debug)]
pub(super) struct BoardState {
    pub(super) seq: Seq,
    /// When the last transition was, in nanoseconds since the board was made.
    pub(super) at: u64,
    /// One entry for each service. Behind those that the daemon starts with is one more, whose
    /// watchers are on every service.
    pub(super) entries: Slots<ServiceEntry>,
    /// The services in the slots behind that entry; [`NOBODY`] in an empty one.
    pub(super) added: Vec<Id>,
    pub(super) watchers: Vec<Watcher>,
    pub(super) families: Vec<FamilyEntry>,
    #[cfg(any(test, feature = "test-util"))]
    pub(super) memberships: Vec<MembershipChange>,
    pub(super) free: Vec<u32>,
    /// The free blocks of watchers for the watches of added services, by the power of two that is
    /// their length.
    pub(super) blocks: Vec<Vec<u32>>,
    pub(super) wake: VecDeque<u32>,
    pub(super) history: History,
    pub(super) closed: bool,
    /// The timers of the watches that have a time.
    pub(super) lasting: LastingTimers,
    /// How many times the transitions have updated a watcher: what they cost.
    #[cfg(feature = "test-util")]
    pub(super) watcher_updates: u64,
}

#[derive(Debug, Default)]
pub(super) struct ServiceEntry {
    pub(super) status: ServiceStatus,
    /// The watchers on this service: the index of each, and which of its targets this service is.
    pub(super) watchers: Vec<(u32, u32)>,
    /// The watches that this service declares: `own.0 .. own.1` in [`BoardState::watchers`].
    pub(super) own: (u32, u32),
    /// The reaction of this service that was taken last, as an index of [`BoardState::watchers`].
    pub(super) taken: u32,
    /// Whether its engine waits for gates.
    pub(super) held: bool,
    pub(super) waker: Option<Waker>,
}

impl ServiceEntry {
    pub(super) fn own(&self) -> std::ops::Range<usize> {
        self.own.0 as usize..self.own.1 as usize
    }
}

impl BoardState {
    pub(super) fn new(services: usize, history: usize) -> Self {
        BoardState {
            seq: 0,
            at: 0,
            entries: Slots::new(services + 1),
            added: Vec::new(),
            watchers: Vec::new(),
            families: Vec::new(),
            #[cfg(any(test, feature = "test-util"))]
            memberships: Vec::new(),
            free: Vec::new(),
            blocks: Vec::new(),
            wake: VecDeque::new(),
            history: History::new(history),
            closed: false,
            lasting: LastingTimers::default(),
            #[cfg(feature = "test-util")]
            watcher_updates: 0,
        }
    }

    // ---- adding and removing watchers ----------------------------------------------------------

    /// Adds a watcher. A condition that holds already counts as having just come true.
    pub(super) fn add(&mut self, services: &Slots<ServiceSignals>, watcher: Watcher) -> u32 {
        let at = self.free.pop().unwrap_or(self.watchers.len() as u32);
        if at as usize == self.watchers.len() {
            self.add_places(1, Watcher::vacant);
        }
        self.place(services, at, watcher);
        at
    }

    /// Adds places for watchers.
    pub(super) fn add_places(&mut self, count: usize, vacant: fn() -> Watcher) {
        self.watchers.resize_with(self.watchers.len() + count, vacant);
        // Invariant 9: the queue has room for every watcher.
        self.wake.reserve(self.watchers.len() - self.wake.len());
        // Removing a watcher allocates nothing either.
        self.free.reserve(self.watchers.len() - self.free.len());
    }

    /// Puts a watcher into a free place. A condition that holds already counts as having just come
    /// true.
    pub(super) fn place(&mut self, services: &Slots<ServiceSignals>, at: u32, mut watcher: Watcher) {
        if let WatcherKind::Rare(Some(lasting)) = &mut watcher.kind {
            self.lasting.add(lasting);
        }
        if watcher.targets.iter().any(|target| family_of(target.id).is_some()) {
            self.expand_families(at, &mut watcher);
        }
        let fires = match watcher.kind {
            WatcherKind::Stream { .. } => false,
            _ => watcher.begin(|id| *self.status(id)),
        };
        for nth in 0..watcher.targets.len() {
            let id = watcher.targets[nth].id;
            // The service was removed after it was looked up.
            if !self.is_watchable(id) {
                watcher.detach(nth, &ServiceStatus::GONE);
                continue;
            }
            let watchers = &mut self.entries[id].watchers;
            watcher.targets[nth].place = watchers.len() as u32;
            watchers.push((at, nth as u32));
        }
        // A place in a block may still be in the queue.
        watcher.queued = self.watchers[at as usize].queued;
        self.watchers[at as usize] = watcher;
        if fires {
            match self.watchers[at as usize].kind {
                WatcherKind::Rare(_) => self.begin_to_last(at, NOBODY),
                _ => self.fire(services, at, NOBODY),
            }
        }
    }

    /// Removes a watcher: O(its targets). The caller drops what is returned without the lock, since
    /// dropping a waker may run code of the user's.
    pub(super) fn remove(&mut self, at: u32) -> Watcher {
        let watcher = self.take(at, Watcher::vacant());
        if !watcher.queued {
            self.free.push(at);
        }
        watcher
    }

    /// Takes a watcher out of its place, where it leaves another one.
    pub(super) fn take(&mut self, at: u32, vacant: Watcher) -> Watcher {
        let watcher = std::mem::replace(&mut self.watchers[at as usize], vacant);
        for target in watcher.targets.iter().filter(|target| target.place != DETACHED) {
            let watchers = &mut self.entries[target.id].watchers;
            watchers.swap_remove(target.place as usize);
            if let Some(&(moved, nth)) = watchers.get(target.place as usize) {
                self.watchers[moved as usize].targets[nth as usize].place = target.place;
            }
        }
        // A watcher that is still queued gives its place back when it is dequeued.
        self.watchers[at as usize].queued = watcher.queued;
        watcher
    }

    // ---- a transition ---------------------------------------------------------------------------

    /// Applies one transition. Returns its number; none if the service was abandoned.
    pub(super) fn apply(
        &mut self,
        services: &Slots<ServiceSignals>,
        id: Id,
        step: StateChange,
        now: u64,
    ) -> Option<Seq> {
        self.step(services, id, step, now, |_| {})
    }

    /// Applies a batch. Returns the number of its first transition.
    pub(super) fn apply_all(
        &mut self,
        services: &Slots<ServiceSignals>,
        id: Id,
        batch: &TransitionBatch,
        now: u64,
    ) -> Option<Seq> {
        let mut first = None;
        for step in batch.steps() {
            let seq = self.apply(services, id, *step, now);
            first = first.or(seq);
        }
        if batch.restarts != 0 {
            let restarts = &mut self.entries[id].status.restarts;
            *restarts = restarts.wrapping_add_signed(batch.restarts.into());
        }
        first
    }

    /// As [`apply`](BoardState::apply). `more` changes the status beyond what the transition does.
    #[inline]
    pub(super) fn step(
        &mut self,
        services: &Slots<ServiceSignals>,
        id: Id,
        step: StateChange,
        now: u64,
        more: impl FnOnce(&mut ServiceStatus),
    ) -> Option<Seq> {
        let entry = &mut self.entries[id];
        if entry.status.abandoned {
            return None;
        }
        // The clock was read before the lock was taken, perhaps before that of an earlier
        // transition: times keep the order of the numbers.
        self.at = self.at.max(now);
        self.seq += 1;
        let before = (!entry.watchers.is_empty()).then_some(entry.status);
        entry.status.advance(self.seq, self.at, step);
        more(&mut entry.status);
        self.history.push(Event::last(id, &entry.status));
        if let Some(before) = before {
            let after = entry.status;
            self.update(services, id, &before, &after);
        }
        if self.entries.declared().last().is_some_and(|every| !every.watchers.is_empty()) {
            self.update_streams();
        }
        Some(self.seq)
    }

    fn update(&mut self, services: &Slots<ServiceSignals>, id: Id, before: &ServiceStatus, after: &ServiceStatus) {
        // Moved out for the loop, for the borrow checker, and put back: a transition adds and
        // removes no watcher.
        let watchers = std::mem::take(&mut self.entries[id].watchers);
        for &(at, nth) in &watchers {
            self.count_update();
            let watcher = &mut self.watchers[at as usize];
            if matches!(watcher.kind, WatcherKind::Stream { .. } | WatcherKind::Rare(_)) {
                if let WatcherKind::Stream { unread, .. } = &mut watcher.kind {
                    *unread += 1;
                    self.queue(at);
                } else {
                    self.update_lasting(at, nth, (id, before, after));
                }
                continue;
            }
            watcher.save(nth as usize, before);
            match watcher.step(nth as usize, before, after) {
                StepEffect::Nothing => {}
                StepEffect::Rises => self.fire(services, at, id),
                StepEffect::Ends => self.queue(at),
            }
        }
        self.entries[id].watchers = watchers;
    }

    /// Counts one unread transition for the streams of all services.
    fn update_streams(&mut self) {
        let every = self.every();
        for nth in 0..self.entries[every].watchers.len() {
            self.count_update();
            let (at, _) = self.entries[every].watchers[nth];
            if let WatcherKind::Stream { unread, .. } = &mut self.watchers[at as usize].kind {
                *unread += 1;
            }
            self.queue(at);
        }
    }

    /// Changes a status without a transition: an operator starts the service again.
    pub(super) fn revive(&mut self, id: Id) {
        let entry = &mut self.entries[id];
        let before = entry.status;
        entry.status.over = false;
        for &(at, nth) in &entry.watchers {
            let watcher = &mut self.watchers[at as usize];
            if !matches!(watcher.kind, WatcherKind::Stream { .. }) {
                watcher.settle(nth as usize, &before, &entry.status);
            }
        }
    }

    /// Handles a rising edge of this watcher, which a transition of service `cause` has made.
    pub(super) fn fire(&mut self, services: &Slots<ServiceSignals>, at: u32, cause: Id) {
        let watcher = &mut self.watchers[at as usize];
        watcher.fired = true;
        match &mut watcher.kind {
            WatcherKind::Declared { owner, by, reaction, .. } => {
                *by = cause;
                let (owner, gate) = (*owner, reaction.is_gate());
                watcher.held |= gate;
                services[owner].set(reaction.signal());
                if !gate || self.entries[owner].held {
                    self.queue(at);
                }
            }
            WatcherKind::Polled { edges, .. } => {
                edges.count += 1;
                edges.seq = self.seq;
                self.queue(at);
            }
            WatcherKind::Stream { .. } | WatcherKind::Rare(_) => {}
        }
    }

    /// Queues a watcher if a waker waits for it; it is woken after the lock is released.
    fn queue(&mut self, at: u32) {
        let watcher = &mut self.watchers[at as usize];
        let waits = match &watcher.kind {
            WatcherKind::Declared { owner, .. } => self.entries[*owner].waker.is_some(),
            WatcherKind::Polled { waker, .. } | WatcherKind::Stream { waker, .. } => waker.is_some(),
            WatcherKind::Rare(_) => false,
        };
        if waits && !watcher.queued {
            watcher.queued = true;
            self.wake.push_back(at);
        }
    }

    /// Dequeues a watcher. Returns its waker, and its owner if it is a declared one.
    #[inline(never)]
    pub(super) fn next_to_wake(&mut self) -> Option<(Option<Waker>, Option<Id>)> {
        let at = self.wake.pop_front()?;
        let watcher = &mut self.watchers[at as usize];
        watcher.queued = false;
        Some(match &mut watcher.kind {
            WatcherKind::Declared { owner, .. } => (self.entries[*owner].waker.clone(), Some(*owner)),
            WatcherKind::Polled { waker, .. } | WatcherKind::Stream { waker, .. } => (waker.take(), None),
            WatcherKind::Rare(Some(_)) => (self.lasting.waker.take(), None),
            WatcherKind::Rare(None) => {
                self.free.push(at);
                (None, None)
            }
        })
    }

    #[inline]
    fn count_update(&mut self) {
        #[cfg(feature = "test-util")]
        {
            self.watcher_updates += 1;
        }
    }

    // ---- called by a service's engine ----------------------------------------------------------

    /// See [`Board::try_enter`](super::Board::try_enter).
    // On the path of each incarnation: the compiler inlines it or not, by what else is in the crate.
    #[inline]
    pub(super) fn try_enter(&mut self, signals: &ServiceSignals, id: Id, to: State) -> bool {
        let gate = match to {
            State::Init => Reaction::GateInit,
            _ => Reaction::GateRun,
        };
        let entry = &mut self.entries[id];
        let own = &mut self.watchers[entry.own()];
        let open = own.iter().all(|watcher| !watcher.has_reaction(gate) || watcher.acts());
        entry.held = !open;
        signals.clear(signal::GATE);
        if !open || entry.status.abandoned {
            return false;
        }
        let mut stop = false;
        for watcher in own {
            if watcher.has_reaction(gate) && watcher.condition.is_pulse() {
                watcher.held = false;
            }
            if to == State::Run && watcher.raises(signal::STOP) {
                watcher.fired &= watcher.acts();
                stop |= watcher.fired;
            }
        }
        if to == State::Run && !stop {
            signals.clear(signal::STOP);
        }
        true
    }
}
