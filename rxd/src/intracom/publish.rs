//! Publishing: the way of a message from the publisher to the groups, from top to bottom.
//!
//! 1. [`Publish`] is polled. The message is admitted
//!    ([`TopicState::admit`](super::shared::TopicState::admit)) and offered to each group
//!    ([`Dispatch::begin`]). Usually this is all, and nothing was allocated.
//! 2. If the only group is full, `Publish` lets other tasks run and begins anew, a few times.
//! 3. Otherwise the rest is an async function in a box, [`Topic::retry_until_finished`]. It waits
//!    for a subscriber, if the topic is subscriber-aware and has none, and for the groups that are
//!    full.
//! 4. [`Topic::conclude`] ends the dispatch. If no group has taken the message and none has counted
//!    it, the message comes back: to the caller if the topic is closed, to step 3 if the topic has
//!    to have subscribers.
//!
//! What a group made of the message is an [`Offer`](super::group::Offer), and where the publishing
//! stands between two steps is a [`PublishState`].

use super::dispatch::{Dispatch, PublishState, YIELDS};
use super::error::{PublishError, RefusalReason};
use super::replay::LastMessage;
use super::stats::Delivery;
use super::topic::Topic;
use super::user;
use crate::coop;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

impl<T: Clone + Send + 'static> Topic<T> {
    /// Publishes a message to every group of the topic, and waits for groups that are full if their
    /// policy says so.
    ///
    /// First every group that has room gets the message. Then the full ones are waited for, all at
    /// the same time: a group that does not receive delays the next message, never this one. It
    /// does so at most for the topic's [block timeout](super::TopicOptions::block_timeout).
    ///
    /// On a [subscriber-aware](super::TopicOptions::subscriber_aware) topic it waits before that,
    /// for as long as there is no subscriber.
    ///
    /// The messages of one publisher, each published after the last has returned, arrive in that
    /// order in every group. The messages of several publishers may arrive in a different order in
    /// each group.
    ///
    /// The message is cloned for each group but one.
    ///
    /// # Errors
    ///
    /// The topic is closed, and no group has the message; it is in the error.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped while it waits, the groups that had room have the message. Those it
    /// waited for do not, and count it as [abandoned](super::DropCounts::abandoned). If there is
    /// only one group, and it was full, then it may be that nothing was published and nothing
    /// counted.
    ///
    /// # Panics
    ///
    /// If it has to wait for a full group outside of a tokio runtime with its timer enabled.
    ///
    /// A panic of the message's own `clone` or `drop` passes through: the groups before it have the
    /// message, the others count it as abandoned, and the topic goes on.
    pub fn publish(&self, message: T) -> Publish<'_, T> {
        Publish { topic: self, message: Some(message), yields: 0, waiting: None }
    }

    /// Publishes a message to every group that has room or whose policy never waits. The other
    /// groups do not get it, and count it as [abandoned](super::DropCounts::abandoned).
    ///
    /// # Errors
    ///
    /// The message comes back, and nothing is counted,
    ///
    /// * if every group is full and would have to be waited for
    ///   ([`is_full`](PublishError::is_full)),
    /// * if the topic is subscriber-aware and has no subscribers
    ///   ([`has_no_subscribers`](PublishError::has_no_subscribers)),
    /// * if the topic is closed ([`is_closed`](PublishError::is_closed)).
    pub fn try_publish(&self, message: T) -> Result<Delivery, PublishError<T>> {
        let state = &*self.shared;
        let refused = |reason, message| Err(PublishError::new(&state.name, reason, message));
        // To keep a message as the topic's last one is to publish it. So this looks before whether
        // every group would have to be waited for.
        if state.options.keep_last && state.would_wait() {
            return refused(RefusalReason::Full, message);
        }
        let kept = state.copy_to_keep(&message);
        let mut published = self.begin(message, kept.as_ref(), true);
        user::discard(kept);
        if let Err(PublishState::Dispatched(mut dispatch)) = published {
            if dispatch.is_waiting() && !state.options.keep_last {
                if let Some(message) = dispatch.take_back() {
                    return refused(RefusalReason::Full, message);
                }
            }
            published = self.conclude(dispatch);
        }
        match published {
            Ok(delivery) => Ok(delivery),
            Err(PublishState::NoSubscribers(message)) => refused(RefusalReason::NoSubscribers, message),
            Err(PublishState::SingleGroup(message)) => refused(RefusalReason::Full, message),
            Err(PublishState::Refused(error)) => Err(error),
            Err(PublishState::Dispatched(dispatch)) => Ok(dispatch.finish()),
        }
    }

    /// Admits the message, and offers it to every group. `kept` is the copy for a topic that keeps
    /// its last message.
    ///
    /// With `retries_single`, a single group that is full counts nothing, and the message comes
    /// back. A topic that keeps its last message has published the message by then, so there a
    /// single group is waited for as several groups are.
    #[inline]
    fn begin(
        &self,
        message: T,
        kept: Option<&Arc<LastMessage<T>>>,
        retries_single: bool,
    ) -> Result<Delivery, PublishState<T>> {
        let (list, before) = match self.shared.admit(kept) {
            Ok(admitted) => admitted,
            Err(reason) => return Err(self.refused(reason, message)),
        };
        let begun = Dispatch::begin(list, message, retries_single && kept.is_none());
        // The message that was kept until now is dropped after this one was offered: this one is
        // admitted, and has to be counted in each group even if that drop panics.
        user::discard(before);
        begun
    }

    #[cold]
    fn refused(&self, reason: RefusalReason, message: T) -> PublishState<T> {
        match reason {
            RefusalReason::NoSubscribers => PublishState::NoSubscribers(message),
            reason => PublishState::Refused(PublishError::new(&self.shared.name, reason, message)),
        }
    }

    /// The rest of [`publish`](Topic::publish), if it has to wait.
    async fn retry_until_finished(
        &self,
        mut state: PublishState<T>,
        kept: Option<Arc<LastMessage<T>>>,
    ) -> Result<Delivery, PublishError<T>> {
        let kept_ref = kept.as_ref();
        let result = loop {
            let published = match state {
                PublishState::NoSubscribers(message) => self.begin_with_subscriber(message, kept_ref).await,
                PublishState::SingleGroup(message) => match self.begin(message, kept_ref, false) {
                    // No retries: `Publish` has let other tasks run before.
                    Err(PublishState::Dispatched(mut dispatch)) => {
                        dispatch.wait().await;
                        self.conclude(dispatch)
                    }
                    published => published,
                },
                PublishState::Dispatched(mut dispatch) => {
                    dispatch.retry().await;
                    dispatch.wait().await;
                    self.conclude(dispatch)
                }
                PublishState::Refused(error) => break Err(error),
            };
            match published {
                Ok(delivery) => break Ok(delivery),
                Err(next) => state = next,
            }
        };
        user::discard(kept);
        result
    }

    /// Begins, and if the topic has no subscriber waits for one and begins once more.
    ///
    /// No subscriber is overlooked:
    ///
    /// 1. The publisher registers with `subscribed`.
    /// 2. It looks at the list of groups.
    /// 3. A subscriber puts its group into the list, and then notifies.
    ///
    /// If 3 puts the group into the list before 2, the publisher sees it. Otherwise 3 notifies
    /// after 1.
    async fn begin_with_subscriber(
        &self,
        message: T,
        kept: Option<&Arc<LastMessage<T>>>,
    ) -> Result<Delivery, PublishState<T>> {
        let subscribed = self.shared.subscribed.notified();
        match self.begin(message, kept, false) {
            Err(PublishState::NoSubscribers(message)) => {
                subscribed.await;
                self.begin(message, kept, false)
            }
            published => published,
        }
    }

    /// Ends a dispatch, and closes the groups whose members have all ended.
    ///
    /// If nothing became of the message (no group took it, and none counted it) it comes back where
    /// the topic is closed, or has to have subscribers.
    fn conclude(&self, mut dispatch: Box<Dispatch<T>>) -> Result<Delivery, PublishState<T>> {
        let state = &*self.shared;
        dispatch.take_groups_without_members().iter().for_each(|group| state.close_group(group));
        let reason = match state.is_closed() {
            true => Some(RefusalReason::Closed),
            // Not if a group is full: then there are subscribers.
            false if state.options.subscriber_aware && !dispatch.is_waiting() => Some(RefusalReason::NoSubscribers),
            false => None,
        };
        if let Some(reason) = reason {
            if let Some(message) = dispatch.take_back() {
                return Err(self.refused(reason, message));
            }
        }
        Ok(dispatch.finish())
    }
}

