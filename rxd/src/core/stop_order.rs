//! The order in which services stop.

mod families;

use crate::board::Id;
use crate::board::slots::{family_of, slot_of};
use crate::sync::{Mutex, MutexGuard};
use families::FamilyOrder;
use std::borrow::Cow;
use tokio::time::Instant;

/// The order of a shutdown: a service that gates on another's Run stops before that one does.
///
/// Each service knows which others it releases. Nothing is sorted, and services that do not depend
/// on each other stop at the same time.
///
/// Services may be added until the shutdown begins: [`add`](StopOrder::add) and
/// [`begin`](StopOrder::begin) take one lock, so that the shutdown stops all that were added.
#[derive(Debug)]
pub(crate) struct StopOrder {
    /// The services that stop after service 0, then those that stop after service 1, and so on.
    after: Box<[Id]>,
    /// For each service, the end of its own part of `after`.
    ends: Box<[u32]>,
    has_families: bool,
    state: Mutex<StopState>,
}

#[derive(Debug)]
struct StopState {
    /// By slots: those of the services that the daemon starts with come first.
    presence: Vec<Presence>,
    /// The added services, in the slots behind those.
    added: Vec<AddedOrder>,
    families: Vec<FamilyOrder>,
    /// How many slots have each presence.
    counts: [usize; Presence::NotStarted as usize + 1],
    /// For each service, how many services that stop before it are not in Exit; none before the
    /// shutdown begins.
    waiting: Option<Vec<u32>>,
    /// When the shutdown began.
    begun: Option<Instant>,
}

/// The order of a service that was added.
#[derive(Debug)]
struct AddedOrder {
    id: Id,
    /// The services that stop after it.
    after: Box<[Id]>,
    /// It is to be removed, and does not start again.
    is_removed: bool,
}

/// Whether a service is in Exit, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Presence {
    /// No service is in the slot.
    Absent,
    NotInExit,
    Exited,
    /// In Exit because an operator stopped it.
    Stopped,
    /// In Exit because it was never started: it does not start by itself.
    NotStarted,
}

impl StopOrder {
    /// `after[a]` are the services that stop after `a`. Free of cycles.
    pub(crate) fn new(after: &[Vec<usize>]) -> Self {
        let presence = vec![Presence::NotInExit; after.len()];
        let mut counts = [0; Presence::NotStarted as usize + 1];
        counts[Presence::NotInExit as usize] = after.len();
        let (mut all, mut ends) = (Vec::new(), Vec::with_capacity(after.len()));
        for after in after {
            after.iter().for_each(|&id| all.push(id as Id));
            ends.push(all.len() as u32);
        }
        StopOrder {
            after: all.into(),
            ends: ends.into(),
            has_families: false,
            state: Mutex::new(StopState {
                presence,
                added: Vec::new(),
                families: Vec::new(),
                counts,
                waiting: None,
                begun: None,
            }),
        }
    }

