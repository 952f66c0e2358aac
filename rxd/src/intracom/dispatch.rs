//! One message on its way to the groups of a topic.
//!
//! [`Topic::publish`](super::Topic::publish) admits a message and hands it to [`Dispatch::begin`],
//! which offers it to each group. Usually every group takes it, and that is all. If a group is
//! full, the dispatch goes on: it lets other tasks run and offers the message once more
//! ([`retry`](Dispatch::retry)), waits for the groups that are still full
//! ([`wait`](Dispatch::wait)), and [finishes](Dispatch::finish).
//!
//! # Invariants
//!
//! 1. A message is offered to the groups that the topic had when the message was admitted, and to
//!    no others.
//! 2. Every group is offered the message before any group is waited for.
//! 3. Full groups are waited for at the same time, each with its own limit.
//! 4. If the dispatch ends early (the future is dropped, a clone panics, the topic is closed), each
//!    group that has neither taken nor dropped the message counts it as abandoned. A group that has
//!    no members left does not count it.
//! 5. No group counts a message twice. [`GroupState::offer`] counts it, even if user code panics
//!    there. So `next`, `full` and `closed`, which say which groups the dispatch counts for when it
//!    is dropped, are updated before the offer. A [`Waiter`] counts for the group that it waits
//!    for.
//! 6. While a group is listed as full, the dispatch holds the message: such a group has given it
//!    back.

use super::error::PublishError;
use super::group::{GroupState, Offer};
use super::stats::Delivery;
use super::user;
use super::waiter::Waiter;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::time::Instant;

/// How often a publisher lets other tasks run before it waits for a full group. A receiver that is
/// about to take a message needs no more than that, and it is cheaper than a timer and a place among
/// the publishers that wait.
pub(super) const YIELDS: u32 = 2;

/// The groups of a topic at one moment, oldest first.
pub(super) type GroupList<T> = Arc<[Arc<GroupState<T>>]>;

/// Where the publishing of a message stands, as long as it is not finished.
pub(super) enum PublishState<T> {
    /// The message was not admitted: the topic is subscriber-aware, and has no subscribers.
    NoSubscribers(T),
    /// The only group is full. Nothing was counted and nothing allocated: the message can be
    /// admitted anew.
    SingleGroup(T),
    /// The message was offered to every group, and not all of them have taken or dropped it.
    Dispatched(Box<Dispatch<T>>),
    /// The topic is closed. The message is in the error.
    Refused(PublishError<T>),
}

type GroupWait<T> = Pin<Box<dyn Future<Output = Offer<T>> + Send>>;

impl Delivery {
    /// Notes what a group made of the message. Gives the offer back if the message is still to be
    /// placed.
    #[inline]
    fn note<T>(&mut self, offer: Offer<T>) -> Option<Offer<T>> {
        match &offer {
            Offer::Accepted => {
                *self += Delivery::ACCEPTED;
                return None;
            }
            Offer::Evicted(_) => *self += Delivery::EVICTED,
            Offer::Dropped(_) => *self += Delivery::DROPPED,
            Offer::Full(_) | Offer::Closed(_) => return Some(offer),
        }
        // After it is noted: this drops a message, which may panic.
        user::discard(offer);
        None
    }
}

/// The groups that have not been offered the message. If a clone panics, they count it as
/// abandoned.
struct Unoffered<'a, T>(&'a [Arc<GroupState<T>>]);

impl<T> Drop for Unoffered<'_, T> {
    fn drop(&mut self) {
        self.0.iter().for_each(|group| group.abandon());
    }
}

/// A message that not every group has taken or dropped at once.
pub(super) struct Dispatch<T> {
    list: GroupList<T>,
    /// The first group that has not been offered the message.
    next: usize,
    /// The groups that were full when the message was offered to them.
    full: Vec<usize>,
    /// The groups that were closed, or that belong to a closed topic.
    closed: Vec<usize>,
    delivery: Delivery,
    /// `None` once the last group that was offered it has taken it. Last, so that it is dropped
    /// last: that may panic.
    message: Option<T>,
}

