//! One watch on the board.

use super::state::ServiceEntry;
use super::status::{Condition, Reaction, ServiceStatus};
use super::{Id, WatcherSpec};
use crate::graph::Mode;
use std::task::Waker;
use std::time::Duration;

/// One watch: how many of its targets satisfy it, and whether that came true.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) mode: Mode,
    pub(super) condition: Condition,
    pub(super) kind: WatcherKind,
    pub(super) targets: Box<[WatchedService]>,
    /// How many targets satisfy it; of an edge `all` waits for, how many have changed.
    met: u32,
    /// Whether that is enough. A gate on an edge is held open by it until it is passed.
    pub(super) held: bool,
    /// It came true, and its owner has not taken that.
    pub(super) fired: bool,
    /// The side of [`WatchedService::mark`] that stands for "has changed". See [`Watcher::mark`].
    phase: bool,
    /// It is in the queue of those to wake.
    pub(super) queued: bool,
    /// It can come true no more.
    pub(super) over: bool,
    /// How many targets will satisfy it for ever, and how many never again.
    settled: [u32; 2],
}

/// One target of a watch.
#[derive(Clone, Copy, Debug)]
pub(super) struct WatchedService {
    pub(super) id: Id,
    /// Where the watch is in the list of those on this service.
    pub(super) place: u32,
    mark: bool,
}

/// Whose watch it is.
#[derive(Debug)]
pub(super) enum WatcherKind {
    /// Declared by a service.
    WatcherSpec { owner: Id, reaction: Reaction, within: Option<Duration> },
    /// Held by somebody who polls it.
    Polled { edges: RisingEdges, waker: Option<Waker> },
    /// A stream of all transitions of its targets: how many there were since it was last read.
    Stream { unread: u64, waker: Option<Waker> },
    /// Nobody's: the place is free, or will be when it has left the queue.
    Vacant,
}

/// The rising edges of a watch that were not taken.
#[derive(Debug)]
pub(super) struct RisingEdges {
    pub(super) count: u64,
    /// The number of the last one.
    pub(super) seq: u64,
    /// Each target as it was at the last rising edge, if it has made a transition since. See [`Watcher::save`].
    saved: Box<[SavedStatus]>,
}

#[derive(Clone, Copy, Debug)]
struct SavedStatus {
    /// The rising edge it is about.
    edge: u64,
    status: ServiceStatus,
}

/// What a step of one target did to a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StepEffect {
    Nothing,
    /// It came true.
    Rises,
    /// It can come true no more.
    Ends,
}

impl Watcher {
    pub(super) fn vacant() -> Watcher {
        Watcher {
            mode: Mode::Any,
            condition: Condition::Completed,
            kind: WatcherKind::Vacant,
            targets: Box::default(),
            met: 0,
            held: false,
            fired: false,
            phase: true,
            queued: false,
            over: false,
            settled: [0; 2],
        }
    }

    pub(super) fn declared(owner: Id, declared: WatcherSpec) -> Watcher {
        let WatcherSpec { mode, condition, targets, reaction, within } = declared;
        Watcher { kind: WatcherKind::WatcherSpec { owner, reaction, within }, ..Watcher::on(mode, condition, &targets) }
    }

    pub(super) fn polled(mode: Mode, condition: Condition, targets: &[Id]) -> Watcher {
        let none = SavedStatus { edge: u64::MAX, status: ServiceStatus::default() };
        let edges = RisingEdges { count: 0, seq: 0, saved: vec![none; targets.len()].into() };
        Watcher { kind: WatcherKind::Polled { edges, waker: None }, ..Watcher::on(mode, condition, targets) }
    }

    pub(super) fn feed(targets: &[Id]) -> Watcher {
        Watcher {
            kind: WatcherKind::Stream { unread: 0, waker: None },
            ..Watcher::on(Mode::Any, Condition::Completed, targets)
        }
    }

    fn on(mode: Mode, condition: Condition, targets: &[Id]) -> Watcher {
        let targets = targets.iter().map(|&id| WatchedService { id, place: 0, mark: false }).collect();
        Watcher { mode, condition, targets, ..Watcher::vacant() }
    }

