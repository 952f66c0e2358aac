//! One watcher on the board: a declared watch, a polled one, or a stream.

use super::lasting::LastingWatch;
use super::status::{Condition, Reaction, ServiceStatus};
use super::{Id, WatcherSpec};
use crate::graph::Mode;
use std::task::Waker;
use std::time::Duration;

/// No service: the condition has held since the watcher was made.
pub(super) const NOBODY: Id = Id::MAX;

/// The place of a target that was removed.
pub(super) const DETACHED: u32 = u32::MAX;

/// One watcher: how many of its targets satisfy its condition, and whether that came true.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) mode: Mode,
    pub(super) condition: Condition,
    pub(super) kind: WatcherKind,
    /// The services that it is on: those that it names, and then the members of its families.
    pub(super) targets: Vec<WatchedService>,
    /// How many of them it names.
    pub(super) direct: u32,
    /// How many targets satisfy the condition; for `all` on an edge, how many have changed.
    satisfied: u32,
    /// Whether that is enough. It keeps a gate on an edge open until the service has passed it.
    pub(super) held: bool,
    /// The condition came true, and the owner has not taken that.
    pub(super) fired: bool,
    /// The value of [`WatchedService::mark`] that means "has changed". See [`Watcher::mark`].
    phase: bool,
    /// It is in the queue `wake`.
    pub(super) queued: bool,
    /// The condition can never come true again.
    pub(super) over: bool,
    /// How many targets satisfy the condition for good, and how many never will again.
    settled: [u32; 2],
}

/// One target of a watcher.
#[derive(Clone, Copy, Debug)]
pub(super) struct WatchedService {
    pub(super) id: Id,
    /// The index of the watcher in the list of those on this service.
    pub(super) place: u32,
    pub(super) mark: bool,
}

impl WatchedService {
    pub(super) fn new(id: Id) -> Self {
        WatchedService { id, place: 0, mark: false }
    }
}

/// What kind of watcher it is.
#[derive(Debug)]
pub(super) enum WatcherKind {
    /// Declared by a service. `by` is the target whose transition made it fire last, or [`NOBODY`].
    Declared { owner: Id, by: Id, reaction: Reaction, within: Option<Duration> },
    /// Polled by the task that holds it.
    Polled { edges: RisingEdges, waker: Option<Waker> },
    /// A stream of all transitions of its targets; `unread` counts those since it was last read.
    Stream { unread: u64, waker: Option<Waker> },
    /// Declared by a service, with a time for which the condition has to hold; or none: the place is
    /// free, or will be once it is dequeued.
    //
    // One variant for both: with a further one, the transitions of every watch would cost more.
    Rare(Option<Box<LastingWatch>>),
}

/// The rising edges of a watch that its owner has not taken.
#[derive(Debug)]
pub(super) struct RisingEdges {
    pub(super) count: u64,
    /// The number of the last one.
    pub(super) seq: u64,
    /// The status of each target at the last rising edge, if the target has made a transition
    /// since. See [`Watcher::save`].
    saved: Box<[SavedStatus]>,
}

#[derive(Clone, Copy, Debug)]
struct SavedStatus {
    /// The sequence number of that rising edge.
    edge: u64,
    status: ServiceStatus,
}

/// What one transition of a target did to a watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StepEffect {
    Nothing,
    /// The condition came true.
    Rises,
    /// The condition can never come true again.
    Ends,
}

impl Watcher {
    pub(super) fn vacant() -> Watcher {
        Watcher {
            mode: Mode::Any,
            condition: Condition::Completed,
            kind: WatcherKind::Rare(None),
            targets: Vec::new(),
            direct: 0,
            satisfied: 0,
            held: false,
            fired: false,
            phase: true,
            queued: false,
            over: false,
            settled: [0; 2],
        }
    }

    pub(super) fn declared(owner: Id, declared: WatcherSpec) -> Watcher {
        let WatcherSpec { mode, condition, targets, reaction, within, lasts, .. } = declared;
        let kind = match lasts {
            None => WatcherKind::Declared { owner, by: NOBODY, reaction, within },
            Some(lasts) => WatcherKind::Rare(Some(Box::new(LastingWatch::new(owner, NOBODY, reaction, within, lasts)))),
        };
        Watcher { kind, ..Watcher::on(mode, condition, &targets) }
    }

    pub(super) fn polled(mode: Mode, condition: Condition, targets: &[Id]) -> Watcher {
        let none = SavedStatus { edge: u64::MAX, status: ServiceStatus::default() };
        let edges = RisingEdges { count: 0, seq: 0, saved: vec![none; targets.len()].into() };
        Watcher { kind: WatcherKind::Polled { edges, waker: None }, ..Watcher::on(mode, condition, targets) }
    }

    pub(super) fn stream(targets: &[Id]) -> Watcher {
        Watcher {
            kind: WatcherKind::Stream { unread: 0, waker: None },
            ..Watcher::on(Mode::Any, Condition::Completed, targets)
        }
    }

