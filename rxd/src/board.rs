//! The board: where every service is, and what that means for whoever watches it.
//!
//! One short critical section orders all transitions. Inside it a transition is numbered, written
//! to its service's cell and to the history, and each watch *on that service* is brought up to
//! date: a watch keeps the count of its targets that satisfy it, so this is O(watches on the
//! service) and nothing else is looked at. Nothing is allocated and nobody is woken inside.
//!
//! Invariants:
//!
//! 1. `seq` numbers the transitions of the whole daemon from 1, without gaps; the history holds a
//!    contiguous tail of them.
//! 2. For a watch by level, `met` is the number of its targets whose cell satisfies it, and `held`
//!    says whether that is enough, at every unlock.
//! 3. `fired` is set by every rising edge of `held`, and cleared only by the watch's owner: no
//!    pulse is lost, however short.
//! 4. A watch that fired is in `wake` until its owner's waker has been taken to be woken: no
//!    wake-up is lost. `wake` has room for every watch, so a push never allocates.
//! 5. A service's own signals change under the lock or by its own engine, and are read without it.
//! 6. After `Exit` was published for an abandoned service, nothing of it is published any more.

use crate::graph::Mode;
use crate::state::{Action, Cause, State, Transition};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// A service's place on the board.
pub(crate) type Id = u32;

/// How many transitions the history keeps where nothing else is asked for.
pub(crate) const HISTORY: usize = 1024;

/// What a service's engine has to look at. See [`Board::signals`].
pub(crate) mod signal {
    /// A watch the service is held back by has come true.
    pub(crate) const GATE: u32 = 1;
    /// A `then(stop)` reaction fired.
    pub(crate) const STOP: u32 = 1 << 1;
    /// A `then(exit)` reaction fired.
    pub(crate) const EXIT: u32 = 1 << 2;
    /// A service this one needs gave up.
    pub(crate) const DEPENDENCY: u32 = 1 << 3;
    /// The daemon is stopping, and it is this service's turn.
    pub(crate) const SHUTDOWN: u32 = 1 << 4;
    /// All limits are over.
    pub(crate) const KILL: u32 = 1 << 5;
    /// An operator asked for something.
    pub(crate) const REQUEST: u32 = 1 << 6;
    /// A task of the service panicked.
    pub(crate) const CHILD: u32 = 1 << 7;
    /// The daemon is over: a service in Exit has nothing to wait for any more.
    pub(crate) const OVER: u32 = 1 << 8;
}

/// What a watch asks about one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// One of the four actions on a state.
    State(Action, State),
    /// In Exit after a successful Run.
    EndedWell,
    /// In Exit because it gave up.
    GaveUp,
    /// Any transition at all: a pulse.
    Every,
}

impl Condition {
    fn is_pulse(self) -> bool {
        matches!(self, Condition::State(Action::Changing, _) | Condition::Every)
    }

    /// Whether it holds by level; a pulse never does.
    pub(crate) fn holds(self, word: &Word) -> bool {
        match self {
            Condition::State(Action::Entering, state) => word.is_in(state),
            Condition::State(Action::Exited, state) => !word.is_in(state) && word.left & state.bit() != 0,
            Condition::State(Action::NotIn, state) => !word.is_in(state),
            Condition::EndedWell => word.state == State::Exit && word.ended_well,
            Condition::GaveUp => word.state == State::Exit && word.gave_up,
            Condition::State(Action::Changing, _) | Condition::Every => false,
        }
    }

    /// Whether it can still come true for a service that is in Exit for good.
    pub(crate) fn can_hold_after_exit(self, word: &Word) -> bool {
        self.holds(word)
    }

    fn pulses(self, word: &Word) -> bool {
        match self {
            Condition::State(Action::Changing, state) => word.state == state,
            Condition::Every => true,
            _ => false,
        }
    }
}

/// What a declared watch does to its service; a dynamic one is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Holds it back before Init.
    GateInit,
    /// Holds it back in Idle.
    GateRun,
    /// Takes it out of Run.
    Stop,
    /// Ends it.
    Exit,
    /// Ends it with cause `dependency`.
    Dependency,
    /// Nothing: whoever holds the watch polls it.
    Poll,
}

