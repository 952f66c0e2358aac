//! One consumer group: its buffer, its policy, its members, its counts.
//!
//! Publishers offer messages ([`GroupState::offer`]), subscriptions take them from `receiver`, and
//! the topic adds and removes members. The buffer is an [`async_channel`]; the group adds what the
//! channel has no notion of: what happens when the buffer is full, who may receive, and what is
//! counted.
//!
//! # Invariants
//!
//! 1. A message that is in the buffer leaves it by being received, evicted or discarded, and is
//!    counted then. The number of accepted messages is the sum of these counts and of what is still
//!    in the buffer, so publishers share one counter less.
//! 2. Closing happens in this order: `ended` is set (if the last member has left), `closed` is set,
//!    the channel is closed, the channel is drained (if `ended`). So if a message gets into the
//!    buffer after the drain, its publisher finds `ended` set after its push, and drains again.
//! 3. No lock of this file is held while user code runs, and a message is counted before user code
//!    runs that may panic. So if [`GroupState::offer`] or a [`Waiter`](super::waiter::Waiter)
//!    unwinds, its message has been counted, and no other code has to count it.
//! 4. The channel carries messages as they are, with nothing wrapped around them. A
//!    [replayed](ReplaySlot) message is kept beside it and counts as the oldest message of the
//!    buffer: it is received first, and it takes one place of the capacity. Publishers keep that
//!    place free by looking before they push, so of several publishers that look at the same time
//!    one may exceed the capacity by one message.
//!
//! # Memory ordering
//!
//! `ended` and `closed` are stored before the channel is closed, and loaded after a push. These
//! stores and loads are `SeqCst`, since they have to be ordered with steps inside the channel: of a
//! close and a push that race, either the push finds the channel closed, or the load after it sees
//! the store.
//!
//! `stalled` and the counts are `Relaxed`, since no other memory is read on the strength of them.
//! They are updated before a publish or a receive returns, so code that synchronises with that
//! return sees them.

use super::options::{Group, Policy};
use super::replay::{LastMessage, ReplaySlot};
use super::stats::{ClosedGroups, DropCounts, GroupStats};
use super::user::Disposal;
use crate::sync::atomic::{AtomicBool, AtomicU64};
use crate::sync::{Mutex, assert_none_held};
use async_channel::{Receiver, Sender, TrySendError};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
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

/// The messages that were evicted, from the buffer and from the replay slot. The caller drops them,
/// once it has noted what became of its own message: their drop may panic.
type Evicted<T> = (Option<T>, Option<Arc<LastMessage<T>>>);

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
    pub(super) sender: Sender<T>,
    pub(super) receiver: Receiver<T>,
    /// The last message of the topic, if the group began with it.
    pub(super) replay: ReplaySlot<T>,
    members: Mutex<Members>,
    /// With [`Policy::Block`]: whether the group has used up the block timeout and has had no room
    /// since.
    stalled: AtomicBool,
    /// Whether nothing more is to be sent.
    closed: AtomicBool,
    /// Whether the last member has left, so that nothing is received any more.
    ended: AtomicBool,
    counts: AtomicDropCounts,
    totals: Arc<ClosedGroupTotals>,
}

#[derive(Default)]
struct Members {
    present: Vec<Arc<Member>>,
    /// Whether the group ever had one. It may not, if another subscriber began a group of its name
    /// first.
    begun: bool,
    /// The messages that members who have left had received.
    received: u64,
}

/// A member of a group.
pub(super) struct Member {
    /// The member ends when this is cancelled.
    pub(super) scope: Option<CancellationToken>,
    received: AtomicU64,
}

impl Member {
    pub(super) fn new(scope: Option<CancellationToken>) -> Self {
        Member { scope, received: AtomicU64::new(0) }
    }

