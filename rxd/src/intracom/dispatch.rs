//! One message on its way to the groups of a topic.
//!
//! 1. The groups are those the topic had when the message was admitted.
//! 2. Every group is offered the message before any is waited for.
//! 3. The groups that are waited for are waited for at the same time, each with its own limit.
//! 4. A group that is neither settled nor gone when the round ends (the future was dropped, a clone
//!    panicked, the topic was closed) has missed the message, and that is counted.
//! 5. A group counts the message from the moment it is offered it, also if the user's code panics there: so it
//!    is taken off the list of those that are to count it as missed before, and a group that is waited for
//!    counts for itself ([`Waiter`]). No message is counted twice.

use super::arc_cell::{ArcCell, ArcSnapshot};
use super::group::{GroupState, Offer};
use super::stats::Delivery;
use super::user;
use super::waiter::Waiter;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use tokio::time::Instant;

/// How often a publisher lets others run before it settles down to wait. A receiver that is about to
/// take a message needs no more than that, and it is cheaper than a timer and a place in the channel's
/// queue of senders.
pub(super) const YIELDS: usize = 2;

/// The groups of a topic at one moment. Joining and leaving put another list in its place.
pub(super) struct GroupList<T> {
    pub(super) groups: Vec<Arc<GroupState<T>>>,
    pub(super) closed: bool,
}

/// A group that is waited for.
type GroupWait<T> = Pin<Box<dyn Future<Output = (Offer<T>, Option<T>)> + Send>>;

/// A message that did not simply come to all groups.
pub(super) enum Open<T> {
    /// The only group there is has no room. Nothing has happened so far.
    Sole(T),
    /// A round that is not over yet, and what is left of its message.
    Dispatch(Box<Dispatch<T>>, Option<T>),
}

/// The groups that have not been offered the message, should the user's code panic.
struct Unoffered<'a, T>(&'a [Arc<GroupState<T>>]);

impl<T> Drop for Unoffered<'_, T> {
    fn drop(&mut self) {
        self.0.iter().for_each(|group| group.abandon());
    }
}

impl Delivery {
    /// Notes what a group made of the message, unless that is not settled yet.
    #[inline]
    fn note<T>(&mut self, offer: Offer<T>) -> Option<Offer<T>> {
        *self += match &offer {
            Offer::Taken => {
                *self += Delivery::ACCEPTED;
                return None;
            }
            Offer::Replaced(_) => Delivery::EVICTED,
            Offer::Missed(_) => Delivery::DROPPED,
            Offer::Full(_) | Offer::Gone(_) => return Some(offer),
        };
        // After it is noted: what had to make room is the user's.
        user::discard(offer);
        None
    }
}

pub(super) struct Dispatch<T> {
    list: ArcSnapshot<GroupList<T>>,
    /// The first group that has not been offered the message.
    next: usize,
    /// Those that were full.
    waiting: Vec<usize>,
    /// Those that are no more, or whose topic is closed.
    gone: Vec<usize>,
    delivery: Delivery,
}