    /// The services that stop after this one.
    pub(crate) fn after(&self, id: Id) -> Cow<'_, [Id]> {
        match self.is_declared(id) {
            _ if self.has_families => Cow::Owned(self.after_with_families(id)),
            true => Cow::Borrowed(self.declared_after(id)),
            false => Cow::Owned(self.lock().added_after(id, self.ends.len()).to_vec()),
        }
    }

    fn is_declared(&self, id: Id) -> bool {
        (id as usize) < self.ends.len()
    }

    /// The place of a service in the lists of the state.
    fn place(&self, id: Id) -> usize {
        if self.is_declared(id) { id as usize } else { slot_of(id) }
    }

    fn declared_after(&self, id: Id) -> &[Id] {
        let id = id as usize;
        let begin = id.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.after[begin as usize..self.ends[id] as usize]
    }

    fn lock(&self) -> MutexGuard<'_, StopState> {
        self.state.lock()
    }

    /// The number of services that are not in Exit. A service that an operator starts again counts
    /// from then on.
    pub(crate) fn left(&self) -> usize {
        self.lock().left()
    }

    /// Whether the daemon ends by itself: every service is in Exit, and an operator stopped none of
    /// them. One that was never started is not waited for, unless that is all of them. If so, no service
    /// can be started again from here on.
    pub(crate) fn is_over(&self) -> bool {
        let mut state = self.lock();
        if state.is_over() {
            let places = state.presence.len();
            state.waiting.get_or_insert_with(|| vec![0; places]);
        }
        state.is_over()
    }

    /// Whether the daemon stops, or ends by itself.
    #[cfg(feature = "admin")]
    pub(crate) fn is_ending(&self) -> bool {
        let state = self.lock();
        state.waiting.is_some() || state.is_over()
    }

    /// When the shutdown began, if it has.
    pub(crate) fn begun(&self) -> Option<Instant> {
        self.lock().begun
    }

    /// The services that the shutdown waits for: asked to stop, and not in Exit.
    pub(crate) fn stopping(&self) -> Vec<Id> {
        let state = self.lock();
        let Some(waiting) = &state.waiting else { return Vec::new() };
        state.ids(self.ends.len(), |place| waiting[place] == 0 && state.is_left(place))
    }

    /// Begins the shutdown. Returns the services that can stop at once.
    pub(crate) fn begin(&self) -> Vec<Id> {
        let mut state = self.lock();
        let mut waiting = vec![0; state.presence.len()];
        for service in (0..self.ends.len()).filter(|&service| state.is_left(service)) {
            self.declared_after(service as Id).iter().for_each(|&next| waiting[next as usize] += 1);
        }
        for service in state.added.iter().filter(|added| added.id != NO_SERVICE) {
            if state.is_left(slot_of(service.id)) {
                service.after.iter().for_each(|&next| waiting[self.place(next)] += 1);
            }
        }
        self.wait_for_families(&state, &mut waiting);
        let first = state.ids(self.ends.len(), |place| waiting[place] == 0 && !state.is_absent(place));
        state.waiting = Some(waiting);
        state.begun = Some(Instant::now());
        first
    }

    /// Notes that a service is in Exit, and why. Returns the services that can stop now, and the number
    /// of services that are not in Exit.
    pub(crate) fn exited(&self, id: Id, why: Presence) -> (Vec<Id>, usize) {
        let mut state = self.lock();
        let state = &mut *state;
        let place = self.place(id);
        if !state.is_left(place) {
            return (Vec::new(), state.left());
        }
        state.set(place, why);
        let left = state.left();
        let Some(waiting) = &mut state.waiting else { return (Vec::new(), left) };
        let after = match self.is_declared(id) {
            true => self.declared_after(id),
            false => added_after(&state.added, id, self.ends.len()),
        };
        let mut next = Vec::new();
        for &other in after {
            let place = self.place(other);
            waiting[place] -= 1;
            if waiting[place] == 0 {
                next.push(other);
            }
        }
        if self.has_families {
            self.release_members(&state.families, id, (waiting, &mut next));
        }
        (next, left)
    }

    /// Notes that a service leaves Exit. Returns false once the shutdown has begun.
    pub(crate) fn revive(&self, id: Id) -> bool {
        let mut state = self.lock();
        let added = slot_of(id).checked_sub(self.ends.len()).and_then(|nth| state.added.get(nth));
        let is_removed = !self.is_declared(id) && added.is_some_and(|added| added.id == id && added.is_removed);
        if state.waiting.is_some() || is_removed {
            return false;
        }
        let place = self.place(id);
        state.set(place, Presence::NotInExit);
        true
    }

    // ---- services that come and go ---------------------------------------------------------------

    /// Adds a service that stops before these, services and families, as a member of this family.
    /// Returns false once the shutdown has begun.
    pub(crate) fn add(&self, id: Id, after: &[Id], family: Option<usize>) -> bool {
        let (families, after): (Vec<Id>, Vec<Id>) = after.iter().partition(|&&id| family_of(id).is_some());
        let after = after.into();
        let mut state = self.lock();
        if state.waiting.is_some() {
            return false;
        }
        state.join_families(id, &families, family);
        let place = slot_of(id);
        if state.presence.len() <= place {
            let more = place + 1 - state.presence.len();
            state.counts[Presence::Absent as usize] += more;
            state.presence.resize(place + 1, Presence::Absent);
        }
        let nth = place - self.ends.len();
        if state.added.len() <= nth {
            state.added.resize_with(nth + 1, AddedOrder::none);
        }
        state.set(place, Presence::NotInExit);
        let before = std::mem::replace(&mut state.added[nth], AddedOrder { id, after, is_removed: false });
        drop(state);
        drop(before);
        true
    }

    /// From here on this service does not start again.
    pub(crate) fn begin_removal(&self, id: Id) {
        let nth = slot_of(id) - self.ends.len();
        if let Some(added) = self.lock().added.get_mut(nth).filter(|added| added.id == id) {
            added.is_removed = true;
        }
    }

    /// Removes a service, which is in Exit. Returns whether the daemon ends by itself now.
    pub(crate) fn remove(&self, id: Id) -> bool {
        let mut state = self.lock();
        let nth = slot_of(id) - self.ends.len();
        if state.added.get(nth).is_none_or(|added| added.id != id) {
            return false;
        }
        state.set(slot_of(id), Presence::Absent);
        let removed = std::mem::replace(&mut state.added[nth], AddedOrder::none());
        state.leave_families(id);
        let is_over = state.is_over();
        drop(state);
        drop(removed);
        is_over
    }
}

/// No service has this number.
const NO_SERVICE: Id = Id::MAX;

