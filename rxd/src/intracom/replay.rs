//! Replay: the last message of a topic, as the first message of a group that began with it.
//!
//! A topic with [`keep_last`](super::TopicOptions::keep_last) keeps a copy of the last message it
//! has admitted. A group that asks for it gets a reference in its [`ReplaySlot`], and the first
//! member that receives clones the message. The message itself stays with the topic, for the groups
//! to come.
//!
//! # Invariants
//!
//! 1. No lock is held while the message is cloned. It is taken out of its place for that, and put
//!    back when the clone is there or has panicked.
//! 2. While it is out, another group that wants it finds the place empty ([`Replayed::Busy`]) and
//!    looks again later. It does not receive a younger message before it.
//! 3. A message leaves a slot once: it is received, evicted or discarded.
//!
//! # Lock order
//!
//! The slot, then the message.

use super::user;
use crate::sync::atomic::AtomicBool;
use crate::sync::{Mutex, assert_none_held};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The message that a topic keeps. The topic shares it with the groups that have still to replay
/// it.
///
/// It is `None` while a group clones it: `T` need not be `Sync`, so one thread at a time may see
/// the message.
pub(super) struct LastMessage<T>(Mutex<Option<T>>);

impl<T> LastMessage<T> {
    pub(super) fn new(message: T) -> Arc<LastMessage<T>> {
        Arc::new(LastMessage(Mutex::new(Some(message))))
    }
}

/// What a slot had for a member.
pub(super) enum Replayed<T> {
    Nothing,
    /// Another group is cloning the message at this moment.
    Busy,
    Message(TakenMessage<T>),
}

/// A kept message that was taken out to be cloned. Dropping this puts it back, also if the clone
/// panics.
pub(super) struct TakenMessage<T> {
    last: Arc<LastMessage<T>>,
    message: Option<T>,
}

impl<T: Clone> TakenMessage<T> {
    /// A clone for the member that receives it.
    pub(super) fn copy(self) -> T {
        let copy = user::copy(self.message.as_ref().expect("it is taken out until this is dropped"));
        // Explicitly: see `user` about what a function returns and what it drops.
        user::discard(self);
        copy
    }
}

impl<T> Drop for TakenMessage<T> {
    fn drop(&mut self) {
        *self.last.0.lock() = self.message.take();
    }
}

/// The place for one message in front of a group's buffer.
pub(super) struct ReplaySlot<T> {
    /// Whether there is a message. `Relaxed` suffices: it is set before the group is shared, and a
    /// stale `true` only costs a lock that finds `None`.
    is_there: AtomicBool,
    last: Mutex<Option<Arc<LastMessage<T>>>>,
    taken: Notify,
}

impl<T> ReplaySlot<T> {
    pub(super) fn none() -> Self {
        ReplaySlot { is_there: AtomicBool::new(false), last: Mutex::new(None), taken: Notify::new() }
    }

    /// Puts a message into the slot of a group that is not shared yet.
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
        self.note_taken();
        Some(last)
    }

    /// Takes the message, if it is still there, to receive a clone of it.
    pub(super) fn receive(&self) -> Replayed<T> {
        let mut slot = self.last.lock();
        let Some(last) = &*slot else { return Replayed::Nothing };
        let Some(message) = last.0.lock().take() else { return Replayed::Busy };
        let taken = slot.take().map(|last| TakenMessage { last, message: Some(message) });
        drop(slot);
        self.note_taken();
        taken.map_or(Replayed::Nothing, Replayed::Message)
    }

    fn note_taken(&self) {
        self.is_there.store(false, Ordering::Relaxed);
        self.wake();
    }

    #[inline]
    pub(super) fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Relaxed)
    }

    /// Waits until the message is taken, or the group is closed. The caller looks again then.
    pub(super) fn taken(&self) -> Notified<'_> {
        self.taken.notified()
    }

    /// Wakes the publishers that wait for [`taken`](ReplaySlot::taken).
    pub(super) fn wake(&self) {
        assert_none_held();
        self.taken.notify_waiters();
    }
}
