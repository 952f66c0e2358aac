//! The order in which services stop.

use crate::board::Id;
use crate::sync::{Mutex, MutexGuard};
use std::collections::BTreeSet;
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
    gone: Box<[bool]>,
    /// How many services are not in Exit.
    left: usize,
    /// The services that an operator stopped, and that are still in Exit.
    stopped: BTreeSet<Id>,
    /// For each service, how many services that stop before it are not in Exit; none before the
    /// shutdown begins.
    waiting: Option<Vec<u32>>,
    /// When the shutdown began.
    begun: Option<Instant>,
}

impl StopOrder {
    /// `after[a]` are the services that stop after `a`. Free of cycles.
    pub(crate) fn new(after: &[Vec<usize>]) -> Self {
        let (gone, left) = (vec![false; after.len()].into(), after.len());
        let mut end = 0;
        let ends = after.iter().map(|after| {
            end += after.len() as u32;
            end
        });
        let ends = ends.collect();
        let after = after.iter().flatten().map(|&id| id as Id).collect();
        StopOrder {
            after,
            ends,
            state: Mutex::new(StopState { gone, left, stopped: BTreeSet::new(), waiting: None, begun: None }),
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
        (0..waiting.len()).filter(|&id| waiting[id] == 0 && !state.gone[id]).map(|id| id as Id).collect()
    }

    /// Begins the shutdown. Returns the services that can stop at once.
    pub(crate) fn begin(&self) -> Vec<Id> {
        let mut state = self.lock();
        let mut waiting = vec![0; self.ends.len()];
        for service in (0..self.ends.len()).filter(|&service| !state.gone[service]) {
            self.after(service as Id).iter().for_each(|&next| waiting[next as usize] += 1);
        }
        let first = (0..waiting.len()).filter(|&id| waiting[id] == 0).map(|id| id as Id).collect();
        state.waiting = Some(waiting);
        state.begun = Some(Instant::now());
        first
    }

    /// Notes that a service is in Exit, and whether an operator stopped it. Returns the services
    /// that can stop now, and the number of services that are not in Exit.
    pub(crate) fn exited(&self, id: Id, is_stopped: bool) -> (Vec<Id>, usize) {
        let mut state = self.lock();
        let state = &mut *state;
        if std::mem::replace(&mut state.gone[id as usize], true) {
            return (Vec::new(), state.left);
        }
        if is_stopped {
            state.stopped.insert(id);
        }
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
        state.left += usize::from(std::mem::take(&mut state.gone[id as usize]));
        state.stopped.remove(&id);
        true
    }
}

impl StopState {
    fn is_over(&self) -> bool {
        self.left == 0 && self.stopped.is_empty()
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
