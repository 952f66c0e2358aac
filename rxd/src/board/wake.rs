//! Waking without the lock: engines, watches and streams.

use super::state::BoardState;
use super::{Board, Id, ServiceSignals};
use crate::panic;
use crate::sync::MutexGuard;
use std::task::Waker;

/// How many are woken between two locks.
const WAKE_BATCH: usize = 32;

impl Board {
    /// Raises signals of a service, wakes its engine, and cancels its token if they cancel.
    pub(crate) fn raise(&self, id: Id, signals: u32) {
        let service = self.service(id);
        service.set(signals);
        let waker = self.lock().entries[id as usize].waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
        service.cancel_token();
    }

    /// As [`raise`](Board::raise), for many: a batch between two locks.
    pub(crate) fn raise_all(&self, ids: &[Id], signals: u32) {
        for ids in ids.chunks(WAKE_BATCH) {
            let mut wakers = [const { None }; WAKE_BATCH];
            ids.iter().for_each(|&id| self.service(id).set(signals));
            let inner = self.lock();
            for (slot, &id) in wakers.iter_mut().zip(ids) {
                slot.clone_from(&inner.entries[id as usize].waker);
            }
            drop(inner);
            wakers.into_iter().flatten().for_each(Waker::wake);
            ids.iter().for_each(|&id| self.service(id).cancel_token());
        }
    }

    /// Wakes those in the queue, after `written` and without the lock; whether there were any.
    ///
    /// Most often that is one, and it is taken out of the queue before the lock is released. Should
    /// `written` panic, the next to publish wakes the others: the engine's end does.
    #[inline]
    pub(super) fn wake(&self, mut inner: MutexGuard<'_, BoardState>, written: impl FnOnce()) -> bool {
        // The fast path: usually nobody waits.
        let first = (!inner.wake.is_empty()).then(|| self.next_to_wake(&mut inner));
        let more = !inner.wake.is_empty();
        drop(inner);
        written();
        let woke = first.is_some();
        drop(first);
        if more {
            self.wake_all();
        }
        woke
    }

    /// Wakes the others, a batch at a time.
    ///
    /// It takes out of the queue as many as are in it now, so that threads which go on adding to the
    /// queue do not keep this one here; they take out what they have added (invariant 4).
    fn wake_all(&self) {
        let mut inner = self.lock();
        let mut left = inner.wake.len();
        loop {
            let mut batch = [const { None }; WAKE_BATCH];
            for slot in batch.iter_mut().take(left) {
                *slot = Some(self.next_to_wake(&mut inner));
            }
            left = left.saturating_sub(WAKE_BATCH);
            drop(inner);
            drop(batch);
            if left == 0 {
                return;
            }
            inner = self.lock();
            left = left.min(inner.wake.len());
        }
    }

    fn next_to_wake(&self, inner: &mut BoardState) -> PendingWake<'_> {
        let (waker, owner) = inner.next_to_wake().unwrap_or_default();
        PendingWake { waker, owner: owner.map(|id| self.service(id)) }
    }
}

/// Wakes when it is dropped, whatever comes between.
#[derive(Default)]
pub(super) struct PendingWake<'a> {
    waker: Option<Waker>,
    /// The service that a reaction is about, whose token it may cancel.
    owner: Option<&'a ServiceSignals>,
}

impl PendingWake<'_> {
    pub(super) fn new(waker: Waker) -> Self {
        PendingWake { waker: Some(waker), owner: None }
    }
}

impl Drop for PendingWake<'_> {
    fn drop(&mut self) {
        if let Some(waker) = self.waker.take() {
            // A waker of the user's own may panic: that is no concern of the service that made a transition.
            let _ = panic::catch(|| waker.wake());
        }
        if let Some(owner) = self.owner {
            owner.cancel_token();
        }
    }
}