/// The future of [`Topic::publish`].
#[must_use = "nothing is published before it is awaited"]
pub struct Publish<'a, T> {
    topic: &'a Topic<T>,
    /// The message, until it was published or waits in `waiting`.
    message: Option<T>,
    /// How often other tasks were let run since the only group was full.
    yields: u32,
    /// The rest, once there is waiting to do. Boxed, so that a future that need not wait is a small
    /// one.
    waiting: Option<WaitingPublish<'a, T>>,
}

type WaitingPublish<'a, T> = Pin<Box<dyn Future<Output = Result<Delivery, PublishError<T>>> + Send + 'a>>;

/// Nothing in it is pinned that is not in a box.
impl<T> Unpin for Publish<'_, T> {}

impl<T: Clone + Send + 'static> Future for Publish<'_, T> {
    type Output = Result<Delivery, PublishError<T>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.waiting.is_some() {
            return self.poll_waiting(cx);
        }
        if self.yields == 0 {
            ready!(coop::poll(cx));
        }
        let message = self.message.take().expect("`Publish` polled after it was ready");
        let topic = self.topic;
        let kept = topic.shared.copy_to_keep(&message);
        match topic.begin(message, kept.as_ref(), true) {
            Ok(delivery) => Poll::Ready(Ok(delivery)),
            Err(state) => self.go_on(state, kept, cx),
        }
    }
}

impl<T: Clone + Send + 'static> Publish<'_, T> {
    #[cold]
    fn go_on(
        &mut self,
        state: PublishState<T>,
        kept: Option<Arc<LastMessage<T>>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Delivery, PublishError<T>>> {
        match state {
            // Before anything is allocated for a wait: usually that is enough.
            PublishState::SingleGroup(message) if self.yields < YIELDS => {
                self.yields += 1;
                self.message = Some(message);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            PublishState::Refused(error) => {
                user::discard(kept);
                Poll::Ready(Err(error))
            }
            state => {
                self.waiting = Some(Box::pin(self.topic.retry_until_finished(state, kept)));
                self.poll_waiting(cx)
            }
        }
    }

    #[cold]
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Result<Delivery, PublishError<T>>> {
        match &mut self.waiting {
            Some(waiting) => waiting.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<T> fmt::Debug for Publish<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish").field("topic", self.topic).finish_non_exhaustive()
    }
}
