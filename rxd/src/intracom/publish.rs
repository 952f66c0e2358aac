//! The publisher's side of a topic: what a message goes through, and the future that waits with it.

use super::dispatch::{Dispatch, Open, YIELDS};
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
    /// Publishes a message to every group there is, and waits for those that want to be waited for.
    ///
    /// First every group that has room gets it, then the others are waited for, all at the same
    /// time: a stuck group holds back the next message, never this one. And it does so at most
    /// for the topic's [block timeout](super::TopicOptions::block_timeout). A
    /// [subscriber-aware](super::TopicOptions::subscriber_aware) topic waits before that, for as long as
    /// nobody listens.
    ///
    /// The messages of one publisher, each published after the last has returned, arrive in that
    /// order in every group. Between publishers there is no order, and two groups may see two.
    ///
    /// The message is cloned for each group but one, and once more for each that it has to wait for.
    ///
    /// # Errors
    ///
    /// The topic is closed, and nobody got the message; it is in the error.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the groups that had room have the message. Those it waited for do
    /// not, and count it as [abandoned](super::DropCounts::abandoned); but if there is only one group, and it
    /// was full, then nothing may have been published, and nothing counted.
    ///
    /// # Panics
    ///
    /// If it has to wait for a full group outside of a tokio runtime with its timer enabled. A
    /// panic of the message's own `clone` or `drop` passes through: the groups before it
    /// have the message, the others count it as abandoned, and the topic goes on.
    pub fn publish(&self, message: T) -> Publish<'_, T> {
        Publish { topic: self, stage: Stage::New(message) }
    }

    /// The rest of [`publish`](Topic::publish), if there is any waiting to do.
    async fn persist(
        &self,
        mut attempt: Attempt<T>,
        kept: Option<Arc<LastMessage<T>>>,
    ) -> Result<Delivery, PublishError<T>> {
        loop {
            let last = kept.as_ref();
            attempt = match attempt {
                Attempt::Over(result) => {
                    user::discard(kept);
                    return result;
                }
                Attempt::Full(mut round, message) => {
                    let rest = match round.insist(message).await {
                        Some(message) if round.is_waiting() => round.wait(message).await,
                        rest => rest,
                    };
                    self.conclude(*round, rest)
                }
                Attempt::Sole(message) => match self.attempt_all(message, last) {
                    // Others were let run before.
                    Attempt::Full(mut round, message) => {
                        let rest = round.wait(message).await;
                        self.conclude(*round, rest)
                    }
                    attempt => attempt,
                },
                Attempt::NoSubscribers(message) => {
                    // Made before another look at the groups: whoever joins from here on is heard of.
                    let heard = self.shared.subscribed.notified();
                    match self.attempt_all(message, last) {
                        Attempt::NoSubscribers(message) => {
                            heard.await;
                            self.attempt_all(message, last)
                        }
                        attempt => attempt,
                    }
                }
            }
        }
    }

    /// Publishes a message to every group that need not be waited for. The others miss it, and
    /// count it as [abandoned](super::DropCounts::abandoned).
    ///
    /// # Errors
    ///
    /// The message comes back, and nothing is counted, if every group would have to be waited for
    /// ([`is_full`](PublishError::is_full)), if the topic is subscriber-aware and nobody listens
    /// ([`has_no_subscribers`](PublishError::has_no_subscribers)), or if it is closed
    /// ([`is_closed`](PublishError::is_closed)).
    pub fn try_publish(&self, message: T) -> Result<Delivery, PublishError<T>> {
        let shared = &*self.shared;
        let error = |reason, message| Err(PublishError::new(&shared.name, reason, message));
        // What is kept as the last message is published: whether it can be must be known before.
        if shared.options.keep_last && shared.would_wait() {
            return error(RefusalReason::Full, message);
        }
        let last = shared.copy(&message);
        let attempt = self.attempt(message, last.as_ref(), true);
        user::discard(last);
        match attempt {
            Ok(delivery) => Ok(delivery),
            Err(Attempt::Over(result)) => result,
            Err(Attempt::NoSubscribers(message)) => error(RefusalReason::NoSubscribers, message),
            Err(Attempt::Sole(message)) => error(RefusalReason::Full, message),
            Err(Attempt::Full(round, message)) if round.is_untouched() && !shared.options.keep_last => {
                round.forget();
                error(RefusalReason::Full, message)
            }
            Err(Attempt::Full(round, _)) => Ok(round.finish()),
        }
    }

    /// [`attempt`](Topic::attempt), where a single group is waited for as others are.
    fn attempt_all(&self, message: T, last: Option<&Arc<LastMessage<T>>>) -> Attempt<T> {
        match self.attempt(message, last, false) {
            Ok(delivery) => Attempt::Over(Ok(delivery)),
            Err(unfinished) => unfinished,
        }
    }

    /// Publishes to everybody who need not be waited for. With `sole`, nothing is done yet about a
    /// single group that has no room; but what was kept as the last message is published for good.
    #[inline]
    fn attempt(&self, message: T, last: Option<&Arc<LastMessage<T>>>, sole: bool) -> Result<Delivery, Attempt<T>> {
        if let Some(last) = last {
            return self.attempt_kept(message, last);
        }
        match self.shared.admit() {
            Ok(list) => Dispatch::begin(list, message, sole).map_err(|open| self.unfinished(open)),
            Err(reason) => Err(self.refused(reason, message)),
        }
    }

    /// As [`attempt`](Topic::attempt), on a topic that keeps its last message.
    fn attempt_kept(&self, message: T, last: &Arc<LastMessage<T>>) -> Result<Delivery, Attempt<T>> {
        let (list, before) = match self.shared.admit_kept(last) {
            Ok(admitted) => admitted,
            Err(reason) => return Err(self.refused(reason, message)),
        };
        let begun = Dispatch::begin(list, message, false);
        // The message that was kept until now. Not earlier: this one is admitted, and has to be counted in
        // each group even if the drop of that one panics.
        user::discard(before);
        begun.map_err(|open| self.unfinished(open))
    }

    #[cold]
    fn refused(&self, reason: RefusalReason, message: T) -> Attempt<T> {
        match reason {
            RefusalReason::NoSubscribers => Attempt::NoSubscribers(message),
            _ => Attempt::Over(Err(PublishError::new(&self.shared.name, reason, message))),
        }
    }

    #[cold]
    fn unfinished(&self, open: Open<T>) -> Attempt<T> {
        match open {
            Open::Sole(message) => Attempt::Sole(message),
            Open::Dispatch(round, Some(message)) if round.is_waiting() => Attempt::Full(round, message),
            Open::Dispatch(round, rest) => self.conclude(*round, rest),
        }
    }

    /// The end of a message's round; if nobody took it, maybe not of the message.
    fn conclude(&self, mut round: Dispatch<T>, rest: Option<T>) -> Attempt<T> {
        let shared = &*self.shared;
        round.take_groups_without_members().iter().for_each(|group| shared.close_group(group));
        match rest {
            Some(message) if round.is_untouched() && shared.is_closed() => {
                round.forget();
                Attempt::Over(Err(PublishError::new(&shared.name, RefusalReason::Closed, message)))
            }
            // Everybody has left in the meantime.
            Some(message) if round.is_untouched() && shared.options.subscriber_aware => {
                round.forget();
                Attempt::NoSubscribers(message)
            }
            _ => Attempt::Over(Ok(round.finish())),
        }
    }
}

