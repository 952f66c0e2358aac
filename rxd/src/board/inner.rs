//! What is under the lock, and the one thing that happens there often: a transition.

use super::history::History;
use super::status::{Event, Reaction, Word};
use super::watcher::{Effect, Kind, Row};
use super::{Id, Owed, Seq, ServiceSignals, Step, signal};
use crate::lifecycle::state::State;
use std::collections::VecDeque;
use std::task::Waker;

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) seq: Seq,
    /// When the last transition was.
    at: u64,
    /// One cell a service, and one more: the watches in that are on every service.
    pub(super) cells: Box<[Cell]>,
    pub(super) rows: Vec<Row>,
    free: Vec<u32>,
    pub(super) wake: VecDeque<u32>,
    pub(super) history: History,
    pub(super) closed: bool,
    /// How many watches the transitions have looked at: what they cost.
    #[cfg(feature = "test-util")]
    pub(super) looked_at: u64,
}

#[derive(Debug, Default)]
pub(super) struct Cell {
    pub(super) word: Word,
    /// The watches on this service, and which of their targets it is.
    pub(super) watchers: Vec<(u32, u32)>,
    /// The watches declared by this service: `rows[own.0 .. own.1]`.
    pub(super) own: (u32, u32),
    /// Whether its engine is being held back by gates at this moment.
    pub(super) held: bool,
    pub(super) waker: Option<Waker>,
}

impl Cell {
    pub(super) fn own(&self) -> std::ops::Range<usize> {
        self.own.0 as usize..self.own.1 as usize
    }
}

impl Inner {
    pub(super) fn new(services: usize, history: usize) -> Self {
        Inner {
            seq: 0,
            at: 0,
            cells: (0..=services).map(|_| Cell::default()).collect(),
            rows: Vec::new(),
            free: Vec::new(),
            wake: VecDeque::new(),
            history: History::new(history),
            closed: false,
            #[cfg(feature = "test-util")]
            looked_at: 0,
        }
    }

    // ---- coming and going ---------------------------------------------------------------------

    /// Adds a watch. What already holds has just come true.
    pub(super) fn add(&mut self, services: &[ServiceSignals], mut row: Row) -> u32 {
        let fires = match row.kind {
            Kind::Feed { .. } => false,
            _ => row.begin(&self.cells),
        };
        let at = self.free.pop().unwrap_or(self.rows.len() as u32);
        for (nth, target) in row.targets.iter_mut().enumerate() {
            let watchers = &mut self.cells[target.id as usize].watchers;
            target.place = watchers.len() as u32;
            watchers.push((at, nth as u32));
        }
        if at as usize == self.rows.len() {
            self.rows.push(row);
            // Invariant 4: there is room for every watch, so that no transition allocates.
            self.wake.reserve(self.rows.len() - self.wake.len());
            // Nor does giving a place back.
            self.free.reserve(self.rows.len() - self.free.len());
        } else {
            self.rows[at as usize] = row;
        }
        if fires {
            self.fire(services, at);
        }
        at
    }

    /// Takes a watch away: O(its targets). What is returned is to be dropped without the lock, since
    /// to drop a waker may be to run anything.
    pub(super) fn remove(&mut self, at: u32) -> Row {
        let row = std::mem::replace(&mut self.rows[at as usize], Row::vacant());
        for target in &row.targets {
            let watchers = &mut self.cells[target.id as usize].watchers;
            watchers.swap_remove(target.place as usize);
            if let Some(&(moved, nth)) = watchers.get(target.place as usize) {
                self.rows[moved as usize].targets[nth as usize].place = target.place;
            }
        }
        // One that is in the queue still gives its place back when it has left that.
        self.rows[at as usize].queued = row.queued;
        if !row.queued {
            self.free.push(at);
        }
        row
    }

    // ---- a transition ---------------------------------------------------------------------------

    /// One transition; its number, or none if the service was abandoned. See the module for what it costs.
    pub(super) fn apply(&mut self, services: &[ServiceSignals], id: Id, step: Step, now: u64) -> Option<Seq> {
        self.step(services, id, step, now, |_| {})
    }

    /// What is owed; the number of the first transition.
    pub(super) fn apply_all(&mut self, services: &[ServiceSignals], id: Id, owed: &Owed, now: u64) -> Option<Seq> {
        let mut first = None;
        for step in owed.steps() {
            let seq = self.apply(services, id, *step, now);
            first = first.or(seq);
        }
        if owed.comes_round {
            let restarts = &mut self.cells[id as usize].word.restarts;
            *restarts = restarts.wrapping_add(1);
        }
        first
    }

    /// As [`apply`](Inner::apply), where `more` is to be said than the transition does.
    #[inline]
    pub(super) fn step(
        &mut self,
        services: &[ServiceSignals],
        id: Id,
        step: Step,
        now: u64,
        more: impl FnOnce(&mut Word),
    ) -> Option<Seq> {
        let cell = &mut self.cells[id as usize];
        if cell.word.abandoned {
            return None;
        }
        // The clock was read before the lock was taken: times have the order of the numbers.
        self.at = self.at.max(now);
        self.seq += 1;
        let before = (!cell.watchers.is_empty()).then_some(cell.word);
        cell.word.advance(self.seq, self.at, step);
        more(&mut cell.word);
        self.history.push(Event::last(id, &cell.word));
        if let Some(before) = before {
            let after = cell.word;
            self.update(services, id, &before, &after);
        }
        if !self.cells[self.cells.len() - 1].watchers.is_empty() {
            self.update_feeds();
        }
        Some(self.seq)
    }