    fn on(mode: Mode, condition: Condition, targets: &[Id]) -> Watcher {
        let mut watched = Vec::with_capacity(targets.len());
        targets.iter().for_each(|&id| watched.push(WatchedService::new(id)));
        Watcher { mode, condition, direct: watched.len() as u32, targets: watched, ..Watcher::vacant() }
    }

    /// A free place in the block of an added service. What is still in the queue for it is ignored.
    pub(super) fn vacant_in_block() -> Watcher {
        Watcher { kind: WatcherKind::Stream { unread: 0, waker: None }, ..Watcher::vacant() }
    }

    /// The service of target number `at` is removed, and had this status last.
    pub(super) fn detach(&mut self, at: usize, last: &ServiceStatus) {
        self.targets[at].place = DETACHED;
        if let WatcherKind::Polled { edges, .. } = &mut self.kind {
            // The status at a rising edge that the owner has not taken stays.
            if edges.count == 0 || edges.saved[at].edge != edges.seq {
                edges.saved[at].status = *last;
            }
        }
    }

    /// The owner of a declared watch, and its reaction.
    pub(super) fn reaction(&self) -> Option<(Id, Reaction)> {
        match &self.kind {
            WatcherKind::Declared { owner, reaction, .. } => Some((*owner, *reaction)),
            WatcherKind::Rare(lasting) => lasting.as_ref().map(|lasting| (lasting.owner, lasting.reaction)),
            WatcherKind::Polled { .. } | WatcherKind::Stream { .. } => None,
        }
    }

    /// Whether it is a declared watch with this reaction.
    pub(super) fn has_reaction(&self, reaction: Reaction) -> bool {
        self.reaction().is_some_and(|(_, own)| own == reaction)
    }

    /// Whether it is a declared watch that raises this signal.
    pub(super) fn raises(&self, signal: u32) -> bool {
        self.reaction().is_some_and(|(_, own)| own.signal() == signal)
    }

    /// Whether the condition holds, and has for as long as it has to.
    pub(super) fn acts(&self) -> bool {
        self.held && !matches!(&self.kind, WatcherKind::Rare(Some(lasting)) if !lasting.acted)
    }

    /// The declaration it was made from, without its families: [`BoardState::spec_of`] adds them.
    ///
    /// [`BoardState::spec_of`]: super::state::BoardState::spec_of
    pub(super) fn to_spec(&self) -> Option<WatcherSpec> {
        let (reaction, within, lasts, since) = match &self.kind {
            WatcherKind::Declared { reaction, within, .. } => (*reaction, *within, None, None),
            WatcherKind::Rare(Some(lasting)) => {
                let since = (self.held && !lasting.acted).then_some(lasting.since);
                (lasting.reaction, lasting.within, Some(Duration::from_nanos(lasting.lasts)), since)
            }
            WatcherKind::Polled { .. } | WatcherKind::Stream { .. } | WatcherKind::Rare(None) => return None,
        };
        let direct = &self.targets[..self.direct as usize];
        let mut targets = Vec::with_capacity(direct.len());
        direct.iter().for_each(|target| targets.push(target.id));
        let (mode, condition, targets) = (self.mode, self.condition, targets.into());
        Some(WatcherSpec { mode, condition, targets, reaction, within, lasts, since })
    }

    pub(super) fn waker(&mut self) -> Option<&mut Option<Waker>> {
        match &mut self.kind {
            WatcherKind::Polled { waker, .. } | WatcherKind::Stream { waker, .. } => Some(waker),
            WatcherKind::Declared { .. } | WatcherKind::Rare(_) => None,
        }
    }

    /// Counts the targets that satisfy the condition now. Returns whether they are enough.
    pub(super) fn begin(&mut self, status_of: impl Fn(Id) -> ServiceStatus) -> bool {
        for target in &self.targets {
            let status = &status_of(target.id);
            let holds = self.condition.holds(status);
            self.satisfied += u32::from(holds);
            self.settled[usize::from(!holds)] += u32::from(self.condition.is_settled(status));
        }
        self.held = !self.condition.is_pulse() && self.enough();
        self.over = self.is_over() && matches!(self.kind, WatcherKind::Polled { .. });
        self.held
    }

    /// Adds a target, as if it had always been one and in this state. Returns whether the condition
    /// comes true by that.
    pub(super) fn add_target(&mut self, target: WatchedService, status: &ServiceStatus) -> bool {
        let holds = self.condition.holds(status);
        self.targets.push(WatchedService { mark: !self.phase, ..target });
        self.satisfied += u32::from(holds);
        self.settled[usize::from(!holds)] += u32::from(self.condition.is_settled(status));
        self.recount()
    }

