//! Replay: the last message of a topic, as the first message of a group that began with it.
//!
//! A topic with [`keep_last`](super::TopicOptions::keep_last) keeps a copy of the last message it
//! has admitted. A group that asks for it begins with a reference to it, and the first member that
//! receives clones the message. The message itself stays with the topic, for the groups to come.
//!
//! # Invariants
//!
//! 1. No lock is held while the message is cloned. It is taken out of its place for that, and put
//!    back when the clone is there or has panicked.
//! 2. While it is out, another group that wants it finds the place empty
//!    ([`NextMessage::Busy`](super::group::NextMessage::Busy)) and looks again later. It does not
//!    receive a younger message before it.
//! 3. A reference leaves a group once: the message is received, evicted or discarded.

use super::user;
use crate::sync::Mutex;
use std::sync::Arc;

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

    /// Takes the message that a group refers to, if it refers to one and no other group is cloning
    /// it. The group then refers to none.
    pub(super) fn take(reference: &mut Option<Arc<LastMessage<T>>>) -> Option<TakenMessage<T>> {
        let message = reference.as_ref()?.0.lock().take()?;
        reference.take().map(|last| TakenMessage { last, message: Some(message) })
    }
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
