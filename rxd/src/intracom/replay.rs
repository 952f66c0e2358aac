//! The last message of a topic that keeps it, in front of the buffer of a group that began with it.

use super::user;
use crate::sync::atomic::AtomicBool;
use crate::sync::{Mutex, assert_none_held};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// A kept message; the topic has it, and the groups that replay it.
///
/// `T` need not be `Sync`, so one thread at a time may look at it. It is taken out to be cloned, and put back
/// after that: while it is out there is nothing in it, and no lock is held.
pub(super) struct LastMessage<T>(Mutex<Option<T>>);

impl<T> LastMessage<T> {
    pub(super) fn new(message: T) -> Arc<LastMessage<T>> {
        Arc::new(LastMessage(Mutex::new(Some(message))))
    }
}

/// What there is to replay.
pub(super) enum Replayed<T> {
    Nothing,
    /// Another group is cloning that message at this instant.
    Busy,
    Message(TakenMessage<T>),
}

/// A kept message that was taken out to be cloned. It goes back when this is dropped, also if the clone
/// panics.
pub(super) struct TakenMessage<T> {
    last: Arc<LastMessage<T>>,
    message: Option<T>,
}

impl<T: Clone> TakenMessage<T> {
    /// A clone for the member that receives it.
    pub(super) fn copy(self) -> T {
        let copy = user::copy(self.message.as_ref().expect("it is taken out until this is dropped"));
        user::discard(self);
        copy
    }
}

impl<T> Drop for TakenMessage<T> {
    fn drop(&mut self) {
        *self.last.0.lock() = self.message.take();
    }
}

pub(super) struct ReplaySlot<T> {
    /// Set before anybody else has the group, so whoever has it sees that; and whoever still sees it
    /// when it is no more finds nothing under the lock. So `Relaxed` will do.
    is_there: AtomicBool,
    last: Mutex<Option<Arc<LastMessage<T>>>>,
    gone: Notify,
}

impl<T> ReplaySlot<T> {
    pub(super) fn none() -> Self {
        ReplaySlot { is_there: AtomicBool::new(false), last: Mutex::new(None), gone: Notify::new() }
    }

    /// Puts a message in front of a buffer that nobody has seen yet.
    pub(super) fn put(&self, last: Arc<LastMessage<T>>) {
        *self.last.lock() = Some(last);
        self.is_there.store(true, Ordering::Relaxed);
    }

    /// Takes the message, if it is still there, to drop it.
    #[inline]
    pub(super) fn take(&self) -> Option<Arc<LastMessage<T>>> {
        if !self.is_there() {
            return None;
        }
        let last = self.last.lock().take()?;
        self.is_taken();
        Some(last)
    }

    /// Takes the message, if it is still there, to receive a clone of it.
    pub(super) fn receive(&self) -> Replayed<T> {
        let mut slot = self.last.lock();
        let Some(last) = &*slot else { return Replayed::Nothing };
        let Some(message) = last.0.lock().take() else { return Replayed::Busy };
        let out = slot.take().map(|last| TakenMessage { last, message: Some(message) });
        drop(slot);
        self.is_taken();
        out.map_or(Replayed::Nothing, Replayed::Message)
    }

    fn is_taken(&self) {
        self.is_there.store(false, Ordering::Relaxed);
        self.wake();
    }

    #[inline]
    pub(super) fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Relaxed)
    }

    /// Until it is taken, or there is another reason to look.
    pub(super) fn is_gone(&self) -> Notified<'_> {
        self.gone.notified()
    }

    /// Whoever waits for it to be gone is to look.
    pub(super) fn wake(&self) {
        assert_none_held();
        self.gone.notify_waiters();
    }
}
