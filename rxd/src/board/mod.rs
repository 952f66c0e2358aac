//! The board: the state of every service, and what each transition means for the watches on it.
//!
//! Engines publish transitions to it; watches, streams, the supervisor and everything that reports
//! states read it. It knows no tokio runtime and decides nothing: which transition follows is the
//! engine's business.
//!
//! One short critical section orders all transitions. Inside it, a transition gets its number, is
//! written to its service's entry and to the history, and updates each watch and stream *on that
//! service*. A watch keeps the count of its targets that satisfy it. So a transition costs
//! O(watches and streams on the service), however many services and targets there are. No code of
//! the user's runs inside it: records are logged, and tasks are woken, after the lock is released.
//!
//! # Invariants
//!
//! They hold at every unlock.
//!
//! 1. `seq` numbers the transitions of the whole daemon from 1, without gaps. The history holds a
//!    contiguous tail of them. Every reader gets these numbers, so all readers see the same order.
//! 2. A watch on a level counts the targets that satisfy it. `held` says whether that count is
//!    enough.
//! 3. Every rising edge sets `fired`, and only the watch's owner clears it. So no edge is lost,
//!    however short. A polled watch also counts its edges; a stream counts the transitions it has
//!    not read.
//! 4. A polled watch or a stream that has something to deliver stores a waker only while it is in
//!    the queue `wake`.
//! 5. A signal of a service is set before the waker of its engine is read, under the lock. The
//!    engine stores its waker under the lock, and reads its signals after that. So no signal is
//!    lost.
//! 6. Once an abandoned service is published as in Exit, the board publishes nothing more of it.
//! 7. Once a polled watch can never fire again it is marked `over`, at a fixed sequence number.
//!    This never changes back, and does not depend on when the watch is polled.
//! 8. A watcher knows its place in each list it is in, and each list refers to the watcher. So
//!    removing a watch costs O(its targets).
//! 9. A transition allocates nothing: the queue `wake` and the free list have room for every place
//!    of a watch. Only a history of more than 65,536 transitions grows, until it is full.
//! 10. No waker is woken or dropped while the lock is held. Only the waker of an engine, which is
//!     tokio's own, is cloned under it.
//! 11. The number of a removed service is in no list of targets but those of watchers that are
//!     detached from it, and `is_live` is false for it for ever.
//! 12. A place in the block of an added service is never in the free list of single places, also if
//!     it was removed while it was in the queue `wake`.
//!
//! # Why no wake-up is lost
//!
//! 1. A poll that finds nothing to deliver stores its waker under the lock.
//! 2. A transition that gives the watch something to deliver puts it into the queue `wake`, under
//!    the same lock, if a waker is stored. Either the transition comes before the poll, which then
//!    finds the event, or it comes after the poll, and then the waker is there.
//! 3. The thread that published dequeues one watch before it releases the lock, and afterwards as
//!    many as are queued when it takes the lock again. It wakes them without the lock. A thread
//!    that adds to the queue meanwhile does the same for what it has added.
//! 4. If the function that logs the transition panics, the watches stay in the queue, and the next
//!    publication wakes them, for example the end of the engine that panicked.
//!
//! # Lock order
//!
//! The board's lock is innermost: no other lock is taken while it is held.

mod added;
mod batch;
mod family;
mod history;
mod lasting;
mod membership;
mod service_signals;
pub(crate) mod slots;
mod state;
mod status;
mod subscription;
mod timer;
mod wake;
mod watcher;

#[cfg(all(test, rxd_loom))]
mod loom;

pub(crate) use added::Statuses;
pub(crate) use batch::{GateOutcome, StateChange, TransitionBatch};
#[cfg(any(test, feature = "test-util"))]
pub(crate) use family::MembershipChange;
pub(crate) use service_signals::{Epoch, ServiceSignals, deadline, signal};
pub(crate) use status::{Condition, Event, Reaction, ServiceStatus};
pub(crate) use subscription::{Fired, ServiceSet, StreamRead, StreamStatus, WatchId};

use crate::graph::Mode;
use crate::lifecycle::state::{Cause, State, Transition};
#[cfg(all(test, rxd_loom))]
use crate::sync::atomic::Ordering;
use crate::sync::{Mutex, MutexGuard};
use slots::Slots;
use state::BoardState;
use std::num::NonZeroU64;
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;
use watcher::{NOBODY, Watcher, WatcherKind};

/// The number of a service on the board: of one that the daemon starts with, its index. See
/// [`slots`] for the others.
pub(crate) type Id = u32;

/// Those of the first so many numbers that pass a test, in their order.
pub(crate) fn ids_where(services: usize, test: &dyn Fn(Id) -> bool) -> Vec<Id> {
    let mut ids = Vec::new();
    for id in 0..services as Id {
        if test(id) {
            ids.push(id);
        }
    }
    ids
}

