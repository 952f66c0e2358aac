//! One consumer group: its buffer, its policy, its members, its counts.
//!
//! Publishers offer messages ([`GroupState::offer`]), subscriptions take them
//! ([`GroupState::take`]), and the topic adds and removes members.
//!
//! # Invariants
//!
//! 1. A message that is in the buffer leaves it by being received, evicted or discarded, and is
//!    counted then, under the same lock. The number of accepted messages is the sum of these counts
//!    and of what is still in the buffer.
//! 2. Nothing gets into the buffer of a closed group.
//! 3. The lock is not held while user code runs: no message is cloned or dropped under it, and no
//!    task woken. A message is counted before user code runs that may panic. So if
//!    [`GroupState::offer`] or a [`Waiter`](super::waiter::Waiter) unwinds, its message has been
//!    counted, and no other code has to count it.
//! 4. A [replayed](super::replay) message is kept beside the others and counts as the oldest message
//!    of the buffer: it is received first, and it takes one place of the capacity.
//! 5. No wake-up is lost. Each message that is put into the buffer notifies one member that waits
//!    for `arrived`, and every stream; each place that becomes free notifies one publisher that
//!    waits for `room`; closing notifies all of them.
//!    1. A task registers with the [`Notify`].
//!    2. It looks whether it has to wait, under the lock.
//!    3. Another task changes the buffer under the lock, and then notifies.
//!
//!    If 3 changes the buffer before 2, the task sees it. Otherwise 3 notifies after 1. If the
//!    future of a task that was notified is dropped, `Notify` passes the notification on; a member
//!    that was notified and then leaves passes it on itself ([`GroupState::exit`]).

use super::options::{Group, Policy};
use super::replay::{LastMessage, TakenMessage};
use super::stats::{ClosedGroupTotals, DropCounts, GroupStats};
use super::user::Disposal;
use crate::sync::{Mutex, MutexGuard, assert_none_held};
use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// What became of the offer of a message to one group.
pub(super) enum Offer<T> {
    /// The message is in the buffer.
    Accepted,
    /// The message is in the buffer, and older messages were evicted for it.
    Evicted(Evicted<T>),
    /// The policy was to drop the message. It is counted.
    Dropped(T),
    /// The buffer is full, and the policy is to wait. Nothing is counted.
    Full(T),
    /// The group or its topic is closed. Nothing is counted.
    Closed(T),
}

/// The message that was evicted: from the buffer, or the replayed one. The caller drops it, once it
/// has noted what became of its own message: its drop may panic.
type Evicted<T> = (Option<T>, Option<Arc<LastMessage<T>>>);

/// What a group has for a member at one moment.
pub(super) enum NextMessage<T> {
    Message(T),
    Replayed(TakenMessage<T>),
    Empty,
    /// The replayed message is next, and another group is cloning it.
    Busy,
    Ended,
}

/// A group, as publishers, members and the topic share it.
pub(super) struct GroupState<T> {
    /// The topic's name.
    topic: Arc<str>,
    pub(super) name: Arc<str>,
    /// Its place among the groups of the topic.
    pub(super) number: u64,
    pub(super) capacity: usize,
    pub(super) policy: Policy,
    block_timeout: Duration,
    /// Whether others can join by its name.
    pub(super) shared: bool,
    buffer: Mutex<Buffer<T>>,
    /// Wakes one member that waits for a message.
    pub(super) arrived: Notify,
    /// Wakes one publisher that waits for room.
    pub(super) room: Notify,
    totals: Arc<ClosedGroupTotals>,
}

/// What the lock of a group guards.
struct Buffer<T> {
    /// The last message of the topic, if the group began with it and no member has taken it.
    replay: Option<Arc<LastMessage<T>>>,
    messages: VecDeque<T>,
    /// Whether nothing more is to be sent.
    closed: bool,
    /// With [`Policy::Block`]: whether the group has used up the block timeout and has had no room
    /// since.
    stalled: bool,
    members: Vec<Arc<Member>>,
    /// Whether the group ever had a member. It may not, if another subscriber began a group of its
    /// name first.
    begun: bool,
    received: u64,
    dropped: DropCounts,
    /// Wakes every member that waits as a stream. `None` as long as no member was polled as one.
    streams: Option<Arc<Notify>>,
}

/// A member of a group.
pub(super) struct Member {
    /// The member ends when this is cancelled.
    pub(super) scope: Option<CancellationToken>,
}

impl<T> Buffer<T> {
    fn len(&self) -> usize {
        self.messages.len() + usize::from(self.replay.is_some())
    }

    /// Whether there is no member but those whose scope has ended.
    fn has_no_members(&self) -> bool {
        self.members.iter().all(|member| member.scope.as_ref().is_some_and(CancellationToken::is_cancelled))
    }

    /// Takes the oldest message out, for another one.
    fn evict(&mut self) -> Evicted<T> {
        self.dropped.oldest += 1;
        match self.replay.take() {
            None => (self.messages.pop_front(), None),
            replayed => (None, replayed),
        }
    }
}

