//! Waking who waits, without the lock.

use super::inner::Inner;
use super::{Board, Id};
use crate::sync::MutexGuard;
use std::task::Waker;

/// How many are woken between two locks.
const HANDFUL: usize = 32;

impl Board {
    /// Sets signals of a service and wakes its engine.
    pub(crate) fn raise(&self, id: Id, signals: u32) {
        self.ear(id).set(signals);
        let waker = self.lock().cells[id as usize].waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// As [`raise`](Board::raise), for many: a handful between two locks.
    pub(crate) fn raise_all(&self, ids: &[Id], signals: u32) {
        for ids in ids.chunks(HANDFUL) {
            let mut wakers = [const { None }; HANDFUL];
            ids.iter().for_each(|&id| self.ear(id).set(signals));
            let inner = self.lock();
            for (slot, &id) in wakers.iter_mut().zip(ids) {
                slot.clone_from(&inner.cells[id as usize].waker);
            }
            drop(inner);
            wakers.into_iter().flatten().for_each(Waker::wake);
        }
    }

    /// Wakes whoever is to be woken, after `told`, without the lock.
    ///
    /// Most often that is one, who is taken out of the queue before the lock is released. Should `told`
    /// panic, whoever publishes next wakes the others: the engine's end does.
    #[inline]
    pub(super) fn wake(&self, mut inner: MutexGuard<'_, Inner>, told: impl FnOnce()) {
        // Asked before, since most often nobody waits, and then it is all there is to do.
        let first = (!inner.wake.is_empty()).then(|| Woken(inner.next_to_wake().flatten()));
        let more = !inner.wake.is_empty();
        drop(inner);
        told();
        drop(first);
        if more {
            self.wake_all();
        }
    }

    /// Wakes the others, a handful at a time.
    ///
    /// It takes out of the queue as many as are in it now, so that nobody is kept here by others
    /// who go on putting some there; those take out theirs (invariant 4).
    fn wake_all(&self) {
        let mut inner = self.lock();
        let mut owed = inner.wake.len();
        loop {
            let mut wakers = [const { None }; HANDFUL];
            for slot in wakers.iter_mut().take(owed) {
                *slot = inner.next_to_wake().flatten();
            }
            owed = owed.saturating_sub(HANDFUL);
            drop(inner);
            wakers.into_iter().map(Woken).for_each(drop);
            if owed == 0 {
                return;
            }
            inner = self.lock();
            owed = owed.min(inner.wake.len());
        }
    }
}

/// Woken when it is dropped, whatever comes between.
pub(super) struct Woken(pub(super) Option<Waker>);

impl Drop for Woken {
    fn drop(&mut self) {
        if let Some(waker) = self.0.take() {
            // What a waker of a user's own does is no concern of the service that made a transition.
            let _ = crate::panic::catch(|| waker.wake());
        }
    }
}