    /// Counts a message received. Only the member itself calls this, and it needs `&mut` to
    /// receive. So there is one writer, and no need for an atomic addition.
    #[inline]
    pub(super) fn count(&self) {
        self.received.store(self.received.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

impl Members {
    /// Whether there is no member but those whose scope has ended.
    fn are_gone(&self) -> bool {
        self.present.iter().all(|member| member.scope.as_ref().is_some_and(CancellationToken::is_cancelled))
    }
}

#[derive(Default)]
struct AtomicDropCounts {
    oldest: AtomicU64,
    newest: AtomicU64,
    stalled: AtomicU64,
    abandoned: AtomicU64,
    discarded: AtomicU64,
}

/// What the closed groups of a topic have counted. A group adds its counts when it is dropped,
/// since a publisher that still holds it can change them until then.
#[derive(Default)]
pub(super) struct ClosedGroupTotals(Mutex<ClosedGroups>);

impl ClosedGroupTotals {
    pub(super) fn get(&self) -> ClosedGroups {
        *self.0.lock()
    }

    fn add(&self, accepted: u64, received: u64, dropped: DropCounts) {
        let mut ended = self.0.lock();
        ended.groups += 1;
        ended.accepted += accepted;
        ended.received += received;
        ended.dropped.add(dropped);
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
        let (sender, receiver) = async_channel::bounded(group.capacity);
        GroupState {
            topic: topic.clone(),
            name,
            number,
            capacity: group.capacity,
            policy: group.policy,
            block_timeout,
            shared: group.name.is_some(),
            sender,
            receiver,
            replay: ReplaySlot::none(),
            members: Mutex::new(Members::default()),
            stalled: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            counts: AtomicDropCounts::default(),
            totals: totals.clone(),
        }
    }

    /// Whether the buffer has room only for the replayed message, which has not been received yet.
    #[inline]
    fn is_full_by_replay(&self) -> bool {
        self.replay.is_there() && self.sender.len() + 1 >= self.capacity && !self.sender.is_closed()
    }

    /// Waits until there is room beside the replayed message, or none is there any more.
    pub(super) async fn room_beside_replay(&self) {
        loop {
            // Registered before the look: if the message is taken after the look, this is woken.
            let taken = self.replay.taken();
            if !self.is_full_by_replay() {
                return;
            }
            taken.await;
        }
    }

    /// A member joins.
    pub(super) fn enter(&self, member: Arc<Member>) {
        let mut members = self.members.lock();
        members.present.push(member);
        members.begun = true;
    }

    /// A member leaves. Returns whether it was the last.
    pub(super) fn exit(&self, member: &Arc<Member>) -> bool {
        let mut members = self.members.lock();
        members.present.retain(|other| !Arc::ptr_eq(other, member));
        members.received += member.received.load(Ordering::Relaxed);
        members.present.is_empty()
    }

    /// Whether no member will ever receive again. A subscription whose scope has ended may not be
    /// dropped yet.
    pub(super) fn has_no_members(&self) -> bool {
        self.members.lock().are_gone()
    }

    /// Waits until no member will ever receive again.
    pub(super) async fn until_no_members(&self) {
        loop {
            let scope = {
                let members = self.members.lock();
                let mut scopes = members.present.iter().map(|member| &member.scope);
                match scopes.find(|scope| scope.as_ref().is_none_or(|scope| !scope.is_cancelled())) {
                    None => return,
                    Some(scope) => scope.clone(),
                }
            };
            match scope {
                Some(scope) => scope.cancelled().await,
                // A member without a scope ends by leaving. If it is the last, that closes the
                // channel.
                None => std::future::pending().await,
            }
        }
    }

    /// Ends sending. What is buffered can still be received.
    pub(super) fn close(&self) {
        assert_none_held();
        self.closed.store(true, Ordering::SeqCst);
        self.sender.close();
        self.replay.wake();
    }

    /// Closes the group after its last member is gone, and discards what is buffered. If the drop
    /// of a message panics, the panic goes on once all messages are discarded.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.close();
        let mut disposal = Disposal::default();
        self.drain(&mut disposal);
        disposal.finish();
    }

    fn drain(&self, disposal: &mut Disposal) {
        while let Some(last) = self.replay.take() {
            self.counts.discarded.fetch_add(1, Ordering::Relaxed);
            disposal.discard(last);
        }
        while let Ok(message) = self.receiver.try_recv() {
            self.counts.discarded.fetch_add(1, Ordering::Relaxed);
            disposal.discard(message);
        }
    }

    /// Notes that there was room: the group is worth waiting for again.
    #[inline]
    pub(super) fn accepted(&self) {
        if self.stalled.load(Ordering::Relaxed) {
            self.stalled.store(false, Ordering::Relaxed);
        }
    }

    /// Counts a message that its publisher has abandoned.
    pub(super) fn abandon(&self) {
        self.counts.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a publisher would have to wait for room.
    pub(super) fn would_wait(&self) -> bool {
        self.limit().is_some() && (self.sender.is_full() || self.is_full_by_replay())
    }

    /// How long the policy waits for room. `None` if it does not wait.
    pub(super) fn limit(&self) -> Option<Duration> {
        let limit = match self.policy {
            Policy::Block if self.stalled.load(Ordering::Relaxed) => Duration::ZERO,
            Policy::Block => self.block_timeout,
            Policy::DropOldestAfter(limit) | Policy::DropNewestAfter(limit) => limit,
            Policy::DropOldest | Policy::DropNewest => Duration::ZERO,
        };
        (!limit.is_zero()).then_some(limit)
    }

    pub(super) fn stats(&self) -> GroupStats {
        let dropped = self.counts.get();
        let queued = self.receiver.len() + usize::from(self.replay.is_there());
        let (members, received) = {
            let members = self.members.lock();
            let received = members.present.iter().map(|member| member.received.load(Ordering::Relaxed)).sum::<u64>();
            (members.present.len(), members.received + received)
        };
        GroupStats {
            name: self.name.to_string(),
            shared: self.shared,
            capacity: self.capacity,
            policy: self.policy,
            members,
            stalled: self.stalled.load(Ordering::Relaxed),
            queued,
            accepted: received + dropped.oldest + dropped.discarded + queued as u64,
            received,
            dropped,
        }
    }
}

impl<T: Clone> GroupState<T> {
    /// Puts the message into the buffer, or does what the policy says, without waiting.
    #[inline]
    pub(super) fn offer(&self, message: T) -> Offer<T> {
        if self.policy == Policy::DropOldest {
            return self.force(message);
        }
        if self.is_full_by_replay() {
            return self.full(message);
        }
        match self.sender.try_send(message) {
            Ok(()) => {
                self.accepted();
                Offer::Accepted
            }
            Err(TrySendError::Closed(message)) => Offer::Closed(message),
            Err(TrySendError::Full(message)) => self.full(message),
        }
    }

    #[cold]
    fn full(&self, message: T) -> Offer<T> {
        match self.limit() {
            _ if self.has_no_members() => Offer::Closed(message),
            Some(_) => Offer::Full(message),
            None => self.overflow(message),
        }
    }

    /// Does what the policy says about a full buffer once the wait for room is over.
    pub(super) fn overflow(&self, message: T) -> Offer<T> {
        match self.policy {
            Policy::DropOldest | Policy::DropOldestAfter(_) => return self.force(message),
            Policy::DropNewest | Policy::DropNewestAfter(_) => &self.counts.newest,
            Policy::Block => &self.counts.stalled,
        }
        .fetch_add(1, Ordering::Relaxed);
        if self.policy == Policy::Block && !self.stalled.swap(true, Ordering::Relaxed) {
            // After the count: the log's subscriber is user code and may panic.
            tracing::warn!(
                target: "rxd::intracom", topic = &*self.topic, group = &*self.name,
                "group `{}` of topic `{}` is stalled: it had no room for {:?} (the topic's block timeout); \
                 it drops messages until it has room",
                self.name, self.topic, self.block_timeout,
            );
        }
        Offer::Dropped(message)
    }

    /// Puts the message into the buffer, whatever has to be evicted for it.
    fn force(&self, message: T) -> Offer<T> {
        let is_full_by_replay = self.is_full_by_replay();
        let buffered = match self.sender.force_send(message) {
            Ok(buffered) => buffered,
            Err(async_channel::SendError(message)) => return Offer::Closed(message),
        };
        // After the push: if that is refused since the topic was closed, the replayed message can
        // still be received.
        let replayed = if is_full_by_replay { self.replay.take() } else { None };
        self.accepted();
        let evicted = u64::from(buffered.is_some()) + u64::from(replayed.is_some());
        if evicted > 0 {
            self.counts.oldest.fetch_add(evicted, Ordering::Relaxed);
        }
        // A forced push stores the queue's tail without regard to a close that came in between
        // (concurrent-queue 2.5), and so can undo the close. So this closes the channel again.
        if self.closed.load(Ordering::SeqCst) {
            self.sender.close();
            if self.ended.load(Ordering::SeqCst) {
                let mut disposal = Disposal::default();
                self.drain(&mut disposal);
                disposal.discard((buffered, replayed));
                disposal.finish();
                return if evicted == 0 { Offer::Accepted } else { Offer::Evicted((None, None)) };
            }
        }
        if evicted == 0 {
            return Offer::Accepted;
        }
        Offer::Evicted((buffered, replayed))
    }
}

impl AtomicDropCounts {
    fn get(&self) -> DropCounts {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DropCounts {
            oldest: get(&self.oldest),
            newest: get(&self.newest),
            stalled: get(&self.stalled),
            abandoned: get(&self.abandoned),
            discarded: get(&self.discarded),
        }
    }
}

impl<T> Drop for GroupState<T> {
    fn drop(&mut self) {
        if self.members.lock().begun {
            let GroupStats { accepted, received, dropped, .. } = self.stats();
            self.totals.add(accepted, received, dropped);
        }
    }
}