/// The sequence number of a transition.
pub(crate) type Seq = u64;

/// A declared watch, from which the board makes a watcher.
#[derive(Clone, Debug)]
pub(crate) struct WatcherSpec {
    pub(crate) mode: Mode,
    pub(crate) condition: Condition,
    pub(crate) targets: Box<[Id]>,
    pub(crate) reaction: Reaction,
    /// The time after which a closed gate is a failure.
    pub(crate) within: Option<Duration>,
    /// For how long the condition has to hold without a break before the watch acts.
    pub(crate) lasts: Option<Duration>,
    /// Of a watch on the board whose condition holds, and has not for so long: since when, in
    /// nanoseconds since the board was made.
    pub(crate) since: Option<u64>,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Board {
    inner: Mutex<BoardState>,
    started: Instant,
    /// The signals of each service.
    services: Slots<ServiceSignals>,
}

impl Board {
    /// Makes a board with every service in `Unknown`, and the watches that each declares.
    pub(crate) fn new(declared: Vec<Vec<WatcherSpec>>, history: usize) -> Self {
        let mut inner = BoardState::new(declared.len(), history);
        let services = Slots::new(declared.len());
        for (id, watches) in declared.into_iter().enumerate() {
            let first = inner.watchers.len() as u32;
            for watch in watches {
                inner.add(&services, Watcher::declared(id as Id, watch));
            }
            inner.entries[id as Id].own = (first, inner.watchers.len() as u32);
        }
        Board { inner: Mutex::new(inner), started: Instant::now(), services }
    }

    fn lock(&self) -> MutexGuard<'_, BoardState> {
        self.inner.lock()
    }

    pub(crate) fn service(&self, id: Id) -> &ServiceSignals {
        &self.services[id]
    }

    /// How many services the daemon has started with. Their numbers begin at 0.
    pub(crate) fn declared(&self) -> usize {
        self.services.declared().len()
    }

    // ---- called by a service's engine ----------------------------------------------------------

    /// The nanoseconds since the board was made.
    ///
    /// The clock is read without the lock. `BoardState::step` keeps times in the order of the
    /// sequence numbers all the same.
    pub(crate) fn now(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }

    fn at(&self, batch: &TransitionBatch) -> u64 {
        batch.at.map_or_else(|| self.now(), NonZeroU64::get)
    }

