//! Waiting for one group that has no room: the last step of a
//! [`Dispatch`](super::dispatch::Dispatch).

use super::group::{GroupState, Offer};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
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

/// What ended a publisher's wait for room.
enum WaitEnd {
    Room,
    NoMembers,
    Deadline,
}

impl<T> Waiter<T> {
    /// Waits for room, from `start` on for as long as the policy says, and then does what the
    /// policy says. It never returns [`Offer::Full`].
    ///
    /// # Cancel safety
    ///
    /// If it is dropped, the message counts as abandoned.
    pub(super) async fn wait(mut self, mut message: T, start: Instant) -> Offer<T> {
        let group = self.group.clone();
        let limit = group.wait_limit();
        let mut deadline = pin!(async {
            match start.checked_add(limit) {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        });
        let mut no_members = pin!(group.until_no_members());
        loop {
            // Registered before the offer: invariant 5 of a group.
            let mut room = pin!(group.room.notified());
            room.as_mut().enable();
            self.is_counted = true;
            message = match group.offer_if_room(message) {
                Offer::Full(message) => message,
                offer => return offer,
            };
            self.is_counted = false;
            let end = poll_fn(|cx| {
                // In this order: a group that has room at the deadline takes the message.
                if room.as_mut().poll(cx).is_ready() {
                    Poll::Ready(WaitEnd::Room)
                } else if no_members.as_mut().poll(cx).is_ready() {
                    Poll::Ready(WaitEnd::NoMembers)
                } else {
                    deadline.as_mut().poll(cx).map(|()| WaitEnd::Deadline)
                }
            });
            match end.await {
                WaitEnd::Room => {}
                WaitEnd::NoMembers => {
                    self.is_counted = true;
                    return Offer::Closed(message);
                }
                WaitEnd::Deadline => {
                    self.is_counted = true;
                    return group.offer_at_deadline(message);
                }
            }
        }
    }
}