impl Reaction {
    fn signal(self) -> u32 {
        match self {
            Reaction::GateInit | Reaction::GateRun => signal::GATE,
            Reaction::Stop => signal::STOP,
            Reaction::Exit => signal::EXIT,
            Reaction::Dependency => signal::DEPENDENCY,
            Reaction::Poll => 0,
        }
    }
}

/// Where a service is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Word {
    pub(crate) state: State,
    pub(crate) transition: Transition,
    pub(crate) cause: Cause,
    /// The states it has left at least once, as bits.
    left: u8,
    pub(crate) ended_well: bool,
    pub(crate) gave_up: bool,
    abandoned: bool,
    pub(crate) incarnation: u32,
    /// The number of its last transition.
    pub(crate) seq: u64,
    /// When that was, in nanoseconds since the board was made.
    pub(crate) at: u64,
    /// How many transitions it has made.
    pub(crate) transitions: u64,
}

impl Word {
    pub(crate) fn is_in(&self, state: State) -> bool {
        self.state == state && self.transition == Transition::Entering
    }
}

/// One transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) seq: u64,
    pub(crate) id: Id,
    pub(crate) incarnation: u32,
    pub(crate) state: State,
    pub(crate) transition: Transition,
    pub(crate) cause: Cause,
    /// When, in nanoseconds since the board was made.
    pub(crate) at: u64,
}

/// A declared watch, as the board is made with it.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) mode: Mode,
    pub(crate) condition: Condition,
    pub(crate) targets: Box<[Id]>,
    pub(crate) reaction: Reaction,
    /// How long a gate may stay shut.
    pub(crate) within: Option<Duration>,
}

#[derive(Debug)]
struct Watching {
    mode: Mode,
    condition: Condition,
    reaction: Reaction,
    /// The service it is declared on; none for a dynamic watch.
    owner: Option<Id>,
    targets: Box<[Id]>,
    within: Option<Duration>,
    met: u32,
    held: bool,
    fired: bool,
    queued: bool,
    /// How many rising edges there were since the owner last took one. A dynamic watch only.
    edges: u64,
    /// `all, changing`: which targets have changed since it last fired.
    changed: Box<[bool]>,
    /// The targets as they were at the last rising edge, and its number. A dynamic watch only.
    captured: Box<[Word]>,
    captured_seq: u64,
    waker: Option<Waker>,
}

impl Watching {
    fn enough(&self) -> bool {
        match self.mode {
            Mode::Any => self.met > 0,
            Mode::All => self.met as usize == self.targets.len(),
        }
    }
}