impl<T> GroupState<T> {
    pub(super) fn new(
        topic: &Arc<str>,
        (name, number): (Arc<str>, u64),
        group: &Group<'_>,
        block_timeout: Duration,
        totals: &Arc<ClosedGroupTotals>,
    ) -> Self {
        let buffer = Buffer {
            replay: None,
            messages: VecDeque::with_capacity(group.capacity),
            closed: false,
            stalled: false,
            members: Vec::new(),
            begun: false,
            received: 0,
            dropped: DropCounts::default(),
            streams: None,
        };
        GroupState {
            topic: topic.clone(),
            name,
            number,
            capacity: group.capacity,
            policy: group.policy,
            block_timeout,
            shared: group.name.is_some(),
            buffer: Mutex::new(buffer),
            arrived: Notify::new(),
            room: Notify::new(),
            totals: totals.clone(),
        }
    }

    /// Begins with the last message of the topic.
    pub(super) fn replay(&self, last: Arc<LastMessage<T>>) {
        self.buffer.lock().replay = Some(last);
    }

    /// A member joins.
    pub(super) fn enter(&self, member: Arc<Member>) {
        let mut buffer = self.buffer.lock();
        buffer.members.push(member);
        buffer.begun = true;
    }

    /// A member leaves. Returns whether it was the last.
    pub(super) fn exit(&self, member: &Arc<Member>) -> bool {
        let (was_last, is_empty) = {
            let mut buffer = self.buffer.lock();
            buffer.members.retain(|other| !Arc::ptr_eq(other, member));
            (buffer.members.is_empty(), buffer.messages.is_empty())
        };
        if !was_last && !is_empty {
            // It may have been woken for a message that it leaves to the others.
            self.arrived.notify_one();
        }
        was_last
    }

    /// Whether no member will ever receive again. A subscription whose scope has ended may not be
    /// dropped yet.
    pub(super) fn has_no_members(&self) -> bool {
        self.buffer.lock().has_no_members()
    }

    /// Waits until no member will ever receive again.
    pub(super) async fn until_no_members(&self) {
        loop {
            let scope = {
                let buffer = self.buffer.lock();
                let mut scopes = buffer.members.iter().map(|member| &member.scope);
                match scopes.find(|scope| scope.as_ref().is_none_or(|scope| !scope.is_cancelled())) {
                    None => return,
                    Some(scope) => scope.clone(),
                }
            };
            match scope {
                Some(scope) => scope.cancelled().await,
                // A member without a scope ends by leaving. If it is the last, that closes the
                // group.
                None => std::future::pending().await,
            }
        }
    }

    /// Ends sending. What is buffered can still be received.
    pub(super) fn close(&self) {
        let streams = {
            let mut buffer = self.buffer.lock();
            buffer.closed = true;
            buffer.streams.clone()
        };
        assert_none_held();
        self.arrived.notify_waiters();
        self.room.notify_waiters();
        wake(streams);
    }

    /// Closes the group after its last member is gone, and discards what is buffered. If the drop
    /// of a message panics, the panic goes on once all messages are discarded.
    pub(super) fn end(&self) {
        self.close();
        let (replay, messages) = {
            let mut buffer = self.buffer.lock();
            buffer.dropped.discarded += buffer.len() as u64;
            (buffer.replay.take(), mem::take(&mut buffer.messages))
        };
        let mut disposal = Disposal::default();
        disposal.discard(replay);
        messages.into_iter().for_each(|message| disposal.discard(message));
        disposal.finish();
    }

    /// Counts a message that its publisher has abandoned.
    pub(super) fn abandon(&self) {
        self.buffer.lock().dropped.abandoned += 1;
    }

    /// Whether a publisher would have to wait for room.
    pub(super) fn would_wait(&self) -> bool {
        let buffer = self.buffer.lock();
        buffer.len() >= self.capacity && self.limit(&buffer).is_some()
    }

    /// How long a publisher that begins to wait now waits for room.
    pub(super) fn wait_limit(&self) -> Duration {
        self.limit(&self.buffer.lock()).unwrap_or(Duration::ZERO)
    }

    /// How long the policy waits for room. `None` if it does not wait.
    fn limit(&self, buffer: &Buffer<T>) -> Option<Duration> {
        let limit = match self.policy {
            Policy::Block if buffer.stalled => Duration::ZERO,
            Policy::Block => self.block_timeout,
            Policy::DropOldestAfter(limit) | Policy::DropNewestAfter(limit) => limit,
            Policy::DropOldest | Policy::DropNewest => Duration::ZERO,
        };
        (!limit.is_zero()).then_some(limit)
    }

    pub(super) fn stats(&self) -> GroupStats {
        let buffer = self.buffer.lock();
        let (queued, received, dropped) = (buffer.len(), buffer.received, buffer.dropped);
        let (members, stalled) = (buffer.members.len(), buffer.stalled);
        drop(buffer);
        GroupStats {
            name: self.name.to_string(),
            shared: self.shared,
            capacity: self.capacity,
            policy: self.policy,
            members,
            stalled,
            queued,
            accepted: received + dropped.oldest + dropped.discarded + queued as u64,
            received,
            dropped,
        }
    }

