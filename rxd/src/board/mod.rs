//! The board: where every service is, and what that means for whoever watches it.
//!
//! One short critical section orders all transitions. Inside it a transition is numbered, written
//! to its service's cell and to the history, and each watch *on that service* is brought up to
//! date: a watch keeps the count of its targets that satisfy it, so this is O(watches on the
//! service), whatever else there is, and however many targets those watches have. Nothing is
//! allocated, nobody is woken and no code of a user is run inside.
//!
//! Invariants, each at every unlock:
//!
//! 1. `seq` numbers the transitions of the whole daemon from 1, without gaps; the history holds a
//!    contiguous tail of them. Everything anybody is told has a number, so all are told the same order.
//! 2. A watch by level counts the targets that satisfy it, and `held` says whether that is enough.
//! 3. `fired` is set by every rising edge, and cleared only by the watch's owner: no edge is lost,
//!    however short. A polled watch also counts them; a feed counts the transitions it has not read.
//! 4. A waker of a polled watch or a feed is there only while there is nothing to take. What makes
//!    something to take puts the watch into `wake`, and whoever put one there takes as many out as
//!    there are: no wake-up is lost. `wake` has room for every watch, so putting never allocates.
//! 5. A service's own signals are set before its engine's waker is looked for, under the lock, and
//!    read after the engine has put that waker down, under the lock: no signal is lost.
//! 6. After Exit was published for an abandoned service, nothing of it is published any more.
//! 7. A polled watch that can come true no more is `over`, for good: at one number, whoever polls when.
//! 8. A row knows its place in each list it is in, and each list knows the row: to leave is O(targets).

mod batch;
mod history;
mod signals;
mod state;
mod status;
mod subscription;
mod wake;
mod watcher;

#[cfg(all(test, rxd_loom))]
mod loom;

pub(crate) use batch::{GateOutcome, StateChange, TransitionBatch};
pub(crate) use signals::{Epoch, ServiceSignals, signal};
pub(crate) use status::{Condition, Event, Reaction, ServiceStatus};
pub(crate) use subscription::{Fired, ServiceSet, StreamRead, WatchId};

use crate::graph::Mode;
use crate::lifecycle::state::{Cause, State, Transition};
#[cfg(all(test, rxd_loom))]
use crate::sync::atomic::Ordering;
use crate::sync::{Mutex, MutexGuard};
use state::BoardState;
use std::num::NonZeroU64;
use std::task::Waker;
use std::time::Duration;
use tokio::time::Instant;
use watcher::{Watcher, WatcherKind};

/// A service's place on the board.
pub(crate) type Id = u32;

/// The number of a transition.
pub(crate) type Seq = u64;

/// A declared watch, as the board is made with it.
#[derive(Clone, Debug)]
pub(crate) struct WatcherSpec {
    pub(crate) mode: Mode,
    pub(crate) condition: Condition,
    pub(crate) targets: Box<[Id]>,
    pub(crate) reaction: Reaction,
    /// How long a gate may stay shut.
    pub(crate) within: Option<Duration>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Board {
    inner: Mutex<BoardState>,
    started: Instant,
    /// One for each service.
    services: Box<[ServiceSignals]>,
}

impl Board {
    /// A board with every service in `Unknown`, and for each the watches it declares.
    pub(crate) fn new(declared: Vec<Vec<WatcherSpec>>, history: usize) -> Self {
        let mut inner = BoardState::new(declared.len(), history);
        let services: Box<[ServiceSignals]> = declared.iter().map(|_| ServiceSignals::default()).collect();
        for (id, watches) in declared.into_iter().enumerate() {
            let first = inner.watchers.len() as u32;
            for watch in watches {
                inner.add(&services, Watcher::declared(id as Id, watch));
            }
            inner.entries[id].own = (first, inner.watchers.len() as u32);
        }
        Board { inner: Mutex::new(inner), started: Instant::now(), services }
    }

    fn lock(&self) -> MutexGuard<'_, BoardState> {
        self.inner.lock()
    }

    pub(crate) fn service(&self, id: Id) -> &ServiceSignals {
        &self.services[id as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.services.len()
    }

    // ---- what an engine does with its own service -------------------------------------------

    /// Nanoseconds since the board was made. Read without the lock: transitions that are numbered
    /// before others are not made to look later than those when they are published.
    pub(crate) fn now(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }

    fn at(&self, batch: &TransitionBatch) -> u64 {
        batch.at.map_or_else(|| self.now(), NonZeroU64::get)
    }

    /// Publishes one transition; its number, or none if the service was abandoned. An engine publishes all it owes.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn publish(&self, id: Id, state: State, transition: Transition, cause: Cause) -> Option<Seq> {
        let now = self.now();
        let mut inner = self.lock();
        let seq = inner.apply(&self.services, id, StateChange { state, transition, cause }, now)?;
        self.wake(inner, || {});
        Some(seq)
    }

    /// Publishes what is pending; whether it woke anybody. `before_wake` is called with the number of the first, or
    /// none if the service was abandoned, before anybody is woken: what it writes comes before what they write.
    pub(crate) fn publish_all(&self, id: Id, batch: &TransitionBatch, before_wake: impl FnOnce(Option<Seq>)) -> bool {
        let now = self.at(batch);
        let mut inner = self.lock();
        let first = inner.apply_all(&self.services, id, batch, now);
        self.wake(inner, || before_wake(first))
    }

