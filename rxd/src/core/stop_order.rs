//! Who stops before whom.

use crate::board::Id;
use crate::sync::{Mutex, MutexGuard};

/// The order of shutdown: a service that gates on another's Run stops before it does.
///
/// Each service knows whom it releases; nothing is sorted, and what can stop at the same time does.
#[derive(Debug)]
pub(crate) struct StopOrder {
    /// Those that stop after the first service, after the second, and so on.
    after: Box<[Id]>,
    /// For each service, where its own end.
    ends: Box<[u32]>,
    state: Mutex<StopState>,
}

#[derive(Debug)]
struct StopState {
    gone: Box<[bool]>,
    /// How many are not gone.
    left: usize,
    /// For each service, how many that stop before it are not in Exit; none before the shutdown.
    waiting: Option<Vec<u32>>,
}

impl StopOrder {
    /// `after[a]` are those that stop after `a`. Free of cycles.
    pub(crate) fn new(after: &[Vec<usize>]) -> Self {
        let (gone, left) = (vec![false; after.len()].into(), after.len());
        let mut end = 0;
        let ends = after.iter().map(|after| {
            end += after.len() as u32;
            end
        });
        let ends = ends.collect();
        let after = after.iter().flatten().map(|&id| id as Id).collect();
        StopOrder { after, ends, state: Mutex::new(StopState { gone, left, waiting: None }) }
    }

    /// Those that stop after this one.
    fn after(&self, id: usize) -> &[Id] {
        let begin = id.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.after[begin as usize..self.ends[id] as usize]
    }

    fn lock(&self) -> MutexGuard<'_, StopState> {
        self.state.lock()
    }

    /// How many services are not in Exit; one that was started anew is not from that instant.
    pub(crate) fn left(&self) -> usize {
        self.lock().left
    }

    /// Whether every service is in Exit. If so, none is started anew from here on.
    pub(crate) fn is_over(&self) -> bool {
        let mut state = self.lock();
        if state.left == 0 && state.waiting.is_none() {
            state.waiting = Some(vec![0; self.ends.len()]);
        }
        state.left == 0
    }

    /// The shutdown begins: who can stop at once.
    pub(crate) fn begin(&self) -> Vec<Id> {
        let mut state = self.lock();
        let mut waiting = vec![0; self.ends.len()];
        for service in (0..self.ends.len()).filter(|&service| !state.gone[service]) {
            self.after(service).iter().for_each(|&next| waiting[next as usize] += 1);
        }
        let first = (0..waiting.len()).filter(|&id| waiting[id] == 0).map(|id| id as Id).collect();
        state.waiting = Some(waiting);
        first
    }

    /// A service is in Exit: who can stop now, and how many are not in Exit.
    pub(crate) fn exited(&self, id: Id) -> (Vec<Id>, usize) {
        let mut state = self.lock();
        let state = &mut *state;
        if std::mem::replace(&mut state.gone[id as usize], true) {
            return (Vec::new(), state.left);
        }
        state.left -= 1;
        let Some(waiting) = &mut state.waiting else { return (Vec::new(), state.left) };
        let mut next = Vec::new();
        for &other in self.after(id as usize) {
            waiting[other as usize] -= 1;
            if waiting[other as usize] == 0 {
                next.push(other);
            }
        }
        (next, state.left)
    }

    /// A service has left Exit. False once the shutdown has begun.
    pub(crate) fn revive(&self, id: Id) -> bool {
        let mut state = self.lock();
        if state.waiting.is_some() {
            return false;
        }
        state.left += usize::from(std::mem::take(&mut state.gone[id as usize]));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_chain_waits_for_its_end() {
        // 0 stops before 1, 1 before 2.
        let stop_order = StopOrder::new(&[vec![1], vec![2], vec![]]);
        assert_eq!(stop_order.begin(), [0]);
        assert_eq!(stop_order.exited(0), (vec![1], 2));
        assert_eq!(stop_order.exited(1), (vec![2], 1));
        assert_eq!(stop_order.exited(2), (vec![], 0));
    }

    #[test]
    fn who_has_exited_before_is_not_waited_for() {
        let stop_order = StopOrder::new(&[vec![1], vec![]]);
        assert_eq!(stop_order.exited(0), (vec![], 1));
        assert_eq!(stop_order.begin(), [0, 1]);
    }
}
