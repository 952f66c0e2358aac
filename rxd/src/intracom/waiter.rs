//! Waiting for one group that has no room: the last step of a
//! [`Dispatch`](super::dispatch::Dispatch).

use super::group::{GroupState, Offer};
use super::user;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A full group, and a message that waits for room in it.
///
/// From the moment it is made it is the waiter that counts the message. If it is dropped before the
/// outcome is known (the publisher's future was dropped, a clone panicked), it counts the message
/// as abandoned.
pub(super) struct Waiter<T> {
    group: Arc<GroupState<T>>,
    is_counted: bool,
}

impl<T> Waiter<T> {
    pub(super) fn new(group: Arc<GroupState<T>>) -> Self {
        Waiter { group, is_counted: false }
    }
}

impl<T> Drop for Waiter<T> {
    fn drop(&mut self) {
        if !self.is_counted {
            self.group.abandon();
        }
    }
}

impl<T: Clone> Waiter<T> {
    /// Waits for room, from `start` on for as long as the policy says, and then does what the
    /// policy says. It never returns [`Offer::Full`].
    ///
    /// A clone of the message is what waits: `async_channel` has no send that times out and gives
    /// the message back.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, either the message is in the buffer and counted there, or it counts as
    /// abandoned.
    pub(super) async fn wait(mut self, message: T, start: Instant) -> Offer<T> {
        let group = self.group.clone();
        let limit = group.limit().unwrap_or(Duration::ZERO);
        let limited = async {
            match start.checked_add(limit) {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let copy = user::copy(&message);
        let sent = async {
            group.room_beside_replay().await;
            group.sender.send(copy).await
        };
        // Biased: a group that has room at the deadline takes the message.
        let sent = tokio::select! {
            biased;
            sent = sent => Some(sent),
            () = group.until_no_members() => None,
            () = limited => {
                self.is_counted = true;
                return group.overflow(message);
            }
        };
        match sent {
            Some(Ok(())) => {
                self.is_counted = true;
                group.accepted();
                // After the message in the buffer is known to be counted: this drop may panic.
                user::discard(message);
                Offer::Accepted
            }
            Some(Err(async_channel::SendError(copy))) => {
                // Before `is_counted`: if this drop panics, no other code counts the message for
                // the group.
                user::discard(copy);
                self.is_counted = true;
                Offer::Closed(message)
            }
            None => {
                self.is_counted = true;
                Offer::Closed(message)
            }
        }
    }
}
