//! The last message of a topic that keeps it, in front of the buffer of a group that began with it.

use super::sync::{AtomicBool, Mutex, lock};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex as Cell};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// A kept message; the topic has it, and the groups that replay it. `T` need not be `Sync`, hence the
/// lock. It is held while the message is cloned: nobody waits for it but those who do the same.
pub(super) type Last<T> = Arc<Cell<T>>;

pub(super) struct Replay<T> {
    /// Set before anybody else has the group, so whoever has it sees that; and whoever still sees it
    /// when it is no more finds nothing under the lock. So `Relaxed` will do.
    is_there: AtomicBool,
    last: Mutex<Option<Last<T>>>,
    gone: Notify,
}

impl<T> Replay<T> {
    pub(super) fn none() -> Self {
        Replay { is_there: AtomicBool::new(false), last: Mutex::new(None), gone: Notify::new() }
    }

    /// Puts a message in front of a buffer that nobody has seen yet.
    pub(super) fn put(&self, last: Last<T>) {
        *lock(&self.last) = Some(last);
        self.is_there.store(true, Ordering::Relaxed);
    }

    /// Takes the message, if it is still there.
    #[inline]
    pub(super) fn take(&self) -> Option<Last<T>> {
        if !self.is_there() {
            return None;
        }
        let last = lock(&self.last).take()?;
        self.is_there.store(false, Ordering::Relaxed);
        self.wake();
        Some(last)
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
        self.gone.notify_waiters();
    }
}
