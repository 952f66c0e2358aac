//! A member of a group.

use super::group::{GroupState, Member};
use super::replay::Replayed;
use super::shared::TopicState;
use super::stats::GroupStats;
use crate::coop;
use async_channel::{Receiver, TryRecvError as Empty};
use futures_core::Stream;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A subscription to a topic: one member of a group.
///
/// It ends, once and for good, when the topic is closed and what was buffered has been received;
/// when nobody can publish any more, because neither the registry nor a handle of the topic is
/// left; or when the scope it was [taken in](super::Intracom::scoped) ends. To drop it is to leave;
/// the last member ends its group, and what is still buffered is counted as
/// [discarded](super::DropCounts::discarded).
///
/// It is a [`Stream`] as well. Prefer [`recv`](Subscription::recv) where several members of one
/// group wait: it wakes one of them for a message, polling a stream wakes them all.
pub struct Subscription<T> {
    topic: Weak<TopicState<T>>,
    queue: Arc<GroupState<T>>,
    member: Arc<Member>,
    left: bool,
    /// What [`Stream`] needs to be polled again and again.
    polled: Option<StreamState<T>>,
}

/// What a subscription has at one instant.
enum NextMessage<T> {
    Message(T),
    Empty,
    /// The replayed message is next, and another thread has it in the hand.
    Busy,
    Ended,
}

struct StreamState<T> {
    receiver: Pin<Box<Receiver<T>>>,
    scope: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl<T> Subscription<T> {
    pub(super) fn new(topic: Weak<TopicState<T>>, queue: Arc<GroupState<T>>, member: Arc<Member>) -> Self {
        Subscription { topic, queue, member, left: false, polled: None }
    }

    /// The name of its group; `#n` for a group of its own.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.queue.name
    }

    /// What has happened in its group so far, drops included.
    #[must_use]
    pub fn stats(&self) -> GroupStats {
        self.queue.stats()
    }

    fn leave(&mut self) {
        if std::mem::replace(&mut self.left, true) {
            return;
        }
        self.polled = None;
        match self.topic.upgrade() {
            Some(topic) => topic.leave(&self.queue, &self.member),
            // Without a topic nobody can join: no need for its lock.
            None if self.queue.exit(&self.member) => self.queue.end(),
            None => {}
        }
    }

    /// Whether it has ended by itself; if its scope has, it leaves.
    #[inline]
    fn is_over(&mut self) -> bool {
        if !self.left && self.member.scope.as_ref().is_some_and(CancellationToken::is_cancelled) {
            self.leave();
        }
        self.left
    }
}

impl<T: Clone + Send + 'static> Subscription<T> {
    /// The next message; `None` once the subscription has ended.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is done, no message is lost: the next call, or another member, gets it.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(coop::poll).await;
        loop {
            match self.look() {
                NextMessage::Message(message) => return Some(message),
                NextMessage::Ended => return None,
                // Another thread is cloning that very message: let others run, and look again.
                NextMessage::Busy => {
                    tokio::task::yield_now().await;
                    continue;
                }
                NextMessage::Empty => {}
            }
            let item = match &self.member.scope {
                None => self.queue.receiver.recv().await,
                Some(scope) => tokio::select! {
                    biased;
                    item = self.queue.receiver.recv() => item,
                    () = scope.cancelled() => continue,
                },
            };
            if item.is_ok() {
                self.member.count();
            }
            return item.ok();
        }
    }

    /// The last message, if the group began with it and nobody has taken it.
    #[cold]
    fn replayed(&self) -> Option<NextMessage<T>> {
        match self.queue.replay.receive() {
            Replayed::Nothing => None,
            Replayed::Busy => Some(NextMessage::Busy),
            Replayed::Message(out) => {
                // Before it is cloned, for that may panic.
                self.member.count();
                Some(NextMessage::Message(out.copy()))
            }
        }
    }

    /// The next message, if there is one now.
    #[inline]
    fn look(&mut self) -> NextMessage<T> {
        if self.is_over() {
            return NextMessage::Ended;
        }
        if self.queue.replay.is_there() {
            if let Some(replayed) = self.replayed() {
                return replayed;
            }
        }
        match self.queue.receiver.try_recv() {
            Ok(message) => {
                self.member.count();
                NextMessage::Message(message)
            }
            Err(Empty::Empty) => NextMessage::Empty,
            Err(Empty::Closed) => NextMessage::Ended,
        }
    }

    /// [`recv`](Subscription::recv), by the name a stream has for it.
    ///
    /// # Cancel safety
    ///
    /// As [`recv`](Subscription::recv).
    pub async fn next(&mut self) -> Option<T> {
        self.recv().await
    }

    /// A message, if there is one now. A [replayed](super::Group::replay_last) one is not there while another
    /// thread is cloning the same message for another group.
    ///
    /// # Errors
    ///
    /// There is none yet, or there will never be one.
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.look() {
            NextMessage::Message(message) => Ok(message),
            NextMessage::Empty | NextMessage::Busy => Err(TryRecvError::Empty),
            NextMessage::Ended => Err(TryRecvError::Ended),
        }
    }
}

impl<T: Clone + Send + 'static> Stream for Subscription<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        loop {
            if this.is_over() {
                return Poll::Ready(None);
            }
            match this.replayed() {
                Some(NextMessage::Message(message)) => return Poll::Ready(Some(message)),
                Some(_) => {
                    // As in `recv`.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                None => {}
            }
            let polled = this.polled.get_or_insert_with(|| StreamState {
                receiver: Box::pin(this.queue.receiver.clone()),
                scope: this.member.scope.clone().map(|scope| Box::pin(scope.cancelled_owned())),
            });
            match polled.receiver.as_mut().poll_next(cx) {
                Poll::Ready(Some(message)) => {
                    this.member.count();
                    return Poll::Ready(Some(message));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {}
            }
            match &mut polled.scope {
                None => return Poll::Pending,
                Some(scope) => ready!(scope.as_mut().poll(cx)),
            }
        }
    }
}

impl<T> Drop for Subscription<T> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("group", &self.queue.name)
            .field("queued", &self.queue.receiver.len())
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// Why [`Subscription::try_recv`] has no message.
///
/// ```
/// use rxd::intracom::{Group, Intracom, Topic, TryRecvError};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let topic: Topic<u32> = Intracom::new().topic("readings")?;
/// let mut readings = topic.subscribe(Group::private())?;
/// assert_eq!(readings.try_recv(), Err(TryRecvError::Empty));
/// topic.close();
/// assert_eq!(readings.try_recv(), Err(TryRecvError::Ended));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// There is none yet.
    Empty,
    /// There will never be one: the subscription has ended.
    Ended,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "no message yet",
            TryRecvError::Ended => "the subscription has ended",
        })
    }
}

impl std::error::Error for TryRecvError {}