#[derive(Debug, Default)]
struct Cell {
    word: Word,
    /// The watches on this service, and which of their targets it is.
    watchers: Vec<(u32, u32)>,
    /// The watches declared by this service: `rows[own.0 .. own.1]`.
    own: (u32, u32),
    /// Whether its engine is being held back by gates at this moment.
    held: bool,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct Inner {
    seq: u64,
    started: Instant,
    cells: Vec<Cell>,
    rows: Vec<Watching>,
    free: Vec<u32>,
    wake: Vec<u32>,
    history: VecDeque<Event>,
    room: usize,
    alive: usize,
    closed: bool,
}

/// What another thread may set for a service's engine without the lock.
#[derive(Debug, Default)]
pub(crate) struct Ear {
    signals: AtomicU32,
    /// Milliseconds by which the running method asked its limit to be put off.
    pub(crate) extension: AtomicU64,
    /// When the service last called `heartbeat`, in milliseconds since the daemon's start, plus one.
    pub(crate) beat: AtomicU64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Board {
    inner: Mutex<Inner>,
    ears: Box<[Ear]>,
}

impl Board {
    /// A board with every service in `Unknown`, and for each the watches it declares.
    pub(crate) fn new(declared: Vec<Vec<Declared>>, history: usize) -> Self {
        let services = declared.len();
        let mut inner = Inner {
            seq: 0,
            started: Instant::now(),
            cells: (0..services).map(|_| Cell::default()).collect(),
            rows: Vec::with_capacity(declared.iter().map(Vec::len).sum()),
            free: Vec::new(),
            wake: Vec::new(),
            history: VecDeque::new(),
            room: history,
            alive: services,
            closed: false,
        };
        let ears: Box<[Ear]> = (0..services).map(|_| Ear::default()).collect();
        for (id, watches) in declared.into_iter().enumerate() {
            let first = inner.rows.len() as u32;
            for watch in watches {
                inner.add(watch, Some(id as Id));
            }
            inner.cells[id].own = (first, inner.rows.len() as u32);
        }
        for row in 0..inner.rows.len() {
            if inner.rows[row].held {
                inner.fire(&ears, row as u32);
            }
        }
        inner.wake.clear();
        inner.rows.iter_mut().for_each(|row| row.queued = false);
        Board { inner: Mutex::new(inner), ears }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code of a user runs under the lock, so a poisoned one is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ear(&self, id: Id) -> &Ear {
        &self.ears[id as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.ears.len()
    }

    // ---- what an engine does with its own service -------------------------------------------

    /// Publishes one transition; its number, or none if the service was abandoned.
    pub(crate) fn publish(&self, id: Id, state: State, transition: Transition, cause: Cause) -> Option<u64> {
        let mut inner = self.lock();
        let seq = inner.apply(&self.ears, id, state, transition, cause)?;
        self.wake(inner);
        Some(seq)
    }

    /// Publishes that the service is in Exit. `ended_well` and `gave_up` are what `after` and `needs` ask for.
    pub(crate) fn publish_exit(&self, id: Id, cause: Cause, ended_well: bool, gave_up: bool) -> Option<u64> {
        self.exit(self.lock(), id, cause, ended_well, gave_up)
    }

    /// Publishes Exit for a service whose engine does not answer; none if it has exited meanwhile.
    pub(crate) fn abandon(&self, id: Id) -> Option<u64> {
        let inner = self.lock();
        if inner.cells[id as usize].word.state == State::Exit {
            return None;
        }
        self.exit(inner, id, Cause::Abandoned, false, true)
    }

    fn exit<'a>(
        &'a self,
        mut inner: MutexGuard<'a, Inner>,
        id: Id,
        cause: Cause,
        ended_well: bool,
        gave_up: bool,
    ) -> Option<u64> {
        let word = &mut inner.cells[id as usize].word;
        if word.abandoned {
            return None;
        }
        (word.ended_well, word.gave_up) = (ended_well, gave_up);
        let seq = inner.apply(&self.ears, id, State::Exit, Transition::Entering, cause)?;
        inner.cells[id as usize].word.abandoned = cause == Cause::Abandoned;
        inner.alive -= 1;
        self.wake(inner);
        Some(seq)
    }

    /// Enters `to`, after leaving `from`, if every gate before it holds at this very instant.
    ///
    /// Entering Run also arms the `then(stop)` reactions: what held before, but does no more, is history.
    /// While the answer is `None` the service is woken when one of the gates comes to hold.
    pub(crate) fn pass(&self, id: Id, from: Option<State>, to: State) -> Option<(Option<u64>, u64)> {
        let gate = match to {
            State::Init => Reaction::GateInit,
            _ => Reaction::GateRun,
        };
        let mut inner = self.lock();
        let inner_ref = &mut *inner;
        let cell = &mut inner_ref.cells[id as usize];
        let own = cell.own.0 as usize..cell.own.1 as usize;
        let open = inner_ref.rows[own.clone()].iter().all(|row| row.reaction != gate || row.held);
        cell.held = !open;
        self.ears[id as usize].signals.fetch_and(!signal::GATE, Ordering::AcqRel);
        if !open || cell.word.abandoned {
            return None;
        }
        let mut stop = false;
        for row in &mut inner_ref.rows[own] {
            if row.reaction == gate && row.condition.is_pulse() {
                row.held = false;
            }
            if to == State::Run && row.reaction == Reaction::Stop {
                row.fired &= row.held;
                stop |= row.fired;
            }
        }
        if to == State::Run && !stop {
            self.ears[id as usize].signals.fetch_and(!signal::STOP, Ordering::AcqRel);
        }
        if to == State::Init {
            cell.word.incarnation = cell.word.incarnation.wrapping_add(1);
        }
        let left = from.and_then(|from| inner.apply(&self.ears, id, from, Transition::Exited, Cause::Normal));
        let entered = inner.apply(&self.ears, id, to, Transition::Entering, Cause::Normal)?;
        self.wake(inner);
        Some((left, entered))
    }

    /// No longer held back by gates.
    pub(crate) fn leave_gate(&self, id: Id) {
        self.lock().cells[id as usize].held = false;
    }

    /// Takes the reactions of this kind that have fired.
    pub(crate) fn take_reaction(&self, id: Id, reaction: Reaction) {
        let mut inner = self.lock();
        let own = inner.cells[id as usize].own;
        for row in &mut inner.rows[own.0 as usize..own.1 as usize] {
            row.fired &= row.reaction != reaction;
        }
        self.ears[id as usize].signals.fetch_and(!reaction.signal(), Ordering::AcqRel);
    }

    /// A new life after Exit: what holds now counts as just having come true.
    pub(crate) fn revive(&self, id: Id) {
        let mut inner = self.lock();
        let own = inner.cells[id as usize].own;
        let mut signals = 0;
        for row in &mut inner.rows[own.0 as usize..own.1 as usize] {
            row.fired = row.held;
            if row.held {
                signals |= row.reaction.signal();
            }
        }
        inner.alive += 1;
        let ear = &self.ears[id as usize];
        let all = signal::STOP | signal::EXIT | signal::DEPENDENCY | signal::GATE;
        ear.signals.fetch_and(!all, Ordering::AcqRel);
        ear.signals.fetch_or(signals, Ordering::AcqRel);
    }

    /// What the engine has to look at; cheap, and the only thing a poll of a quiet service costs.
    pub(crate) fn signals(&self, id: Id) -> u32 {
        self.ears[id as usize].signals.load(Ordering::Acquire)
    }

    pub(crate) fn clear(&self, id: Id, signals: u32) {
        self.ears[id as usize].signals.fetch_and(!signals, Ordering::AcqRel);
    }

    /// Says which task the engine of this service is.
    pub(crate) fn set_waker(&self, id: Id, waker: &Waker) {
        self.lock().cells[id as usize].waker = Some(waker.clone());
    }

    pub(crate) fn drop_waker(&self, id: Id) {
        let waker = self.lock().cells[id as usize].waker.take();
        drop(waker);
    }

    // ---- what others do to a service ----------------------------------------------------------

    /// Sets signals of a service and wakes its engine.
    pub(crate) fn raise(&self, id: Id, signals: u32) {
        self.ears[id as usize].signals.fetch_or(signals, Ordering::AcqRel);
        let waker = self.lock().cells[id as usize].waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// How many services are not in Exit.
    pub(crate) fn alive(&self) -> usize {
        self.lock().alive
    }

    // ---- reading ------------------------------------------------------------------------------

    pub(crate) fn word(&self, id: Id) -> Word {
        self.lock().cells[id as usize].word
    }

    /// Every service's word at one instant, and that instant's number.
    pub(crate) fn words(&self) -> (u64, Vec<Word>) {
        let mut words = Vec::with_capacity(self.len());
        let inner = self.lock();
        words.extend(inner.cells.iter().map(|cell| cell.word));
        (inner.seq, words)
    }

    /// The declared watches of a service that hold it back before `state` and do not hold.
    pub(crate) fn unmet(&self, id: Id, state: State) -> Vec<Declared> {
        let gate = if state == State::Init { Reaction::GateInit } else { Reaction::GateRun };
        let inner = self.lock();
        let own = inner.cells[id as usize].own;
        inner.rows[own.0 as usize..own.1 as usize]
            .iter()
            .filter(|row| row.reaction == gate && !row.held)
            .map(|row| Declared {
                mode: row.mode,
                condition: row.condition,
                targets: row.targets.clone(),
                reaction: row.reaction,
                within: row.within,
            })
            .collect()
    }

    // ---- dynamic watches ----------------------------------------------------------------------

    /// Begins to watch. What already holds has just come true.
    pub(crate) fn watch(&self, mode: Mode, condition: Condition, targets: Box<[Id]>) -> u32 {
        let captured = vec![Word::default(); targets.len()].into_boxed_slice();
        let mut inner = self.lock();
        let row = inner.add(Declared { mode, condition, targets, reaction: Reaction::Poll, within: None }, None);
        inner.rows[row as usize].captured = captured;
        if inner.rows[row as usize].held {
            inner.fire(&self.ears, row);
        }
        row
    }

    /// Ends a watch. O(targets x watches on them).
    pub(crate) fn unwatch(&self, row: u32) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let watching = &mut inner.rows[row as usize];
        let targets = std::mem::take(&mut watching.targets);
        let waker = watching.waker.take();
        if std::mem::take(&mut watching.queued) {
            inner.wake.retain(|other| *other != row);
        }
        for &target in &targets {
            let watchers = &mut inner.cells[target as usize].watchers;
            if let Some(at) = watchers.iter().position(|(other, _)| *other == row) {
                watchers.swap_remove(at);
            }
        }
        inner.free.push(row);
        drop(waker);
    }

    /// The state of a dynamic watch; registers the waker while there is nothing to take.
    pub(crate) fn poll_watch(&self, row: u32, task: Option<&mut TaskContext<'_>>) -> Poll<Option<Fired>> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let closed = inner.closed;
        let watching = &mut inner.rows[row as usize];
        if watching.fired {
            watching.fired = false;
            let edges = std::mem::take(&mut watching.edges);
            return Poll::Ready(Some(Fired { seq: watching.captured_seq, edges, words: watching.captured.to_vec() }));
        }
        let cells = &inner.cells;
        if closed || watching.never(cells) {
            return Poll::Ready(None);
        }
        if let Some(task) = task {
            match &mut watching.waker {
                Some(waker) => waker.clone_from(task.waker()),
                none => *none = Some(task.waker().clone()),
            }
        }
        Poll::Pending
    }

    /// Whether the watch's condition holds at this instant.
    pub(crate) fn is_met(&self, row: u32) -> bool {
        self.lock().rows[row as usize].held
    }

    /// No transition will follow: every watch that has nothing left to say ends.
    pub(crate) fn close(&self) {
        let mut wakers = Vec::new();
        let mut inner = self.lock();
        inner.closed = true;
        for row in &mut inner.rows {
            wakers.extend(row.waker.take());
        }
        drop(inner);
        wakers.into_iter().for_each(Waker::wake);
    }

    // ---- the history --------------------------------------------------------------------------

    /// Looks at the history from after `seq`: see [`Tail`].
    pub(crate) fn tail<T>(&self, seq: u64, look: impl FnOnce(Tail<'_>) -> T) -> T {
        let inner = self.lock();
        let first = inner.seq + 1 - inner.history.len() as u64;
        let skip = (seq + 1).saturating_sub(first) as usize;
        look(Tail { seq: inner.seq, whole: seq + 1 >= first, history: &inner.history, skip, cells: &inner.cells })
    }

    /// Wakes everyone in `wake`, a handful at a time, without the lock.
    fn wake<'a>(&'a self, mut inner: MutexGuard<'a, Inner>) {
        while !inner.wake.is_empty() {
            let mut wakers = [const { None }; 16];
            for slot in &mut wakers {
                let Some(row) = inner.wake.pop() else { break };
                let watching = &mut inner.rows[row as usize];
                watching.queued = false;
                *slot = match watching.owner {
                    Some(owner) => inner.cells[owner as usize].waker.clone(),
                    None => watching.waker.take(),
                };
            }
            drop(inner);
            wakers.into_iter().flatten().for_each(Waker::wake);
            inner = self.lock();
        }
    }
}

/// A rising edge of a dynamic watch.
#[derive(Debug)]
pub(crate) struct Fired {
    pub(crate) seq: u64,
    pub(crate) edges: u64,
    pub(crate) words: Vec<Word>,
}

/// The end of the history, under the lock.
pub(crate) struct Tail<'a> {
    /// The number of the last transition.
    pub(crate) seq: u64,
    /// Whether it reaches back to where it was asked for.
    pub(crate) whole: bool,
    history: &'a VecDeque<Event>,
    skip: usize,
    cells: &'a [Cell],
}

impl Tail<'_> {
    pub(crate) fn events(&self) -> impl Iterator<Item = &Event> {
        self.history.range(self.skip.min(self.history.len())..)
    }