    /// Publishes what is batch, and that the service is in Exit: `for_good` if its engine has nothing to wait for.
    /// `completed` and `failed_for_good` are what `after` and `needs` ask for. `before_wake` is as for
    /// [`publish_all`](Board::publish_all), and hears both numbers.
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
        // Dropped after all else, without the lock.
        let _waker = if for_good { inner.entries[id as usize].waker.take() } else { None };
        let first = inner.apply_all(&self.services, id, batch, now);
        let woke = self.exit(inner, id, (cause, completed, failed_for_good), now, |seq| before_wake(first, seq));
        if for_good {
            self.service(id).forget_engine();
        }
        woke
    }

    /// Publishes Exit for a service whose engine does not answer; none if it has exited meanwhile.
    pub(crate) fn abandon(&self, id: Id) -> Option<Seq> {
        let inner = self.lock();
        if inner.entries[id as usize].status.over {
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

    /// Enters `to`, after leaving `from`, if every gate before it holds at this very instant.
    ///
    /// Entering Run also arms the `then(stop)` reactions: what held before, but does no more, is history.
    /// While the answer is `None` the service is woken when one of the gates comes to hold.
    #[cfg_attr(not(test), allow(dead_code, reason = "an engine always says what it owes"))]
    pub(crate) fn try_enter(&self, id: Id, from: Option<State>, to: State) -> Option<(Option<Seq>, Seq)> {
        self.publish_and_try_enter(id, &TransitionBatch::default(), from, to, |_| {}).entered
    }

    /// Publishes what is batch, and then does as [`pass`](Board::try_enter), in one critical section.
    /// `before_wake` is as for [`publish_all`](Board::publish_all).
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

    /// No longer held back by gates.
    pub(crate) fn leave_gate(&self, id: Id) {
        self.lock().entries[id as usize].held = false;
    }

    /// Takes the reactions of this kind that have fired.
    pub(crate) fn take_reaction(&self, id: Id, reaction: Reaction) {
        let mut inner = self.lock();
        let own = inner.entries[id as usize].own();
        for watcher in &mut inner.watchers[own] {
            watcher.fired &= !watcher.reacts_by(reaction);
        }
        self.service(id).clear(reaction.signal());
    }

    /// A new life after Exit: what holds now counts as just having come true.
    pub(crate) fn revive(&self, id: Id) {
        let mut inner = self.lock();
        if !inner.entries[id as usize].status.over {
            return;
        }
        inner.revive(id);
        let own = inner.entries[id as usize].own();
        let mut signals = 0;
        for watcher in &mut inner.watchers[own] {
            watcher.fired = watcher.held;
            if let WatcherKind::WatcherSpec { reaction, .. } = watcher.kind {
                signals |= if watcher.held { reaction.signal() } else { 0 };
            }
        }
        self.service(id).clear(signal::STOP | signal::EXIT | signal::DEPENDENCY | signal::GATE);
        self.service(id).set(signals);
    }

    /// What the engine has to look at; cheap, and the only thing a poll of a quiet service costs.
    pub(crate) fn signals(&self, id: Id) -> u32 {
        self.service(id).get()
    }

    /// Sets signals of a service; [`raise`](Board::raise) has to follow, which wakes its engine.
    pub(crate) fn set(&self, id: Id, signals: u32) {
        self.service(id).set(signals);
    }

    pub(crate) fn clear(&self, id: Id, signals: u32) {
        self.service(id).clear(signals);
    }

    /// Says which task the engine of this service is.
    pub(crate) fn set_waker(&self, id: Id, waker: &Waker) {
        self.service(id).set_engine(waker.clone());
        let waker = Some(waker.clone());
        let old = std::mem::replace(&mut self.lock().entries[id as usize].waker, waker);
        drop(old);
    }

    pub(crate) fn drop_waker(&self, id: Id) {
        self.service(id).forget_engine();
        let waker = self.lock().entries[id as usize].waker.take();
        drop(waker);
    }

    // ---- reading ------------------------------------------------------------------------------

    pub(crate) fn status(&self, id: Id) -> ServiceStatus {
        self.lock().entries[id as usize].status
    }

    /// Every service's word at one instant, and that instant's number.
    pub(crate) fn statuses(&self) -> (Seq, Vec<ServiceStatus>) {
        let mut statuses = Vec::with_capacity(self.len());
        let inner = self.lock();
        statuses.extend(inner.entries[..self.len()].iter().map(|entry| entry.status));
        (inner.seq, statuses)
    }

    /// Looks at several services at one instant.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&BoardView<'_>) -> T) -> T {
        let inner = self.lock();
        look(&BoardView(&inner))
    }

    /// The declared watches of a service that hold it back before `state` and do not hold.
    pub(crate) fn unmet(&self, id: Id, state: State) -> Vec<WatcherSpec> {
        self.look(|look| look.unmet(id, state))
    }

    /// In how many places watches are that somebody holds.
    #[cfg(feature = "test-util")]
    pub(crate) fn watched(&self) -> usize {
        let inner = self.lock();
        let polled = |at: &u32| !matches!(inner.watchers[*at as usize].kind, WatcherKind::WatcherSpec { .. });
        inner.entries.iter().flat_map(|entry| &entry.watchers).filter(|(at, _)| polled(at)).count()
    }

    /// How many watches the transitions so far have looked at.
    #[cfg(feature = "test-util")]
    pub(crate) fn looked_at(&self) -> u64 {
        self.lock().looked_at
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
        &self.0.entries[id as usize].status
    }

    /// Whether the service's engine is being held back by gates.
    pub(crate) fn is_held(&self, id: Id) -> bool {
        self.0.entries[id as usize].held
    }

    /// See [`Board::unmet`].
    pub(crate) fn unmet(&self, id: Id, state: State) -> Vec<WatcherSpec> {
        let gate = if state == State::Init { Reaction::GateInit } else { Reaction::GateRun };
        let own = self.0.watchers[self.0.entries[id as usize].own()].iter();
        own.filter(|watcher| watcher.reacts_by(gate) && !watcher.held).filter_map(Watcher::to_spec).collect()
    }
}
