//! Families in the stop order: a service that waited for a family stops before all of its members.

use super::{StopOrder, StopState};
use crate::board::Id;
use crate::board::slots::family_of;

/// A family, and what stops before it.
#[derive(Debug, Default)]
pub(super) struct FamilyOrder {
    members: Vec<Id>,
    /// The services that stop before all members, each once.
    before: Vec<Id>,
}

impl StopOrder {
    /// The same order, with families: for each, the services that stop before its members.
    pub(crate) fn with_families(mut self, before: Vec<Vec<Id>>) -> Self {
        self.has_families = true;
        let families = before.into_iter().map(|before| FamilyOrder { members: Vec::new(), before });
        self.lock().families = families.collect();
        self
    }

    /// The services that stop after this one, also as members of families.
    #[cold]
    pub(super) fn after_with_families(&self, id: Id) -> Vec<Id> {
        let state = self.lock();
        let mut after = match self.is_declared(id) {
            true => self.declared_after(id).to_vec(),
            false => state.added_after(id, self.ends.len()).to_vec(),
        };
        after.extend(members_after(&state.families, id));
        after
    }

    /// A service has exited: notes that in the members that had to wait for it, and adds those to
    /// `next` that can stop now.
    #[cold]
    pub(super) fn release_members(
        &self,
        families: &[FamilyOrder],
        id: Id,
        (waiting, next): (&mut [u32], &mut Vec<Id>),
    ) {
        for &member in members_after(families, id) {
            let place = self.place(member);
            waiting[place] -= 1;
            if waiting[place] == 0 {
                next.push(member);
            }
        }
    }

    /// Counts, for each member, the services that stop before it and are not in Exit.
    pub(super) fn wait_for_families(&self, state: &StopState, waiting: &mut [u32]) {
        for family in &state.families {
            let before = family.before.iter().filter(|&&id| state.is_left(self.place(id))).count() as u32;
            family.members.iter().for_each(|&id| waiting[self.place(id)] += before);
        }
    }
}

impl StopState {
    /// A new service stops before these families, and is a member of one.
    pub(super) fn join_families(&mut self, id: Id, after: &[Id], family: Option<usize>) {
        for family in after.iter().filter_map(|&id| family_of(id)) {
            self.families[family].before.push(id);
        }
        if let Some(family) = family {
            self.families[family].members.push(id);
        }
    }

    /// The service is removed. The last that joined are the first to go.
    pub(super) fn leave_families(&mut self, id: Id) {
        for FamilyOrder { members, before } in &mut self.families {
            for list in [members, before] {
                if let Some(at) = list.iter().rposition(|&other| other == id) {
                    list.swap_remove(at);
                }
            }
        }
    }
}

/// The members of the families that this service stops before.
fn members_after(families: &[FamilyOrder], id: Id) -> impl Iterator<Item = &Id> {
    families.iter().filter(move |family| family.before.contains(&id)).flat_map(|family| &family.members)
}

#[cfg(test)]
mod tests {
    use super::super::Presence;
    use super::*;
    use crate::board::slots::{family_id, first_in_slot};

    #[test]
    fn members_stop_after_those_that_wait_for_the_family_and_before_what_they_need() {
        // 0 waits for the family, and its members for 1.
        let order = StopOrder::new(&[vec![], vec![]]).with_families(vec![vec![0]]);
        let [first, second, client] = [first_in_slot(3), first_in_slot(4), first_in_slot(5)];
        assert!(order.add(first, &[1], Some(0)) && order.add(second, &[1], Some(0)));
        assert!(order.add(client, &[family_id(0)], None));
        assert_eq!(*order.after(0), [first, second]);
        assert_eq!(*order.after(client), [first, second]);
        assert_eq!(*order.after(first), [1]);
        assert_eq!(order.begin(), [0, client]);
        assert!(order.exited(0, Presence::Exited).0.is_empty());
        assert_eq!(order.exited(client, Presence::Exited).0, [first, second]);
        assert!(order.exited(second, Presence::Exited).0.is_empty());
        assert_eq!(order.exited(first, Presence::Exited).0, [1]);
    }

    #[test]
    fn member_that_was_removed_is_not_waited_for() {
        let order = StopOrder::new(&[vec![], vec![]]).with_families(vec![vec![0]]);
        let [first, second] = [first_in_slot(3), first_in_slot(4)];
        assert!(order.add(first, &[1], Some(0)) && order.add(second, &[1], Some(0)));
        order.exited(second, Presence::Stopped);
        order.remove(second);
        assert_eq!(order.begin(), [0]);
        assert_eq!(order.exited(0, Presence::Exited).0, [first]);
        assert_eq!(order.exited(first, Presence::Exited).0, [1]);
    }
}
