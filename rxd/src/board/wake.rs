//! Waking engines, watches and streams, without the lock.

use super::state::BoardState;
use super::{Board, Id, ServiceSignals};
use crate::panic;
use crate::sync::MutexGuard;
use std::task::Waker;

/// How many wakers are taken in one critical section.
const WAKE_BATCH: usize = 32;

impl Board {
    /// Raises signals of a service and wakes its engine. Cancels the service's token if one of the
    /// signals cancels.
    pub(crate) fn raise(&self, id: Id, signals: u32) {
        let service = self.service(id);
        service.set(signals);
        let waker = self.lock().entries[id].waker.clone();
        if let Some(waker) = waker {
            waker.wake();
        }
        service.cancel_token();
    }

    /// As [`raise`](Board::raise), for many services: one critical section for each batch.
    pub(crate) fn raise_all(&self, ids: &[Id], signals: u32) {
        for ids in ids.chunks(WAKE_BATCH) {
            let mut wakers = [const { None }; WAKE_BATCH];
            ids.iter().for_each(|&id| self.service(id).set(signals));
            let inner = self.lock();
            for (slot, &id) in wakers.iter_mut().zip(ids) {
                slot.clone_from(&inner.entries[id].waker);
            }
            drop(inner);
            wakers.into_iter().flatten().for_each(Waker::wake);
            ids.iter().for_each(|&id| self.service(id).cancel_token());
        }
    }

    /// Releases the lock, calls `before_wake`, and wakes the queued watchers. Returns whether there
    /// were any.
    ///
    /// Usually there is one, and it is dequeued before the lock is released. If `before_wake`
    /// panics, the next publication wakes the others, for example the end of the engine.
    #[inline]
    pub(super) fn wake(&self, mut inner: MutexGuard<'_, BoardState>, before_wake: impl FnOnce()) -> bool {
        // Fast path: usually there are no waiters.
        let first = (!inner.wake.is_empty()).then(|| self.next_to_wake(&mut inner));
        let more = !inner.wake.is_empty();
        drop(inner);
        before_wake();
        let woke = first.is_some();
        drop(first);
        if more {
            self.wake_all();
        }
        woke
    }

    /// Wakes the remaining watchers, a batch at a time.
    ///
    /// It dequeues as many as are queued now, so that threads which keep adding cannot hold this
    /// one here: each of them dequeues what it has added.
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

/// A waker that is woken when this is dropped, also during a panic.
#[derive(Default)]
pub(super) struct PendingWake<'a> {
    waker: Option<Waker>,
    /// The service that declares the watch; a reaction may cancel its token.
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
            // A waker of the user's may panic. The service that made the transition must not fail
            // because of it.
            panic::ignore(|| waker.wake());
        }
        if let Some(owner) = self.owner {
            owner.cancel_token();
        }
    }
}