    pub(crate) fn word(&self, id: Id) -> &Word {
        &self.cells[id as usize].word
    }
}

impl Watching {
    /// Whether the condition can never hold again: enough of its targets are in Exit.
    fn never(&self, cells: &[Cell]) -> bool {
        let dead = |&id: &Id| {
            let word = &cells[id as usize].word;
            word.state == State::Exit && !self.condition.can_hold_after_exit(word)
        };
        match self.mode {
            Mode::Any => self.targets.iter().all(dead),
            Mode::All => self.targets.iter().any(dead),
        }
    }
}

impl Inner {
    fn add(&mut self, watch: Declared, owner: Option<Id>) -> u32 {
        let Declared { mode, condition, targets, reaction, within } = watch;
        let met = targets.iter().filter(|&&id| condition.holds(&self.cells[id as usize].word)).count() as u32;
        let all_pulses = condition.is_pulse() && mode == Mode::All;
        let mut watching = Watching {
            mode,
            condition,
            reaction,
            owner,
            within,
            met,
            held: false,
            fired: false,
            queued: false,
            edges: 0,
            changed: vec![false; if all_pulses { targets.len() } else { 0 }].into_boxed_slice(),
            captured: Box::default(),
            captured_seq: 0,
            waker: None,
            targets,
        };
        watching.held = !condition.is_pulse() && watching.enough();
        let row = match self.free.pop() {
            Some(row) => row,
            None => self.rows.len() as u32,
        };
        for (at, &target) in watching.targets.iter().enumerate() {
            self.cells[target as usize].watchers.push((row, at as u32));
        }
        if row as usize == self.rows.len() {
            self.rows.push(watching);
        } else {
            self.rows[row as usize] = watching;
        }
        // Invariant 4: room for every watch.
        let room = self.rows.len() - self.wake.len();
        self.wake.reserve(room);
        row
    }