impl AddedOrder {
    fn none() -> Self {
        AddedOrder { id: NO_SERVICE, after: Box::default(), is_removed: false }
    }
}

/// The services that stop after an added one.
fn added_after(added: &[AddedOrder], id: Id, declared: usize) -> &[Id] {
    let added = added.get(slot_of(id) - declared).filter(|added| added.id == id);
    added.map_or(&[], |added| &added.after)
}

impl StopState {
    /// Changes the presence of the service in a slot.
    fn set(&mut self, place: usize, presence: Presence) {
        let before = std::mem::replace(&mut self.presence[place], presence);
        self.counts[before as usize] -= 1;
        self.counts[presence as usize] += 1;
    }

    fn count(&self, presence: Presence) -> usize {
        self.counts[presence as usize]
    }

    fn left(&self) -> usize {
        self.count(Presence::NotInExit)
    }

    fn is_over(&self) -> bool {
        let has_run = self.count(Presence::Exited) > 0 || self.count(Presence::NotStarted) == 0;
        self.left() == 0 && self.count(Presence::Stopped) == 0 && has_run
    }

    fn is_left(&self, place: usize) -> bool {
        self.presence[place] == Presence::NotInExit
    }

    fn is_absent(&self, place: usize) -> bool {
        self.presence[place] == Presence::Absent
    }

    fn added_after(&self, id: Id, declared: usize) -> &[Id] {
        added_after(&self.added, id, declared)
    }

    /// The services at those places that pass a test.
    fn ids(&self, declared: usize, test: impl Fn(usize) -> bool) -> Vec<Id> {
        let mut ids = Vec::new();
        for place in 0..self.presence.len() {
            if test(place) {
                ids.push(if place < declared { place as Id } else { self.added[place - declared].id });
            }
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_order_of_a_chain_releases_one_service_at_a_time() {
        // 0 stops before 1, 1 before 2.
        let stop_order = StopOrder::new(&[vec![1], vec![2], vec![]]);
        assert_eq!(stop_order.begin(), [0]);
        assert_eq!(stop_order.exited(0, Presence::Exited), (vec![1], 2));
        assert_eq!(stop_order.exited(1, Presence::Exited), (vec![2], 1));
        assert_eq!(stop_order.exited(2, Presence::Exited), (vec![], 0));
    }

    #[test]
    fn stop_order_with_a_service_in_exit_does_not_wait_for_it() {
        let stop_order = StopOrder::new(&[vec![1], vec![]]);
        assert_eq!(stop_order.exited(0, Presence::Exited), (vec![], 1));
        assert_eq!(stop_order.begin(), [0, 1]);
    }

    #[test]
    fn s14_stop_order_with_a_stopped_service_is_over_only_after_it_has_exited_by_itself() {
        let stop_order = StopOrder::new(&[vec![], vec![]]);
        stop_order.exited(0, Presence::Stopped);
        stop_order.exited(1, Presence::Exited);
        assert!(!stop_order.is_over() && stop_order.revive(0));
        stop_order.exited(0, Presence::Exited);
        assert!(stop_order.is_over() && !stop_order.revive(0));
    }

    #[cfg(rxd_loom)]
    #[test]
    fn loom_service_added_amid_a_shutdown_is_refused_or_stopped_first() {
        use crate::board::slots::first_in_slot;
        ::loom::model(|| {
            let stop_order = std::sync::Arc::new(StopOrder::new(&[vec![]]));
            let id = first_in_slot(1);
            let adder = ::loom::thread::spawn({
                let stop_order = stop_order.clone();
                move || stop_order.add(id, &[0], None)
            });
            let first = stop_order.begin();
            match adder.join().unwrap() {
                true => {
                    assert_eq!(first, [id], "0 waits for it");
                    assert_eq!(stop_order.exited(id, Presence::Exited), (vec![0], 1));
                }
                false => assert_eq!(first, [0]),
            }
        });
    }

    #[test]
    fn stop_order_with_services_that_were_never_started_is_over_once_another_has_exited() {
        let stop_order = StopOrder::new(&[vec![], vec![], vec![]]);
        stop_order.exited(0, Presence::NotStarted);
        stop_order.exited(1, Presence::NotStarted);
        assert!(!stop_order.is_over());
        stop_order.exited(2, Presence::Exited);
        assert!(stop_order.is_over() && !stop_order.revive(0));

        let stop_order = StopOrder::new(&[vec![], vec![]]);
        stop_order.exited(0, Presence::NotStarted);
        stop_order.exited(1, Presence::NotStarted);
        assert!(!stop_order.is_over(), "somebody has to start one");
        assert!(stop_order.revive(0));
        stop_order.exited(0, Presence::Stopped);
        assert!(!stop_order.is_over() && stop_order.revive(0));
        stop_order.exited(0, Presence::Exited);
        assert!(stop_order.is_over());
    }
}