    /// Removes a target, as if it had never been one; the last target takes its place. Returns
    /// whether the condition comes true by that.
    pub(super) fn remove_target(&mut self, at: usize, status: &ServiceStatus) -> bool {
        let target = self.targets.swap_remove(at);
        let holds = self.condition.holds(status);
        let has_changed = self.condition.is_pulse() && self.mode == Mode::All && target.mark == self.phase;
        self.satisfied -= u32::from(holds || has_changed);
        self.settled[usize::from(!holds)] -= u32::from(self.condition.is_settled(status));
        self.recount()
    }

    /// Whether the condition, if it is on a level, has come true by a new number of targets.
    fn recount(&mut self) -> bool {
        if self.condition.is_pulse() {
            return false;
        }
        let held = self.enough();
        let was_held = std::mem::replace(&mut self.held, held);
        held && !was_held
    }

    fn enough(&self) -> bool {
        match self.mode {
            Mode::Any => self.satisfied > 0,
            Mode::All => self.satisfied as usize == self.targets.len(),
        }
    }

    /// Whether there can be no further rising edge, since the condition will never hold, or always.
    ///
    /// With `all` on an edge, a settled target that has changed since the last edge still counts
    /// for the next one; [`step`](Watcher::step) looks at that.
    fn is_over(&self) -> bool {
        let [for_ever, never] = self.settled;
        let all_settled = (for_ever + never) as usize == self.targets.len();
        match (self.mode, self.condition.is_pulse()) {
            (Mode::Any, false) => for_ever > 0 || all_settled,
            (Mode::All, false) => never > 0 || all_settled,
            (Mode::Any, true) => all_settled,
            (Mode::All, true) => never > 0,
        }
    }

    /// Updates the watcher: target number `at` has gone from `before` to `after`.
    pub(super) fn step(&mut self, at: usize, before: &ServiceStatus, after: &ServiceStatus) -> StepEffect {
        let rises = if !self.condition.is_pulse() {
            let (was, is) = (self.condition.holds(before), self.condition.holds(after));
            self.satisfied = self.satisfied + u32::from(is) - u32::from(was);
            let held = self.enough();
            let was_held = std::mem::replace(&mut self.held, held);
            held && !was_held
        } else if !self.condition.pulses(before, after) {
            false
        } else {
            match self.mode {
                Mode::Any => true,
                Mode::All => self.mark(at),
            }
        };
        // Fast path: if the target is settled neither before nor after, the counts stay as they
        // are.
        let settles = self.condition.may_be_settled(before) || self.condition.may_be_settled(after);
        let ends = settles && self.settle(at, before, after) || rises && self.condition.is_pulse() && self.is_over();
        if self.over {
            return StepEffect::Nothing;
        }
        // A declared watch never ends: an operator may start its targets again.
        self.over = ends && matches!(self.kind, WatcherKind::Polled { .. });
        match (rises, self.over) {
            (true, _) => StepEffect::Rises,
            (false, true) => StepEffect::Ends,
            (false, false) => StepEffect::Nothing,
        }
    }

    /// Notes that a target of `all` has changed. Returns whether every target has changed since the
    /// last rising edge.
    ///
    /// Then every mark has the same value, and inverting `phase` clears all of them at once.
    fn mark(&mut self, at: usize) -> bool {
        let mark = &mut self.targets[at].mark;
        self.satisfied += u32::from(*mark != self.phase);
        *mark = self.phase;
        let all = self.enough();
        if all {
            self.satisfied = 0;
            self.phase = !self.phase;
        }
        all
    }

    /// Counts a target that settles, or that no longer is settled because an operator has started
    /// it. Returns whether the condition can never come true again.
    pub(super) fn settle(&mut self, at: usize, before: &ServiceStatus, after: &ServiceStatus) -> bool {
        let (was, is) = (self.condition.is_settled(before), self.condition.is_settled(after));
        if was || is {
            self.settled[usize::from(!self.condition.holds(before))] -= u32::from(was);
            self.settled[usize::from(!self.condition.holds(after))] += u32::from(is);
        }
        if self.condition.is_pulse() && self.mode == Mode::All {
            return is && !was && self.targets[at].mark != self.phase;
        }
        self.is_over()
    }

    /// Saves a target's status of the last rising edge, before its first transition since then.
    ///
    /// So a rising edge costs nothing per target, and a transition costs the same for any number of
    /// targets.
    pub(super) fn save(&mut self, at: usize, before: &ServiceStatus) {
        if let WatcherKind::Polled { edges, .. } = &mut self.kind {
            if edges.count > 0 && edges.saved[at].edge != edges.seq {
                edges.saved[at] = SavedStatus { edge: edges.seq, status: *before };
            }
        }
    }
}

impl RisingEdges {
    /// The last status of a target that was removed.
    pub(super) fn last_status(&self, at: usize) -> &ServiceStatus {
        &self.saved[at].status
    }

    /// The status of a target at the last rising edge.
    pub(super) fn status<'a>(&'a self, at: usize, now: &'a ServiceStatus) -> &'a ServiceStatus {
        let saved = &self.saved[at];
        if saved.edge == self.seq { &saved.status } else { now }
    }
}