    /// One transition. See the module for what it costs.
    fn apply(&mut self, ears: &[Ear], id: Id, state: State, transition: Transition, cause: Cause) -> Option<u64> {
        let cell = &mut self.cells[id as usize];
        if cell.word.abandoned {
            return None;
        }
        self.seq += 1;
        let before = cell.word;
        let word = &mut cell.word;
        (word.state, word.transition, word.cause) = (state, transition, cause);
        word.seq = self.seq;
        // Read here, so that times and numbers have the same order.
        word.at = self.started.elapsed().as_nanos() as u64;
        word.transitions += 1;
        if transition == Transition::Exited {
            word.left |= state.bit();
        }
        let after = *word;
        let (at, incarnation) = (after.at, after.incarnation);
        let event = Event { seq: self.seq, id, incarnation, state, transition, cause, at };
        if self.history.len() >= self.room {
            self.history.pop_front();
        }
        self.history.push_back(event);
        // Taken out for the loop, and put back: a watch never changes who watches.
        let watchers = std::mem::take(&mut cell.watchers);
        for &(row, at) in &watchers {
            self.update(ears, row, at, &before, &after);
        }
        self.cells[id as usize].watchers = watchers;
        Some(self.seq)
    }

    fn update(&mut self, ears: &[Ear], row: u32, at: u32, before: &Word, after: &Word) {
        let watching = &mut self.rows[row as usize];
        let rises = if watching.condition.is_pulse() {
            watching.condition.pulses(after)
                && match watching.mode {
                    Mode::Any => true,
                    Mode::All => {
                        watching.changed[at as usize] = true;
                        let all = watching.changed.iter().all(|changed| *changed);
                        if all {
                            watching.changed.fill(false);
                        }
                        all
                    }
                }
        } else {
            let (was, is) = (watching.condition.holds(before), watching.condition.holds(after));
            watching.met = watching.met + u32::from(is) - u32::from(was);
            let held = watching.enough();
            let rises = held && !watching.held;
            watching.held = held;
            rises
        };
        if rises {
            self.fire(ears, row);
        } else if watching.owner.is_none() && after.state == State::Exit {
            // It may be able to hold no more: whoever waits is to look.
            self.queue(row);
        }
    }

    /// The condition of this watch has come true.
    fn fire(&mut self, ears: &[Ear], row: u32) {
        let watching = &mut self.rows[row as usize];
        watching.fired = true;
        if watching.condition.is_pulse() && matches!(watching.reaction, Reaction::GateInit | Reaction::GateRun) {
            watching.held = true;
        }
        match watching.owner {
            Some(owner) => {
                let gate = matches!(watching.reaction, Reaction::GateInit | Reaction::GateRun);
                ears[owner as usize].signals.fetch_or(watching.reaction.signal(), Ordering::AcqRel);
                if !gate || self.cells[owner as usize].held {
                    self.queue(row);
                }
            }
            None => {
                watching.edges += 1;
                watching.captured_seq = self.seq;
                for (word, &target) in watching.captured.iter_mut().zip(&watching.targets) {
                    *word = self.cells[target as usize].word;
                }
                self.queue(row);
            }
        }
    }

    fn queue(&mut self, row: u32) {
        let watching = &mut self.rows[row as usize];
        if !watching.queued {
            watching.queued = true;
            self.wake.push(row);
        }
    }
}