    fn update(&mut self, services: &[ServiceSignals], id: Id, before: &Word, after: &Word) {
        // Taken out for the loop, and put back: a transition never changes who watches.
        let watchers = std::mem::take(&mut self.cells[id as usize].watchers);
        for &(at, nth) in &watchers {
            self.look_at(1);
            let row = &mut self.rows[at as usize];
            if let Kind::Feed { unread, .. } = &mut row.kind {
                *unread += 1;
                self.queue(at);
                continue;
            }
            row.save(nth as usize, before);
            match row.step(nth as usize, before, after) {
                Effect::Nothing => {}
                Effect::Rises => self.fire(services, at),
                Effect::Ends => self.queue(at),
            }
        }
        self.cells[id as usize].watchers = watchers;
    }

    /// The streams of all services.
    fn update_feeds(&mut self) {
        let every = self.cells.len() - 1;
        for nth in 0..self.cells[every].watchers.len() {
            self.look_at(1);
            let (at, _) = self.cells[every].watchers[nth];
            if let Kind::Feed { unread, .. } = &mut self.rows[at as usize].kind {
                *unread += 1;
            }
            self.queue(at);
        }
    }

    /// Puts a word in place of another without a transition: an operator starts the service again.
    pub(super) fn revive(&mut self, id: Id) {
        let cell = &mut self.cells[id as usize];
        let before = cell.word;
        cell.word.over = false;
        for &(at, nth) in &cell.watchers {
            let row = &mut self.rows[at as usize];
            if !matches!(row.kind, Kind::Feed { .. }) {
                row.settle(nth as usize, &before, &cell.word);
            }
        }
    }

    /// The condition of this watch has come true.
    fn fire(&mut self, services: &[ServiceSignals], at: u32) {
        let row = &mut self.rows[at as usize];
        row.fired = true;
        match &mut row.kind {
            Kind::Declared { owner, reaction, .. } => {
                let (owner, gate) = (*owner as usize, reaction.is_gate());
                row.held |= gate;
                services[owner].set(reaction.signal());
                if !gate || self.cells[owner].held {
                    self.queue(at);
                }
            }
            Kind::Polled { edges, .. } => {
                edges.count += 1;
                edges.seq = self.seq;
                self.queue(at);
            }
            Kind::Feed { .. } | Kind::Vacant => {}
        }
    }

    /// Has somebody woken when the lock is released, if there is somebody.
    fn queue(&mut self, at: u32) {
        let row = &mut self.rows[at as usize];
        let waits = match &row.kind {
            Kind::Declared { owner, .. } => self.cells[*owner as usize].waker.is_some(),
            Kind::Polled { waker, .. } | Kind::Feed { waker, .. } => waker.is_some(),
            Kind::Vacant => false,
        };
        if waits && !row.queued {
            row.queued = true;
            self.wake.push_back(at);
        }
    }

    /// Takes the next out of the queue: its waker, and the service that a reaction is about.
    #[inline(never)]
    pub(super) fn next_to_wake(&mut self) -> Option<(Option<Waker>, Option<Id>)> {
        let at = self.wake.pop_front()?;
        let row = &mut self.rows[at as usize];
        row.queued = false;
        Some(match &mut row.kind {
            Kind::Declared { owner, .. } => (self.cells[*owner as usize].waker.clone(), Some(*owner)),
            Kind::Polled { waker, .. } | Kind::Feed { waker, .. } => (waker.take(), None),
            Kind::Vacant => {
                self.free.push(at);
                (None, None)
            }
        })
    }

    #[inline]
    fn look_at(&mut self, rows: u64) {
        #[cfg(feature = "test-util")]
        {
            self.looked_at += rows;
        }
        let _ = rows;
    }

    // ---- what an engine does with its own service --------------------------------------------------

    /// See [`Board::pass`](super::Board::pass).
    pub(super) fn pass(&mut self, signals: &ServiceSignals, id: Id, to: State) -> bool {
        let gate = match to {
            State::Init => Reaction::GateInit,
            _ => Reaction::GateRun,
        };
        let cell = &mut self.cells[id as usize];
        let own = &mut self.rows[cell.own()];
        let open = own.iter().all(|row| !row.reacts_by(gate) || row.held);
        cell.held = !open;
        signals.clear(signal::GATE);
        if !open || cell.word.abandoned {
            return false;
        }
        let mut stop = false;
        for row in own {
            if row.reacts_by(gate) && row.condition.is_pulse() {
                row.held = false;
            }
            if to == State::Run && row.reacts_by(Reaction::Stop) {
                row.fired &= row.held;
                stop |= row.fired;
            }
        }
        if to == State::Run && !stop {
            signals.clear(signal::STOP);
        }
        true
    }
}
