//! The order in which services stop.

use crate::board::{Id, ids_where};
use crate::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

/// The order of a shutdown: a service that gates on another's Run stops before that one does.
///
/// Each service knows which others it releases. Nothing is sorted, and services that do not depend
/// on each other stop at the same time.
#[derive(Debug)]
pub(crate) struct StopOrder {
    /// The services that stop after service 0, then those that stop after service 1, and so on.
    after: Box<[Id]>,
    /// For each service, the end of its own part of `after`.
    ends: Box<[u32]>,
    state: Mutex<StopState>,
}

#[derive(Debug)]
struct StopState {
    presence: Box<[Presence]>,
    /// How many services are not in Exit.
    left: usize,
    /// How many services an operator has stopped that are still in Exit.
    stopped: usize,
    /// For each service, how many services that stop before it are not in Exit; none before the
    /// shutdown begins.
    waiting: Option<Vec<u32>>,
    /// When the shutdown began.
    begun: Option<Instant>,
}

/// Whether a service is in Exit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Presence {
    NotInExit,
    Exited,
    /// In Exit because an operator stopped it.
    Stopped,
}

impl StopOrder {
    /// `after[a]` are the services that stop after `a`. Free of cycles.
    pub(crate) fn new(after: &[Vec<usize>]) -> Self {
        let (presence, left) = (vec![Presence::NotInExit; after.len()].into(), after.len());
        let (mut all, mut ends) = (Vec::new(), Vec::with_capacity(after.len()));
        for after in after {
            after.iter().for_each(|&id| all.push(id as Id));
            ends.push(all.len() as u32);
        }
        StopOrder {
            after: all.into(),
            ends: ends.into(),
            state: Mutex::new(StopState { presence, left, stopped: 0, waiting: None, begun: None }),
        }
    }

    /// The services that stop after this one.
    pub(crate) fn after(&self, id: Id) -> &[Id] {
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
        self.lock().left
    }

    /// Whether the daemon ends by itself: every service is in Exit, and an operator stopped none of
    /// them. If so, no service can be started again from here on.
    pub(crate) fn is_over(&self) -> bool {
        let mut state = self.lock();
        if state.is_over() {
            state.waiting.get_or_insert_with(|| vec![0; self.ends.len()]);
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
        ids_where(waiting.len(), &|id| waiting[id as usize] == 0 && state.is_left(id as usize))
    }

    /// Begins the shutdown. Returns the services that can stop at once.
    pub(crate) fn begin(&self) -> Vec<Id> {
        let mut state = self.lock();
        let mut waiting = vec![0; self.ends.len()];
        for service in (0..self.ends.len()).filter(|&service| state.is_left(service)) {
            self.after(service as Id).iter().for_each(|&next| waiting[next as usize] += 1);
        }
        let first = ids_where(waiting.len(), &|id| waiting[id as usize] == 0);
        state.waiting = Some(waiting);
        state.begun = Some(Instant::now());
        first
    }

    /// Notes that a service is in Exit, and whether an operator stopped it. Returns the services
    /// that can stop now, and the number of services that are not in Exit.
    pub(crate) fn exited(&self, id: Id, is_stopped: bool) -> (Vec<Id>, usize) {
        let mut state = self.lock();
        let state = &mut *state;
        if !state.is_left(id as usize) {
            return (Vec::new(), state.left);
        }
        state.presence[id as usize] = if is_stopped { Presence::Stopped } else { Presence::Exited };
        state.stopped += usize::from(is_stopped);
        state.left -= 1;
        let Some(waiting) = &mut state.waiting else { return (Vec::new(), state.left) };
        let mut next = Vec::new();
        for &other in self.after(id) {
            waiting[other as usize] -= 1;
            if waiting[other as usize] == 0 {
                next.push(other);
            }
        }
        (next, state.left)
    }

    /// Notes that a service leaves Exit. Returns false once the shutdown has begun.
    pub(crate) fn revive(&self, id: Id) -> bool {
        let mut state = self.lock();
        if state.waiting.is_some() {
            return false;
        }
        let before = std::mem::replace(&mut state.presence[id as usize], Presence::NotInExit);
        state.left += usize::from(before != Presence::NotInExit);
        state.stopped -= usize::from(before == Presence::Stopped);
        true
    }
}

impl StopState {
    fn is_over(&self) -> bool {
        self.left == 0 && self.stopped == 0
    }

    fn is_left(&self, service: usize) -> bool {
        self.presence[service] == Presence::NotInExit
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
        assert_eq!(stop_order.exited(0, false), (vec![1], 2));
        assert_eq!(stop_order.exited(1, false), (vec![2], 1));
        assert_eq!(stop_order.exited(2, false), (vec![], 0));
    }

    #[test]
    fn stop_order_with_a_service_in_exit_does_not_wait_for_it() {
        let stop_order = StopOrder::new(&[vec![1], vec![]]);
        assert_eq!(stop_order.exited(0, false), (vec![], 1));
        assert_eq!(stop_order.begin(), [0, 1]);
    }

    #[test]
    fn s14_stop_order_with_a_stopped_service_is_over_only_after_it_has_exited_by_itself() {
        let stop_order = StopOrder::new(&[vec![], vec![]]);
        stop_order.exited(0, true);
        stop_order.exited(1, false);
        assert!(!stop_order.is_over() && stop_order.revive(0));
        stop_order.exited(0, false);
        assert!(stop_order.is_over() && !stop_order.revive(0));
    }
}