    /// Whether it is declared, with this reaction.
    pub(super) fn reacts_by(&self, reaction: Reaction) -> bool {
        matches!(self.kind, WatcherKind::WatcherSpec { reaction: own, .. } if own == reaction)
    }

    /// The watch as it was declared.
    pub(super) fn to_spec(&self) -> Option<WatcherSpec> {
        let WatcherKind::WatcherSpec { reaction, within, .. } = self.kind else { return None };
        let targets = self.targets.iter().map(|target| target.id).collect();
        Some(WatcherSpec { mode: self.mode, condition: self.condition, targets, reaction, within })
    }

    pub(super) fn waker(&mut self) -> Option<&mut Option<Waker>> {
        match &mut self.kind {
            WatcherKind::Polled { waker, .. } | WatcherKind::Stream { waker, .. } => Some(waker),
            WatcherKind::WatcherSpec { .. } | WatcherKind::Vacant => None,
        }
    }

    /// Counts where the targets are now; whether that is enough.
    pub(super) fn begin(&mut self, entries: &[ServiceEntry]) -> bool {
        for target in &self.targets {
            let status = &entries[target.id as usize].status;
            let holds = self.condition.holds(status);
            self.met += u32::from(holds);
            self.settled[usize::from(!holds)] += u32::from(self.condition.is_settled(status));
        }
        self.held = !self.condition.is_pulse() && self.enough();
        self.over = self.is_over() && matches!(self.kind, WatcherKind::Polled { .. });
        self.held
    }

    fn enough(&self) -> bool {
        match self.mode {
            Mode::Any => self.met > 0,
            Mode::All => self.met as usize == self.targets.len(),
        }
    }

    /// Whether there can be no rising edge any more: it will never hold, or always.
    ///
    /// With `all` on an edge a settled target that has changed since the last one does no harm
    /// yet; [`step`](Watcher::step) looks at that.
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

    /// Its target number `at` has gone from `before` to `after`.
    pub(super) fn step(&mut self, at: usize, before: &ServiceStatus, after: &ServiceStatus) -> StepEffect {
        let rises = if !self.condition.is_pulse() {
            let (was, is) = (self.condition.holds(before), self.condition.holds(after));
            self.met = self.met + u32::from(is) - u32::from(was);
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
        // Where nothing is settled before or after, who is settled has not changed.
        let settles = self.condition.may_be_settled(before) || self.condition.may_be_settled(after);
        let ends = settles && self.settle(at, before, after) || rises && self.condition.is_pulse() && self.is_over();
        if self.over {
            return StepEffect::Nothing;
        }
        // A declared watch goes on: an operator may start its targets again.
        self.over = ends && matches!(self.kind, WatcherKind::Polled { .. });
        match (rises, self.over) {
            (true, _) => StepEffect::Rises,
            (false, true) => StepEffect::Ends,
            (false, false) => StepEffect::Nothing,
        }
    }

    /// Notes that a target of `all` has changed; whether each has since that was last so.
    ///
    /// When it is, every mark is on the same side, and to turn the sides round is to clear them all.
    fn mark(&mut self, at: usize) -> bool {
        let mark = &mut self.targets[at].mark;
        self.met += u32::from(*mark != self.phase);
        *mark = self.phase;
        let all = self.enough();
        if all {
            self.met = 0;
            self.phase = !self.phase;
        }
        all
    }

    /// Counts a target that settles or, started by an operator, does so no longer; whether that is the end.
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

    /// Keeps what a target was at the last rising edge, before it makes its first transition since.
    ///
    /// So a rising edge costs nothing for each target, and a transition the same for any number of them.
    pub(super) fn save(&mut self, at: usize, before: &ServiceStatus) {
        if let WatcherKind::Polled { edges, .. } = &mut self.kind {
            if edges.count > 0 && edges.saved[at].edge != edges.seq {
                edges.saved[at] = SavedStatus { edge: edges.seq, status: *before };
            }
        }
    }
}

impl RisingEdges {
    /// What a target was at the last rising edge.
    pub(super) fn status<'a>(&'a self, at: usize, now: &'a ServiceStatus) -> &'a ServiceStatus {
        let saved = &self.saved[at];
        if saved.edge == self.seq { &saved.status } else { now }
    }
}