    /// Puts the message into the buffer, or does what the policy says, without waiting.
    #[inline]
    pub(super) fn offer(&self, message: T) -> Offer<T> {
        match self.put(message) {
            Ok(offer) => offer,
            Err((buffer, message)) => self.full(buffer, message),
        }
    }

    /// Puts the message into the buffer, if there is room.
    pub(super) fn offer_if_room(&self, message: T) -> Offer<T> {
        match self.put(message) {
            Ok(offer) => offer,
            Err((_, message)) => Offer::Full(message),
        }
    }

    /// Puts the message into the buffer. If there is no room once the wait for it is over, does what
    /// the policy says.
    pub(super) fn offer_at_deadline(&self, message: T) -> Offer<T> {
        match self.put(message) {
            Ok(offer) => offer,
            Err((buffer, message)) => self.overflow(buffer, message),
        }
    }

    /// Puts the message into the buffer, or gives it back with the lock of the full buffer.
    #[inline]
    fn put(&self, message: T) -> Result<Offer<T>, (MutexGuard<'_, Buffer<T>>, T)> {
        let mut buffer = self.buffer.lock();
        if buffer.closed {
            return Ok(Offer::Closed(message));
        }
        if buffer.len() >= self.capacity {
            return Err((buffer, message));
        }
        // The group is worth waiting for again.
        buffer.stalled = false;
        self.push(buffer, message);
        Ok(Offer::Accepted)
    }

    #[inline]
    fn push(&self, mut buffer: MutexGuard<'_, Buffer<T>>, message: T) {
        buffer.messages.push_back(message);
        let streams = buffer.streams.clone();
        drop(buffer);
        assert_none_held();
        self.arrived.notify_one();
        wake(streams);
    }

    #[cold]
    fn full(&self, buffer: MutexGuard<'_, Buffer<T>>, message: T) -> Offer<T> {
        match self.policy {
            Policy::DropOldest => self.overflow(buffer, message),
            _ if buffer.has_no_members() => Offer::Closed(message),
            _ if self.limit(&buffer).is_some() => Offer::Full(message),
            _ => self.overflow(buffer, message),
        }
    }

    /// Does what the policy says about a full buffer that is not waited for.
    fn overflow(&self, mut buffer: MutexGuard<'_, Buffer<T>>, message: T) -> Offer<T> {
        match self.policy {
            Policy::DropOldest | Policy::DropOldestAfter(_) => {
                let evicted = buffer.evict();
                self.push(buffer, message);
                return Offer::Evicted(evicted);
            }
            Policy::DropNewest | Policy::DropNewestAfter(_) => buffer.dropped.newest += 1,
            Policy::Block => {
                buffer.dropped.stalled += 1;
                let was_stalled = mem::replace(&mut buffer.stalled, true);
                drop(buffer);
                if !was_stalled {
                    self.warn_of_stall();
                }
            }
        }
        Offer::Dropped(message)
    }

    /// After the message is counted: the log's subscriber is user code and may panic.
    fn warn_of_stall(&self) {
        tracing::warn!(
            target: "rxd::intracom", topic = &*self.topic, group = &*self.name,
            "group `{}` of topic `{}` is stalled: it had no room for {:?} (the topic's block timeout); \
             it drops messages until it has room",
            self.name, self.topic, self.block_timeout,
        );
    }

    /// Takes the oldest message out, for a member. It is counted as received.
    #[inline]
    pub(super) fn take(&self) -> NextMessage<T> {
        let mut buffer = self.buffer.lock();
        let next = if buffer.replay.is_some() {
            match LastMessage::take(&mut buffer.replay) {
                Some(taken) => NextMessage::Replayed(taken),
                None => return NextMessage::Busy,
            }
        } else {
            match buffer.messages.pop_front() {
                Some(message) => NextMessage::Message(message),
                None if buffer.closed => return NextMessage::Ended,
                None => return NextMessage::Empty,
            }
        };
        buffer.received += 1;
        drop(buffer);
        assert_none_held();
        self.room.notify_one();
        next
    }

    /// Whether a member has to wait for a message.
    pub(super) fn is_empty(&self) -> bool {
        let buffer = self.buffer.lock();
        buffer.len() == 0 && !buffer.closed
    }

    /// How many messages are buffered.
    pub(super) fn queued(&self) -> usize {
        self.buffer.lock().len()
    }

    /// What wakes members that wait as streams.
    pub(super) fn streams(&self) -> Arc<Notify> {
        self.buffer.lock().streams.get_or_insert_default().clone()
    }
}

#[inline]
fn wake(streams: Option<Arc<Notify>>) {
    if let Some(streams) = streams {
        streams.notify_waiters();
    }
}

impl<T> Drop for GroupState<T> {
    fn drop(&mut self) {
        if self.buffer.lock().begun {
            let GroupStats { accepted, received, dropped, .. } = self.stats();
            self.totals.add(accepted, received, dropped);
        }
    }
}
