//! How members join and leave families: see [`family`](super::family).

use super::family::FamilyEntry;
#[cfg(any(test, feature = "test-util"))]
use super::family::MembershipChange;
use super::slots::{Slots, family_id, family_of};
use super::state::BoardState;
use super::watcher::{DETACHED, NOBODY, WatchedService, Watcher, WatcherKind};
use super::{Board, BoardView, Id, ServiceSignals, WatcherSpec};

impl BoardState {
    /// Replaces the families among the targets of a declared watch by their members, which come
    /// after all other targets.
    #[cold]
    pub(super) fn expand_families(&mut self, at: u32, watcher: &mut Watcher) {
        let all = std::mem::take(&mut watcher.targets);
        let (families, direct): (Vec<_>, Vec<_>) = all.into_iter().partition(|target| family_of(target.id).is_some());
        (watcher.direct, watcher.targets) = (direct.len() as u32, direct);
        for family in families.iter().filter_map(|target| family_of(target.id)) {
            let family = &mut self.families[family];
            family.watchers.push(at);
            watcher.targets.extend(family.members.iter().map(|&id| WatchedService::new(id)));
        }
    }

    /// A declared watch is removed.
    pub(super) fn leave_families(&mut self, at: u32) {
        for family in &mut self.families {
            family.watchers.retain(|&other| other != at);
        }
    }

    /// The declaration that a watcher was made from, with its families as they were written.
    pub(super) fn spec_of(&self, at: usize) -> Option<WatcherSpec> {
        let mut spec = self.watchers[at].to_spec()?;
        if !self.families.is_empty() {
            let mut targets = std::mem::take(&mut spec.targets).into_vec();
            for (nth, family) in self.families.iter().enumerate() {
                if family.watchers.contains(&(at as u32)) {
                    targets.push(family_id(nth));
                }
            }
            spec.targets = targets.into();
        }
        Some(spec)
    }

    /// A service that is on the board becomes a member of a family.
    pub(super) fn join(&mut self, services: &Slots<ServiceSignals>, family: usize, id: Id) {
        self.note_membership(family, id, true);
        self.families[family].members.push(id);
        let status = self.entries[id].status;
        for nth in 0..self.families[family].watchers.len() {
            let at = self.families[family].watchers[nth];
            let watcher = &mut self.watchers[at as usize];
            let on_member = &mut self.entries[id].watchers;
            let (place, target) = (on_member.len() as u32, watcher.targets.len() as u32);
            on_member.push((at, target));
            if watcher.add_target(WatchedService { place, ..WatchedService::new(id) }, &status) {
                self.rise_without_transition(services, at);
            }
        }
    }

    /// A member of a family leaves it. Only watches that tasks hold remain on it.
    pub(super) fn leave(&mut self, services: &Slots<ServiceSignals>, family: usize, id: Id) {
        let members = &mut self.families[family].members;
        // It is among the last: the highest leave first.
        let Some(at) = members.iter().rposition(|&other| other == id) else { return };
        members.remove(at);
        self.note_membership(family, id, false);
        let status = self.entries[id].status;
        let mut kept = Vec::new();
        for (at, nth) in std::mem::take(&mut self.entries[id].watchers) {
            let watcher = &mut self.watchers[at as usize];
            if watcher.reaction().is_none() {
                watcher.targets[nth as usize].place = kept.len() as u32;
                kept.push((at, nth));
                continue;
            }
            let rises = watcher.remove_target(nth as usize, &status);
            // The last target is in its place now.
            if let Some(moved) = watcher.targets.get(nth as usize).filter(|moved| moved.place != DETACHED) {
                self.entries[moved.id].watchers[moved.place as usize].1 = nth;
            }
            if rises {
                self.rise_without_transition(services, at);
            }
        }
        self.entries[id].watchers = kept;
    }

    /// The condition of a watch has come true because a member joined or left.
    fn rise_without_transition(&mut self, services: &Slots<ServiceSignals>, at: u32) {
        match &self.watchers[at as usize].kind {
            WatcherKind::Rare(_) => self.begin_to_last(at, NOBODY),
            WatcherKind::Declared { reaction, .. } if reaction.is_gate() => self.fire(services, at, NOBODY),
            _ => {}
        }
    }

    #[inline]
    fn note_membership(&mut self, family: usize, id: Id, joins: bool) {
        let _ = (family, id, joins);
        #[cfg(any(test, feature = "test-util"))]
        if self.history.recorded.len() < MAX_NOTED {
            self.memberships.push(MembershipChange { seq: self.seq, family, id, joins });
        }
    }
}

/// How many transitions of a run may be checked: after them nothing more is noted.
#[cfg(any(test, feature = "test-util"))]
const MAX_NOTED: usize = 100_000;

impl Board {
    /// The same board, on which watches may be on so many families.
    pub(crate) fn with_families(self, families: usize) -> Self {
        self.lock().families.resize_with(families, FamilyEntry::default);
        self
    }

    /// Adds the watches that a service declares, which is on the board without any. Before the engines
    /// are spawned: no task waits for them.
    pub(crate) fn declare(&self, id: Id, watches: Vec<WatcherSpec>) {
        let mut inner = self.lock();
        inner.declare(&self.services, id, watches.into_iter().map(|watch| Watcher::declared(id, watch)).collect());
    }

    /// Takes a member out of its family, before it is asked to stop.
    pub(crate) fn leave(&self, family: usize, id: Id) {
        let now = self.now();
        let mut inner = self.lock();
        // The time of a watch begins now, and not at the last transition.
        inner.at = inner.at.max(now);
        inner.leave(&self.services, family, id);
        self.wake(inner, || {});
    }

    /// The members of a family.
    pub(crate) fn members(&self, family: usize) -> Vec<Id> {
        self.look(|look| look.members(family).to_vec())
    }

    /// Who joined and left families, in order.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn memberships(&self) -> Vec<MembershipChange> {
        self.lock().memberships.clone()
    }
}

impl BoardView<'_> {
    /// The members of a family.
    pub(crate) fn members(&self, family: usize) -> &[Id] {
        &self.0.families[family].members
    }

    /// Whether this is the number of a family without members.
    pub(crate) fn is_empty_family(&self, id: Id) -> bool {
        family_of(id).is_some_and(|family| self.members(family).is_empty())
    }

    /// These services, and the members of these families.
    pub(crate) fn expand(&self, targets: &[Id]) -> Vec<Id> {
        let mut all = Vec::with_capacity(targets.len());
        for &target in targets {
            match family_of(target) {
                Some(family) => all.extend_from_slice(self.members(family)),
                None => all.push(target),
            }
        }
        all
    }
}