    /// Publishes one transition. Returns its number; none if the service was abandoned.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn publish(&self, id: Id, state: State, transition: Transition, cause: Cause) -> Option<Seq> {
        let now = self.now();
        let mut inner = self.lock();
        let seq = inner.apply(&self.services, id, StateChange { state, transition, cause }, now)?;
        self.wake(inner, || {});
        Some(seq)
    }

    /// Publishes a batch of transitions. Returns whether a task was woken.
    ///
    /// `before_wake` is called with the number of the first transition (none if the service was
    /// abandoned) before any task is woken, so that the log has causes before their effects.
    pub(crate) fn publish_all(&self, id: Id, batch: &TransitionBatch, before_wake: impl FnOnce(Option<Seq>)) -> bool {
        let now = self.at(batch);
        let mut inner = self.lock();
        let first = inner.apply_all(&self.services, id, batch, now);
        self.wake(inner, || before_wake(first))
    }

    /// Publishes a batch, and then that the service is in Exit: `for_good` if its engine waits for
    /// nothing more. `completed` and `failed_for_good` are what `after` and `needs` ask for.
    ///
    /// `before_wake` gets the number of the batch's first transition and that of Exit; see
    /// [`publish_all`](Board::publish_all).
    pub(crate) fn publish_exit(
        &self,
        id: Id,
        batch: &TransitionBatch,
        (cause, for_good): (Cause, bool),
        (completed, failed_for_good): (bool, bool),
        before_wake: impl FnOnce(Option<Seq>, Option<Seq>),
    ) -> bool {
        let now = self.at(batch);
        let mut inner = self.lock();
        // Dropped last, without the lock: dropping a waker may run code of the user's.
        let _waker = if for_good { inner.entries[id].waker.take() } else { None };
        let first = inner.apply_all(&self.services, id, batch, now);
        let woke = self.exit(inner, id, (cause, completed, failed_for_good), now, |seq| before_wake(first, seq));
        if for_good {
            self.service(id).forget_engine();
        }
        woke
    }

    /// Publishes Exit for a service whose engine does not come to it. Returns the number; none if
    /// the service has exited meanwhile.
    pub(crate) fn abandon(&self, id: Id) -> Option<Seq> {
        let inner = self.lock();
        if inner.status(id).over {
            return None;
        }
        let mut seq = None;
        self.exit(inner, id, (Cause::Abandoned, false, true), self.now(), |exited| seq = exited);
        seq
    }

    fn exit(
        &self,
        mut inner: MutexGuard<'_, BoardState>,
        id: Id,
        (cause, completed, failed_for_good): (Cause, bool, bool),
        now: u64,
        before_wake: impl FnOnce(Option<Seq>),
    ) -> bool {
        let enter = StateChange { state: State::Exit, transition: Transition::Entering, cause };
        let seq = inner.step(&self.services, id, enter, now, |status| {
            (status.completed, status.failed_for_good) = (completed, failed_for_good);
            (status.over, status.ended) = (true, Some(cause));
            status.abandoned = cause == Cause::Abandoned;
        });
        self.wake(inner, || before_wake(seq))
    }

    /// Leaves `from` and enters `to` if every gate before `to` holds at this instant. Returns the
    /// numbers of the two transitions.
    ///
    /// Entering Run also arms the `then(stop)` reactions: a condition that held before, and no
    /// longer holds, does not fire. While it returns `None`, the engine is woken when one of the
    /// gates opens.
    #[cfg_attr(not(test), allow(dead_code, reason = "an engine always has a batch to publish first"))]
    pub(crate) fn try_enter(&self, id: Id, from: Option<State>, to: State) -> Option<(Option<Seq>, Seq)> {
        self.publish_and_try_enter(id, &TransitionBatch::default(), from, to, |_| {}).entered
    }

    /// Publishes a batch and then calls [`try_enter`](Board::try_enter), in one critical section.
    /// For `before_wake` see [`publish_all`](Board::publish_all).
    pub(crate) fn publish_and_try_enter(
        &self,
        id: Id,
        batch: &TransitionBatch,
        from: Option<State>,
        to: State,
        before_wake: impl FnOnce(&GateOutcome),
    ) -> GateOutcome {
        let now = self.at(batch);
        let mut inner = self.lock();
        let first = inner.apply_all(&self.services, id, batch, now);
        let mut entered = None;
        if inner.try_enter(self.service(id), id, to) {
            let leave = |state| StateChange { state, transition: Transition::Exited, cause: Cause::Normal };
            let left = from.and_then(|from| inner.apply(&self.services, id, leave(from), now));
            let enter = StateChange { state: to, transition: Transition::Entering, cause: Cause::Normal };
            entered = inner.apply(&self.services, id, enter, now).map(|entered| (left, entered));
        }
        let mut passed = GateOutcome { first, entered, at: now, woke: false };
        passed.woke = self.wake(inner, || before_wake(&passed));
        passed
    }

    /// Notes that the service no longer waits for its gates.
    pub(crate) fn leave_gate(&self, id: Id) {
        self.lock().entries[id].held = false;
    }

    /// Clears the reactions that have fired and raise the signal of this one. Returns whether one of
    /// them is of this kind.
    pub(crate) fn take_reaction(&self, id: Id, reaction: Reaction) -> bool {
        let mut inner = self.lock();
        let own = inner.entries[id].own();
        let (mut taken, mut last) = (false, None);
        for at in own {
            let watcher = &mut inner.watchers[at];
            if watcher.raises(reaction.signal()) && std::mem::take(&mut watcher.fired) {
                taken |= watcher.has_reaction(reaction);
                last = last.or(Some(at as u32));
            }
        }
        inner.entries[id].taken = last.unwrap_or(inner.entries[id].taken);
        self.service(id).clear(reaction.signal());
        taken
    }

    /// The reaction that was taken last, and the service whose transition made it fire. Only after
    /// [`take_reaction`](Board::take_reaction).
    pub(crate) fn last_reaction(&self, id: Id) -> Option<(WatcherSpec, Option<Id>)> {
        let inner = self.lock();
        let watcher = inner.watchers.get(inner.entries[id].taken as usize)?;
        let (owner, by) = match &watcher.kind {
            WatcherKind::Declared { owner, by, .. } => (*owner, *by),
            WatcherKind::Rare(Some(lasting)) => (lasting.owner, lasting.by),
            WatcherKind::Polled { .. } | WatcherKind::Stream { .. } | WatcherKind::Rare(None) => return None,
        };
        let spec = inner.spec_of(inner.entries[id].taken as usize).filter(|_| owner == id)?;
        Some((spec, Some(by).filter(|&by| by != NOBODY)))
    }

    /// Handles an operator's start of a service in Exit. A condition that holds now counts as
    /// having just come true.
    pub(crate) fn revive(&self, id: Id) {
        let mut inner = self.lock();
        if !inner.entries[id].status.over {
            return;
        }
        inner.revive(id);
        let own = inner.entries[id].own();
        let mut signals = 0;
        for watcher in &mut inner.watchers[own] {
            watcher.fired = watcher.acts();
            if let Some((_, reaction)) = watcher.reaction() {
                signals |= if watcher.fired { reaction.signal() } else { 0 };
            }
        }
        self.service(id).clear(signal::STOP | signal::EXIT | signal::DEPENDENCY | signal::GATE);
        self.service(id).set(signals);
    }

    /// The signals of a service. One atomic load: all that a poll of a quiet service costs.
    pub(crate) fn signals(&self, id: Id) -> u32 {
        self.service(id).get()
    }

    /// Sets signals of a service. [`raise`](Board::raise) has to follow, since it wakes the engine.
    pub(crate) fn set(&self, id: Id, signals: u32) {
        self.service(id).set(signals);
    }

    pub(crate) fn clear(&self, id: Id, signals: u32) {
        self.service(id).clear(signals);
    }

    /// Stores the waker of the task in which the service's engine runs.
    pub(crate) fn set_waker(&self, id: Id, waker: &Waker) {
        self.service(id).set_engine(waker.clone());
        let waker = Some(waker.clone());
        let old = std::mem::replace(&mut self.lock().entries[id].waker, waker);
        drop(old);
    }

    pub(crate) fn drop_waker(&self, id: Id) {
        self.service(id).forget_engine();
        let waker = self.lock().entries[id].waker.take();
        drop(waker);
    }

    // ---- reading ------------------------------------------------------------------------------

    pub(crate) fn status(&self, id: Id) -> ServiceStatus {
        *self.lock().status(id)
    }

    /// Reads several services at one instant.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&BoardView<'_>) -> T) -> T {
        let inner = self.lock();
        look(&BoardView(&inner))
    }

    /// The closed gates of a service before `state`.
    pub(crate) fn unmet(&self, id: Id, state: State) -> Vec<WatcherSpec> {
        self.look(|look| look.unmet(id, state))
    }

    /// A service that this one depends on, by `needs` or `after`, and that has failed for good.
    pub(crate) fn failed_dependency(&self, id: Id) -> Option<Id> {
        let inner = self.lock();
        let own = inner.watchers[inner.entries[id].own()].iter();
        let mut targets = own.filter(|watcher| watcher.has_reaction(Reaction::Dependency)).flat_map(|own| &own.targets);
        let failed = targets.find(|target| inner.status(target.id).failed_for_good);
        failed.map(|target| target.id)
    }

    /// How many entries the lists of all services have for polled watches and streams.
    #[cfg(feature = "test-util")]
    pub(crate) fn watched(&self) -> usize {
        let inner = self.lock();
        let polled = |at: &u32| inner.watchers[*at as usize].reaction().is_none();
        let added = inner.entries.added().map(|(_, entry)| entry);
        let entries = inner.entries.declared().iter().chain(added);
        entries.flat_map(|entry| &entry.watchers).filter(|(at, _)| polled(at)).count()
    }

    /// How many times the transitions have updated a watcher so far.
    #[cfg(feature = "test-util")]
    pub(crate) fn watcher_updates(&self) -> u64 {
        self.lock().watcher_updates
    }
}