impl<T: Clone + Send + 'static> Dispatch<T> {
    /// Offers the message to every group, cloning it for all but the last. Mostly that is all there
    /// is to do; if a group has no room, or is gone, the round is open, and with it goes what is
    /// left: the message for those to be waited for, or that nobody took. With `sole`, none is opened
    /// for a single group that has no room.
    #[inline]
    pub(super) fn begin(list: ArcSnapshot<GroupList<T>>, message: T, sole: bool) -> Result<Delivery, Open<T>> {
        let mut delivery = Delivery::default();
        let Some((last, others)) = list.groups.split_last() else { return Ok(delivery) };
        if !others.is_empty() {
            if let Some((index, offer)) = Self::begin_with(others, &list.groups, &message, &mut delivery) {
                return Err(Dispatch::open(list, index, delivery, offer, Some(message)));
            }
        }
        match delivery.note(last.offer(message)) {
            None => Ok(delivery),
            Some(Offer::Full(message)) if sole && others.is_empty() => Err(Open::Sole(message)),
            Some(offer) => {
                let index = others.len();
                Err(Dispatch::open(list, index, delivery, offer, None))
            }
        }
    }

    /// Offers a clone to each of the others; the first that does not simply take it or leave it.
    fn begin_with(
        others: &[Arc<GroupState<T>>],
        all: &[Arc<GroupState<T>>],
        message: &T,
        delivery: &mut Delivery,
    ) -> Option<(usize, Offer<T>)> {
        let mut skipped = Unoffered(all);
        for (index, group) in others.iter().enumerate() {
            let copy = user::copy(message);
            skipped.0 = &skipped.0[1..];
            if let Some(offer) = delivery.note(group.offer(copy)) {
                skipped.0 = &[];
                return Some((index, offer));
            }
        }
        skipped.0 = &[];
        None
    }

    /// Goes on from the first group that does not simply take it or leave it.
    #[cold]
    fn open(
        list: ArcSnapshot<GroupList<T>>,
        index: usize,
        delivery: Delivery,
        offer: Offer<T>,
        rest: Option<T>,
    ) -> Open<T> {
        let mut round = Box::new(Dispatch { list, next: index + 1, waiting: Vec::new(), gone: Vec::new(), delivery });
        let back = round.settle(index, offer);
        let rest = match rest {
            Some(rest) => {
                user::discard(back);
                Some(rest)
            }
            None => back,
        };
        let rest = round.offer(rest);
        Open::Dispatch(round, rest)
    }

    /// Offers the message to the groups that have not been offered it.
    fn offer(&mut self, mut rest: Option<T>) -> Option<T> {
        while self.next < self.list.groups.len() {
            let last = self.next + 1 == self.list.groups.len() && self.waiting.is_empty();
            let Some(message) = (if last { rest.take() } else { rest.as_ref().map(user::copy) }) else { break };
            let index = self.next;
            // Before it is offered: invariant 5.
            self.next += 1;
            let offer = self.list.groups[index].offer(message);
            if let Some(back) = self.settle(index, offer) {
                rest.get_or_insert(back);
            }
        }
        rest
    }

    /// Offers it once more to those that were full.
    fn offer_again(&mut self, message: T) -> Option<T> {
        let mut rest = Some(message);
        let mut left = self.waiting.len();
        while left > 0 {
            left -= 1;
            let last = left == 0 && self.waiting.len() == 1;
            let Some(message) = (if last { rest.take() } else { rest.as_ref().map(user::copy) }) else { break };
            // Before it is offered: invariant 5. Those that are still full go to the end of the line.
            let index = self.waiting.remove(0);
            let offer = self.list.groups[index].offer(message);
            if let Some(back) = self.settle(index, offer) {
                rest.get_or_insert(back);
            }
        }
        rest
    }

    /// Lets others run, and offers it once more to those that were full.
    pub(super) async fn insist(&mut self, mut message: T) -> Option<T> {
        for _ in 0..YIELDS {
            let mut yielded = false;
            poll_fn(|cx| {
                if std::mem::replace(&mut yielded, true) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
            .await;
            match self.offer_again(message) {
                Some(back) if self.is_waiting() => message = back,
                rest => return rest,
            }
        }
        Some(message)
    }

    /// Waits for the groups that were full. What is left is there if none of them took it.
    pub(super) async fn wait(&mut self, message: T) -> Option<T> {
        // A snapshot is not for keeping; from here on it may be.
        self.list = ArcCell::keep(&self.list);
        let start = Instant::now();
        let [only] = self.waiting[..] else { return self.wait_for_many(message, start).await };
        self.waiting.clear();
        let (offer, spare) = Waiter::new(self.list.groups[only].clone()).wait(message, start).await;
        let rest = self.settle(only, offer);
        user::discard(spare);
        rest
    }

    async fn wait_for_many(&mut self, message: T, start: Instant) -> Option<T> {
        // All of them before the first clone: each counts for itself from here on.
        let waiters: Vec<_> =
            self.waiting.drain(..).map(|index| (index, Waiter::new(self.list.groups[index].clone()))).collect();
        let mut waits: Vec<(usize, GroupWait<T>)> = Vec::with_capacity(waiters.len());
        let mut message = Some(message);
        let mut left = waiters.len();
        for (index, waiter) in waiters {
            left -= 1;
            let Some(message) = (if left == 0 { message.take() } else { message.as_ref().map(user::copy) }) else {
                break;
            };
            waits.push((index, Box::pin(waiter.wait(message, start))));
        }
        let mut rest = None;
        poll_fn(|cx| {
            let mut i = 0;
            while let Some((index, wait)) = waits.get_mut(i) {
                let index = *index;
                let Poll::Ready((offer, spare)) = wait.as_mut().poll(cx) else {
                    i += 1;
                    continue;
                };
                drop(waits.swap_remove(i));
                if let Some(back) = self.settle(index, offer) {
                    rest.get_or_insert(back);
                }
                user::discard(spare);
            }
            if waits.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        rest
    }

    /// Notes what a group made of it; gives back what it did not take.
    fn settle(&mut self, index: usize, offer: Offer<T>) -> Option<T> {
        match self.delivery.note(offer)? {
            Offer::Full(message) => {
                self.waiting.push(index);
                Some(message)
            }
            Offer::Gone(message) => {
                self.gone.push(index);
                Some(message)
            }
            _ => None,
        }
    }

    /// Whether some group has to be waited for.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether the message is as if never published: no group took it, and none counted it.
    pub(super) fn is_untouched(&self) -> bool {
        self.delivery == Delivery::default()
    }

    /// Nothing was published after all: there is nothing to count.
    pub(super) fn forget(mut self) {
        self.waiting.clear();
        self.gone.clear();
    }

    /// The groups all of whose members have ended: they are as good as left.
    pub(super) fn take_groups_without_members(&mut self) -> Vec<Arc<GroupState<T>>> {
        let mut deserted = Vec::new();
        for index in std::mem::take(&mut self.gone) {
            match &self.list.groups[index] {
                group if group.has_no_members() => deserted.push(group.clone()),
                _ => self.gone.push(index),
            }
        }
        deserted
    }

    /// The end. Those that were not waited for, or whose topic was closed, have missed it.
    pub(super) fn finish(mut self) -> Delivery {
        for _ in self.waiting.iter().chain(&self.gone) {
            self.delivery += Delivery::DROPPED;
        }
        self.delivery
    }
}

impl<T> Drop for Dispatch<T> {
    fn drop(&mut self) {
        let skipped = self.next..self.list.groups.len();
        for index in skipped.chain(self.waiting.iter().copied()) {
            self.list.groups[index].abandon();
        }
        for group in self.gone.iter().map(|&index| &self.list.groups[index]).filter(|group| !group.has_no_members()) {
            group.abandon();
        }
    }
}
