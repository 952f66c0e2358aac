//! The groups of services, on which operators act as one, and the order in which that is done.

use super::Core;
use super::names::Name;
use crate::board::Id;
#[cfg(feature = "admin")]
use crate::board::ServiceStatus;
#[cfg(feature = "admin")]
use crate::lifecycle::state::Cause;
#[cfg(feature = "admin")]
use crate::sync::Mutex;
use std::collections::BTreeMap;
#[cfg(feature = "admin")]
use std::collections::HashMap;

/// The groups of the services that the daemon starts with: of those that are in one, in order.
#[derive(Debug, Default)]
pub(crate) struct DeclaredGroups(Vec<(Id, Name)>);

/// What the services of each group have counted that were removed, while others are in the group: the
/// sums of a group never decrease. An extension of the core, once an added service is in a group.
#[cfg(feature = "admin")]
#[derive(Debug, Default)]
struct RemovedCounts(Mutex<HashMap<Name, RemovedMembers>>);

#[cfg(feature = "admin")]
#[derive(Debug, Default)]
struct RemovedMembers {
    /// How many added services are in the group.
    added: usize,
    counts: ServiceCounts,
}

/// What is counted of a service.
#[cfg(feature = "admin")]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ServiceCounts {
    pub(crate) transitions: u64,
    pub(crate) incarnations: u64,
    pub(crate) restarts: u64,
    /// By the cause.
    pub(crate) failures: [u64; Cause::Abandoned as usize + 1],
}

#[cfg(feature = "admin")]
impl ServiceCounts {
    pub(crate) fn add(&mut self, more: &ServiceCounts) {
        self.transitions += more.transitions;
        self.incarnations += more.incarnations;
        self.restarts += more.restarts;
        self.failures.iter_mut().zip(more.failures).for_each(|(sum, count)| *sum += count);
    }
}

impl DeclaredGroups {
    /// Adds the group of a service; the services in their order.
    pub(crate) fn add(&mut self, id: Id, group: Name) {
        self.0.push((id, group));
    }

    #[cfg(feature = "admin")]
    fn of(&self, id: Id) -> Option<&Name> {
        let at = self.0.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        Some(&self.0[at].1)
    }
}

#[cfg(feature = "admin")]
impl Core {
    /// What is counted of a service now.
    pub(crate) fn counts_of(&self, id: Id, status: &ServiceStatus) -> ServiceCounts {
        ServiceCounts {
            transitions: status.transitions,
            incarnations: status.incarnation.into(),
            restarts: status.restarts.into(),
            failures: self.detail(id, |detail| detail.failures),
        }
    }

    /// What services of this group have counted that were removed.
    pub(crate) fn counts_of_removed(&self, group: &str) -> ServiceCounts {
        let removed = self.extensions.get::<RemovedCounts>();
        removed.and_then(|removed| Some(removed.0.lock().get(group)?.counts)).unwrap_or_default()
    }

    /// Notes that a service was added to its group, if it has one.
    pub(crate) fn joins_group(&self, id: Id) {
        let Some(group) = self.added.group(id) else { return };
        let removed = self.extensions.get::<RemovedCounts>();
        let removed = removed.unwrap_or_else(|| self.extensions.insert(RemovedCounts::default()));
        removed.0.lock().entry(group).or_default().added += 1;
    }

    /// Notes that an added service leaves its group, since it is removed. Nothing is kept about a group
    /// of added services only, once all have left it.
    pub(super) fn leaves_group(&self, id: Id) {
        let (Some(group), Some(removed)) = (self.added.group(id), self.extensions.get::<RemovedCounts>()) else {
            return;
        };
        let counts = self.counts_of(id, &self.board.status(id));
        let mut removed = removed.0.lock();
        let Some(members) = removed.get_mut(&group) else { return };
        members.added -= 1;
        members.counts.add(&counts);
        if members.added == 0 && !self.groups.0.iter().any(|(_, declared)| *declared == group) {
            removed.remove(&group);
        }
    }
}

impl Core {
    pub(crate) fn with_groups(mut self, groups: DeclaredGroups) -> Self {
        self.groups = groups;
        self
    }

    /// The group of a service.
    #[cfg(feature = "admin")]
    pub(crate) fn group_of(&self, id: Id) -> Option<Name> {
        if self.names.has(id) { self.groups.of(id).cloned() } else { self.added.group(id) }
    }

    /// All groups, each with the services in it: those that the daemon was started with first.
    pub(crate) fn groups(&self) -> BTreeMap<Name, Vec<Id>> {
        let mut groups: BTreeMap<Name, Vec<Id>> = BTreeMap::new();
        let added = self.added.groups();
        for (id, group) in self.groups.0.iter().chain(&added) {
            match groups.get_mut(group) {
                Some(members) => members.push(*id),
                None => drop(groups.insert(group.clone(), vec![*id])),
            }
        }
        groups
    }

    /// These services in the order in which they stop: those of the first part before those of the
    /// second, and so on. Those of one part do not depend on each other, also not by other services.
    pub(crate) fn in_stop_order(&self, services: &[Id]) -> Vec<Vec<Id>> {
        // Lists by places: added services are behind the others, in their slots. One that comes or goes
        // meanwhile may be in no list.
        let (all, places) = (self.board.ids(), self.board.slots());
        let (mut before, mut depth) = (vec![0_u32; places], vec![0_u32; places]);
        for &id in &all {
            for &next in &*self.stop_order.after(id) {
                before[self.board.place(next)] += 1;
            }
        }
        let mut next = all;
        next.retain(|&id| before.get(self.board.place(id)) == Some(&0));
        while let Some(id) = next.pop() {
            let own_depth = depth[self.board.place(id)];
            for &after in &*self.stop_order.after(id) {
                let place = self.board.place(after);
                depth[place] = depth[place].max(own_depth + 1);
                before[place] = before[place].saturating_sub(1);
                if before[place] == 0 {
                    next.push(after);
                }
            }
        }
        let mut parts: BTreeMap<u32, Vec<Id>> = BTreeMap::new();
        for &id in services {
            let depth = depth.get(self.board.place(id)).copied().unwrap_or_default();
            parts.entry(depth).or_default().push(id);
        }
        parts.into_values().collect()
    }
}
