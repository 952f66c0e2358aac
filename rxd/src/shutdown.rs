//! Who stops before whom.

use crate::board::Id;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a daemon may take to stop where nothing else is declared.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// The order of shutdown: a service that gates on another's Run stops before it does.
///
/// Each service knows whom it releases; nothing is sorted, and what can stop at the same time does.
#[derive(Debug)]
pub(crate) struct Ladder {
    /// For each service, those that stop after it.
    after: Box<[Box<[Id]>]>,
    state: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    gone: Box<[bool]>,
    /// How many are not gone.
    left: usize,
    /// For each service, how many that stop before it are not in Exit; none before the shutdown.
    waiting: Option<Vec<u32>>,
}

impl Ladder {
    /// `after[a]` are those that stop after `a`. Free of cycles.
    pub(crate) fn new(after: Vec<Box<[Id]>>) -> Self {
        let (gone, left) = (vec![false; after.len()].into(), after.len());
        Ladder { after: after.into(), state: Mutex::new(Progress { gone, left, waiting: None }) }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many services are not in Exit; one that was started anew is not from that instant.
    pub(crate) fn left(&self) -> usize {
        self.lock().left
    }

    /// Whether every service is in Exit. If so, none is started anew from here on.
    pub(crate) fn is_over(&self) -> bool {
        let mut state = self.lock();
        if state.left == 0 && state.waiting.is_none() {
            state.waiting = Some(vec![0; self.after.len()]);
        }
        state.left == 0
    }

    /// The shutdown begins: who can stop at once.
    pub(crate) fn begin(&self) -> Vec<Id> {
        let mut state = self.lock();
        let mut waiting = vec![0; self.after.len()];
        for (service, after) in self.after.iter().enumerate() {
            if !state.gone[service] {
                after.iter().for_each(|&next| waiting[next as usize] += 1);
            }
        }
        let first = (0..waiting.len()).filter(|&id| waiting[id] == 0).map(|id| id as Id).collect();
        state.waiting = Some(waiting);
        first
    }

    /// A service is in Exit: who can stop now.
    pub(crate) fn exited(&self, id: Id) -> Vec<Id> {
        let mut state = self.lock();
        let state = &mut *state;
        if std::mem::replace(&mut state.gone[id as usize], true) {
            return Vec::new();
        }
        state.left -= 1;
        let Some(waiting) = &mut state.waiting else { return Vec::new() };
        let mut next = Vec::new();
        for &other in &self.after[id as usize] {
            waiting[other as usize] -= 1;
            if waiting[other as usize] == 0 {
                next.push(other);
            }
        }
        next
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
        let ladder = Ladder::new(vec![[1].into(), [2].into(), [].into()]);
        assert_eq!(ladder.begin(), [0]);
        assert_eq!(ladder.exited(0), [1]);
        assert_eq!(ladder.exited(1), [2]);
        assert!(ladder.exited(2).is_empty());
    }

    #[test]
    fn who_has_exited_before_is_not_waited_for() {
        let ladder = Ladder::new(vec![[1].into(), [].into()]);
        assert!(ladder.exited(0).is_empty());
        assert_eq!(ladder.begin(), [0, 1]);
    }
}