impl<T: Clone + Send + 'static> Dispatch<T> {
    /// Offers the message to every group, cloning it for all but the last.
    ///
    /// With `retries_single`, a single full group is answered with [`PublishState::SingleGroup`].
    #[inline]
    pub(super) fn begin(list: GroupList<T>, message: T, retries_single: bool) -> Result<Delivery, PublishState<T>> {
        let mut delivery = Delivery::default();
        let Some((last, others)) = list.split_last() else { return Ok(delivery) };
        if !others.is_empty() {
            if let Some((index, offer)) = Self::offer_clones(others, &list, &message, &mut delivery) {
                return Err(Dispatch::go_on(list, index, delivery, offer, Some(message)));
            }
        }
        match delivery.note(last.offer(message)) {
            None => Ok(delivery),
            Some(Offer::Full(message)) if retries_single && others.is_empty() => {
                Err(PublishState::SingleGroup(message))
            }
            Some(offer) => {
                let index = others.len();
                Err(Dispatch::go_on(list, index, delivery, offer, None))
            }
        }
    }

    /// Offers a clone to each of `others`, up to the first group that is full or closed.
    fn offer_clones(
        others: &[Arc<GroupState<T>>],
        all: &[Arc<GroupState<T>>],
        message: &T,
        delivery: &mut Delivery,
    ) -> Option<(usize, Offer<T>)> {
        let mut unoffered = Unoffered(all);
        for (index, group) in others.iter().enumerate() {
            let copy = user::copy(message);
            // Before the offer: invariant 5.
            unoffered.0 = &unoffered.0[1..];
            if let Some(offer) = delivery.note(group.offer(copy)) {
                unoffered.0 = &[];
                return Some((index, offer));
            }
        }
        unoffered.0 = &[];
        None
    }

    /// Goes on with the first group that is full or closed: offers the message to the groups after
    /// it.
    #[cold]
    fn go_on(
        list: GroupList<T>,
        index: usize,
        delivery: Delivery,
        offer: Offer<T>,
        message: Option<T>,
    ) -> PublishState<T> {
        let (full, closed) = (Vec::new(), Vec::new());
        let mut dispatch = Box::new(Dispatch { list, next: index + 1, full, closed, delivery, message });
        dispatch.settle(index, offer);
        while dispatch.next < dispatch.list.len() {
            let is_last = dispatch.next + 1 == dispatch.list.len() && dispatch.full.is_empty();
            let Some(message) = take_or_copy(&mut dispatch.message, is_last) else { break };
            // Before the offer: invariant 5.
            let index = dispatch.next;
            dispatch.next += 1;
            dispatch.offer(index, message);
        }
        PublishState::Dispatched(dispatch)
    }

    /// Lets other tasks run, and offers the message once more to the groups that were full.
    pub(super) async fn retry(&mut self) {
        for _ in 0..YIELDS {
            if self.full.is_empty() {
                return;
            }
            yield_once().await;
            // A group that is still full is pushed to the end of the list.
            for left in (0..self.full.len()).rev() {
                let is_last = left == 0 && self.full.len() == 1;
                let Some(message) = take_or_copy(&mut self.message, is_last) else { break };
                // Before the offer: invariant 5.
                let index = self.full.remove(0);
                self.offer(index, message);
            }
        }
    }

    /// Waits for the groups that were full, all at the same time.
    pub(super) async fn wait(&mut self) {
        if self.full.is_empty() {
            return;
        }
        let Some(message) = self.message.take() else { return };
        let start = Instant::now();
        let [only] = self.full[..] else { return self.wait_for_many(message, start).await };
        self.full.clear();
        let offer = Waiter::new(self.list[only].clone()).wait(message, start).await;
        self.settle(only, offer);
    }

    async fn wait_for_many(&mut self, message: T, start: Instant) {
        // All waiters are made before the first clone: from here on each counts for its group.
        let waiters: Vec<_> = self.full.drain(..).map(|index| (index, Waiter::new(self.list[index].clone()))).collect();
        let mut waits: Vec<(usize, GroupWait<T>)> = Vec::with_capacity(waiters.len());
        let mut message = Some(message);
        let mut left = waiters.len();
        for (index, waiter) in waiters {
            left -= 1;
            let Some(message) = take_or_copy(&mut message, left == 0) else { break };
            waits.push((index, Box::pin(waiter.wait(message, start))));
        }
        poll_fn(|cx| {
            let mut i = 0;
            while let Some((index, wait)) = waits.get_mut(i) {
                let index = *index;
                let Poll::Ready(offer) = wait.as_mut().poll(cx) else {
                    i += 1;
                    continue;
                };
                drop(waits.swap_remove(i));
                self.settle(index, offer);
            }
            if waits.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn offer(&mut self, index: usize, message: T) {
        let offer = self.list[index].offer(message);
        self.settle(index, offer);
    }

    /// Notes what a group made of the message, and keeps the message if the group has given it
    /// back.
    fn settle(&mut self, index: usize, offer: Offer<T>) {
        let (groups, message) = match self.delivery.note(offer) {
            Some(Offer::Full(message)) => (&mut self.full, message),
            Some(Offer::Closed(message)) => (&mut self.closed, message),
            _ => return,
        };
        groups.push(index);
        match &self.message {
            None => self.message = Some(message),
            // One copy is enough.
            Some(_) => user::discard(message),
        }
    }

    /// Whether a group was full, and has still to be waited for.
    pub(super) fn is_waiting(&self) -> bool {
        !self.full.is_empty()
    }

    /// Takes the message back, if no group has taken it or counted it: it is then as if it had not
    /// been published.
    pub(super) fn take_back(&mut self) -> Option<T> {
        if self.delivery != Delivery::default() {
            return None;
        }
        let message = self.message.take()?;
        // Nothing is left to be counted.
        self.full.clear();
        self.closed.clear();
        Some(message)
    }

    /// Takes the groups that were closed since all their members have ended. They do not count the
    /// message.
    pub(super) fn take_groups_without_members(&mut self) -> Vec<Arc<GroupState<T>>> {
        let mut without_members = Vec::new();
        for index in std::mem::take(&mut self.closed) {
            match &self.list[index] {
                group if group.has_no_members() => without_members.push(group.clone()),
                _ => self.closed.push(index),
            }
        }
        without_members
    }

    /// Ends the dispatch. The groups that were not waited for, or whose topic was closed, drop the
    /// message.
    pub(super) fn finish(mut self: Box<Self>) -> Delivery {
        for _ in self.full.iter().chain(&self.closed) {
            self.delivery += Delivery::DROPPED;
        }
        let (delivery, message) = (self.delivery, self.message.take());
        drop(self);
        // After the groups have counted it.
        user::discard(message);
        delivery
    }
}

impl<T> Drop for Dispatch<T> {
    /// Invariant 4.
    fn drop(&mut self) {
        let unoffered = self.next..self.list.len();
        for index in unoffered.chain(self.full.iter().copied()) {
            self.list[index].abandon();
        }
        for group in self.closed.iter().map(|&index| &self.list[index]).filter(|group| !group.has_no_members()) {
            group.abandon();
        }
    }
}

/// The message itself for the last group that is offered it, and a clone for each group before.
fn take_or_copy<T: Clone>(message: &mut Option<T>, is_last: bool) -> Option<T> {
    if is_last { message.take() } else { message.as_ref().map(user::copy) }
}

/// Lets other tasks run once. Unlike tokio's `yield_now` it defers nothing, which is cheaper.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