/// How far a message has come.
enum Attempt<T> {
    /// To its end.
    Over(Result<Delivery, PublishError<T>>),
    /// Some group has no room.
    Full(Box<Dispatch<T>>, T),
    /// The only group has no room: so far it is as if the message had not been published.
    Sole(T),
    /// Nobody listens, and somebody should.
    NoSubscribers(T),
}

/// The future of [`Topic::publish`].
#[must_use = "nothing is published before it is awaited"]
pub struct Publish<'a, T> {
    topic: &'a Topic<T>,
    stage: Stage<'a, T>,
}

type Waiting<'a, T> = Pin<Box<dyn Future<Output = Result<Delivery, PublishError<T>>> + Send + 'a>>;

enum Stage<'a, T> {
    New(T),
    /// The only group had no room, and others were let run, so often.
    Yielded(T, usize),
    Waiting(Waiting<'a, T>),
    Done,
}

/// Nothing in it is pinned that is not in a box.
impl<T> Unpin for Publish<'_, T> {}

impl<T: Clone + Send + 'static> Future for Publish<'_, T> {
    type Output = Result<Delivery, PublishError<T>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let topic = self.topic;
        if matches!(self.stage, Stage::New(_)) {
            ready!(coop::poll(cx));
        }
        let (message, yielded) = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::New(message) => (message, 0),
            Stage::Yielded(message, times) => (message, times),
            Stage::Waiting(waiting) => return self.go_on_waiting(waiting, cx),
            Stage::Done => panic!("`Publish` polled after it was ready"),
        };
        let last = topic.shared.copy(&message);
        match topic.attempt(message, last.as_ref(), true) {
            Ok(delivery) => Poll::Ready(Ok(delivery)),
            Err(unfinished) => self.go_on(unfinished, last, yielded, cx),
        }
    }
}

impl<'a, T: Clone + Send + 'static> Publish<'a, T> {
    #[cold]
    fn go_on(
        &mut self,
        attempt: Attempt<T>,
        last: Option<Arc<LastMessage<T>>>,
        yielded: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Delivery, PublishError<T>>> {
        match attempt {
            Attempt::Over(result) => {
                user::discard(last);
                Poll::Ready(result)
            }
            // Before anything is allocated for a wait: mostly that is all it takes.
            Attempt::Sole(message) if yielded < YIELDS => {
                self.stage = Stage::Yielded(message, yielded + 1);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            unfinished => self.wait(self.topic.persist(unfinished, last), cx),
        }
    }

    #[cold]
    fn wait(
        &mut self,
        waiting: impl Future<Output = Result<Delivery, PublishError<T>>> + Send + 'a,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Delivery, PublishError<T>>> {
        // Boxed, so that a future that need not wait is a small one.
        self.go_on_waiting(Box::pin(waiting), cx)
    }

    #[cold]
    fn go_on_waiting(
        &mut self,
        mut waiting: Waiting<'a, T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Delivery, PublishError<T>>> {
        let polled = waiting.as_mut().poll(cx);
        if polled.is_pending() {
            self.stage = Stage::Waiting(waiting);
        }
        polled
    }
}

impl<T> fmt::Debug for Publish<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publish").field("topic", self.topic).finish_non_exhaustive()
    }
}
