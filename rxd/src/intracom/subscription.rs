//! A subscription: what a service receives from, as one member of a group.
//!
//! # Invariants
//!
//! 1. A member leaves once: when it is dropped, or at the first call after its scope was cancelled.
//! 2. A replayed message is received before any message of the buffer. While another group clones
//!    it, the member has no message; it looks again after other tasks have run.

use super::group::{GroupState, Member, NextMessage};
use super::shared::TopicState;
use super::stats::GroupStats;
use crate::coop;
use futures_core::Stream;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// A subscription to a topic: one member of a group.
///
/// It ends, for good, at the first of these:
///
/// * the topic is closed, and what was buffered has been received;
/// * nothing can be published any more, since the registry and all handles of the topic are
///   dropped, and what was buffered has been received;
/// * the [scope](super::Intracom::scoped) that it was taken in is cancelled. What is still buffered
///   is for the other members.
///
/// A dropped subscription leaves its group. The last member ends the group, and what is still
/// buffered counts as [discarded](super::DropCounts::discarded).
///
/// It is a [`Stream`] as well. If several members of one group wait, prefer
/// [`recv`](Subscription::recv): for a message it wakes one of them, while polling a stream wakes
/// them all.
pub struct Subscription<T> {
    topic: Weak<TopicState<T>>,
    group: Arc<GroupState<T>>,
    member: Arc<Member>,
    has_left: bool,
    /// Made when it is first polled as a [`Stream`].
    stream: Option<StreamState>,
}

/// The waits of a stream, which go on from one poll to the next.
struct StreamState {
    streams: Arc<Notify>,
    arrived: Pin<Box<OwnedNotified>>,
    scope: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl StreamState {
    fn new(streams: Arc<Notify>, scope: Option<CancellationToken>) -> Self {
        let arrived = Box::pin(streams.clone().notified_owned());
        StreamState { streams, arrived, scope: scope.map(|scope| Box::pin(scope.cancelled_owned())) }
    }

    /// Ready once a message has arrived, or the group was closed, since it was last ready.
    fn poll_arrived(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.arrived.as_mut().poll(cx));
        self.arrived.set(self.streams.clone().notified_owned());
        Poll::Ready(())
    }
}

impl<T> Subscription<T> {
    pub(super) fn new(topic: Weak<TopicState<T>>, group: Arc<GroupState<T>>, member: Arc<Member>) -> Self {
        Subscription { topic, group, member, has_left: false, stream: None }
    }

    /// The name of its group; `#n` for a [private](super::Group::private) group.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group.name
    }

    /// What has happened in its group so far, drops included.
    #[must_use]
    pub fn stats(&self) -> GroupStats {
        self.group.stats()
    }

    fn leave(&mut self) {
        if std::mem::replace(&mut self.has_left, true) {
            return;
        }
        self.stream = None;
        match self.topic.upgrade() {
            Some(topic) => topic.leave(&self.group, &self.member),
            // Without a topic nothing can join the group: no need for the topic's lock.
            None if self.group.exit(&self.member) => self.group.end(),
            None => {}
        }
    }

    /// Whether it has left its group. If its scope was cancelled, it leaves now.
    #[inline]
    fn has_left(&mut self) -> bool {
        if !self.has_left && self.member.scope.as_ref().is_some_and(CancellationToken::is_cancelled) {
            self.leave();
        }
        self.has_left
    }
}

impl<T: Clone + Send + 'static> Subscription<T> {
    /// Waits for the next message; `None` once the subscription has ended.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it is done, no message is lost: the next call, or another member,
    /// receives it.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(coop::poll).await;
        loop {
            match self.look() {
                NextMessage::Message(message) => return Some(message),
                NextMessage::Replayed(taken) => return Some(taken.copy()),
                NextMessage::Ended => return None,
                // Another thread is cloning that message: let other tasks run, and look again.
                NextMessage::Busy => tokio::task::yield_now().await,
                NextMessage::Empty => self.wait().await,
            }
        }
    }

    /// Waits until there may be a message, or the subscription may have ended.
    async fn wait(&self) {
        let mut arrived = pin!(self.group.arrived.notified());
        // Registered before the look: invariant 5 of a group.
        arrived.as_mut().enable();
        if !self.group.is_empty() {
            return;
        }
        match &self.member.scope {
            None => arrived.await,
            Some(scope) => scope.run_until_cancelled(arrived).await.unwrap_or_default(),
        }
    }

    /// The next message, if there is one now.
    #[inline]
    fn look(&mut self) -> NextMessage<T> {
        if self.has_left() { NextMessage::Ended } else { self.group.take() }
    }

    /// As [`recv`](Subscription::recv), under the name that streams have for it.
    ///
    /// # Cancel safety
    ///
    /// As [`recv`](Subscription::recv).
    pub async fn next(&mut self) -> Option<T> {
        self.recv().await
    }

    /// The next message, if there is one now.
    ///
    /// # Errors
    ///
    /// * [`Empty`](TryRecvError::Empty): there is none yet. This is also so while another thread
    ///   clones the [replayed](super::Group::replay_last) message for another group.
    /// * [`Ended`](TryRecvError::Ended): the subscription has ended.
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.look() {
            NextMessage::Message(message) => Ok(message),
            NextMessage::Replayed(taken) => Ok(taken.copy()),
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
            if this.has_left() {
                return Poll::Ready(None);
            }
            // Made before the look: a message that arrives after the look wakes it.
            let stream =
                this.stream.get_or_insert_with(|| StreamState::new(this.group.streams(), this.member.scope.clone()));
            match this.group.take() {
                NextMessage::Message(message) => return Poll::Ready(Some(message)),
                NextMessage::Replayed(taken) => return Poll::Ready(Some(taken.copy())),
                NextMessage::Ended => return Poll::Ready(None),
                NextMessage::Busy => {
                    // As in `recv`.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                NextMessage::Empty => {}
            }
            if stream.poll_arrived(cx).is_ready() {
                continue;
            }
            match &mut stream.scope {
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
            .field("group", &self.group.name)
            .field("queued", &self.group.queued())
            .field("has_left", &self.has_left)
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
    /// There is no message yet.
    Empty,
    /// The subscription has ended: there will never be one.
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