/// Several services at one instant.
pub(crate) struct BoardView<'a>(&'a BoardState);

impl BoardView<'_> {
    /// The number of the last transition before that instant.
    pub(crate) fn seq(&self) -> Seq {
        self.0.seq
    }

    pub(crate) fn status(&self, id: Id) -> &ServiceStatus {
        self.0.status(id)
    }

    /// Whether the service is there.
    #[cfg(feature = "admin")]
    pub(crate) fn is_live(&self, id: Id) -> bool {
        self.0.is_live(id)
    }

    /// Whether gates hold the service's engine back.
    pub(crate) fn is_held(&self, id: Id) -> bool {
        self.0.is_live(id) && self.0.entries[id].held
    }

    /// See [`Board::unmet`].
    pub(crate) fn unmet(&self, id: Id, state: State) -> Vec<WatcherSpec> {
        let gate = if state == State::Init { Reaction::GateInit } else { Reaction::GateRun };
        self.specs(id, |watcher| watcher.has_reaction(gate) && !watcher.acts())
    }

    /// The reactions of a service whose conditions hold, and have not for as long as they have to.
    pub(crate) fn holding(&self, id: Id) -> Vec<WatcherSpec> {
        let mut holding = self.specs(id, |watcher| watcher.held && !watcher.acts());
        holding.retain(|spec| !spec.reaction.is_gate());
        holding
    }

    /// Those of the watches that a service declares that pass a test.
    fn specs(&self, id: Id, test: impl Fn(&Watcher) -> bool) -> Vec<WatcherSpec> {
        let mut specs = Vec::new();
        for at in self.0.own_places(id) {
            if test(&self.0.watchers[at]) {
                specs.extend(self.0.spec_of(at));
            }
        }
        specs
    }
}
