//! Waiting for a group that has no room.

use super::group::{GroupState, Offer};
use super::user;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A group that a publisher waits for. It counts the message as abandoned where it is dropped before
/// something else became of that: the publisher gave up, or the message's own code panicked.
pub(super) struct Waiter<T> {
    group: Arc<GroupState<T>>,
    is_settled: bool,
}

impl<T> Waiter<T> {
    pub(super) fn new(group: Arc<GroupState<T>>) -> Self {
        Waiter { group, is_settled: false }
    }
}

impl<T> Drop for Waiter<T> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.group.abandon();
        }
    }
}

impl<T: Clone> Waiter<T> {
    /// Waits for room, from `start` and as long as the policy says, and then does what it says. The
    /// second part is to be dropped once the first is noted.
    ///
    /// It is a copy that waits: the channel has no send that gives up and gives back what it was to send.
    ///
    /// Cancel safe in the sense that either the message is in the buffer and counted, or it is not.
    pub(super) async fn wait(mut self, message: T, start: Instant) -> (Offer<T>, Option<T>) {
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
            group.not_crowded().await;
            group.sender.send(copy).await
        };
        let sent = tokio::select! {
            biased;
            sent = sent => Some(sent),
            () = group.until_no_members() => None,
            () = limited => {
                self.is_settled = true;
                return (group.overflow(message), None);
            }
        };
        self.is_settled = true;
        match sent {
            Some(Ok(())) => {
                group.accepted();
                (Offer::Taken, Some(message))
            }
            // The copy came back: one of the two is enough.
            Some(Err(async_channel::SendError(copy))) => (Offer::Gone(message), Some(copy)),
            None => (Offer::Gone(message), None),
        }
    }
}
