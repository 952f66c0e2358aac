//! One consumer group: its buffer, its policy, its members, its counts.
//!
//! The buffer is an `async_channel`; the group adds what a policy is.
//!
//! 1. A message that is in the buffer leaves it by being received, evicted or discarded, and is
//!    counted then. How many were accepted is the sum of these and of what is still in it: one
//!    shared counter less that a publisher has to write.
//! 2. `ended` is set before `closed`, `closed` before the channel is closed, and the channel is
//!    closed before it is drained. So whatever gets into the buffer after the drain was put there by
//!    a publisher that sees `ended` afterwards, and drains again.
//!    Stores and loads of the two are `SeqCst`, for each pairs with a step inside the channel: the store comes
//!    before the close, the load after the push. So of a close and a push that race, either the push
//!    finds the channel closed or the load sees the store.
//! 3. `stalled` and the counts are `Relaxed`: nothing else is read on the strength of them. Who has heard
//!    of a message's end in another way (its publisher returned, its member did) finds it counted, since
//!    whatever told it so orders the counting before the reading.
//! 4. No lock of this file is held while user code runs, and a message is counted before code runs that may
//!    panic. So if [`GroupState::offer`] or a [`Waiter`] unwinds, its message has been counted, and nobody else
//!    need do so.
//! 5. The channel carries messages as they are, with nothing wrapped around them, and so costs what it costs
//!    bare. A [replayed](ReplaySlot) message is beside it, and counts as the oldest of the buffer: it is received
//!    first, and it has a place in the buffer's capacity. That place is kept for it by looking before the
//!    push: of several publishers that look at the same time, one may get in beside it.

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

/// What a group made of a message.
pub(super) enum Offer<T> {
    /// It is in the buffer.
    Accepted,
    /// It is in the buffer, in the place of what was the oldest.
    Evicted(Evicted<T>),
    /// It was dropped, and counted.
    Dropped(T),
    /// The policy is to wait.
    Full(T),
    /// The group, or its topic, is closed.
    Closed(T),
}

/// What had to make room, from the buffer and in front of it. It is passed on to be dropped, for that
/// may be to run a user's code, which may panic: what became of the message is noted first.
type Evicted<T> = (Option<T>, Option<Arc<LastMessage<T>>>);

pub(super) struct GroupState<T> {
    topic: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) capacity: usize,
    pub(super) policy: Policy,
    block_timeout: Duration,
    /// Whether others can join by its name.
    pub(super) shared: bool,
    pub(super) sender: Sender<T>,
    pub(super) receiver: Receiver<T>,
    pub(super) replay: ReplaySlot<T>,
    members: Mutex<Members>,
    stalled: AtomicBool,
    closed: AtomicBool,
    ended: AtomicBool,
    counts: AtomicDropCounts,
    totals: Arc<ClosedGroupTotals>,
}

#[derive(Default)]
struct Members {
    present: Vec<Arc<Member>>,
    /// What those who have left had received.
    received: u64,
}

/// A member of a group.
pub(super) struct Member {
    /// What it ends with.
    pub(super) scope: Option<CancellationToken>,
    received: AtomicU64,
}

impl Member {
    pub(super) fn new(scope: Option<CancellationToken>) -> Self {
        Member { scope, received: AtomicU64::new(0) }
    }

    /// Counts a message received. Only the member itself does, and it needs `&mut` to receive: there
    /// is one writer, and so no need for an atomic addition.
    #[inline]
    pub(super) fn count(&self) {
        self.received.store(self.received.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

impl Members {
    /// Whether nobody is left but members whose scope has ended.
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

/// What a topic's ended groups have counted. A group adds to it when the last publisher that had
/// it in sight has let go, for until then its numbers can change.
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
        name: Arc<str>,
        group: &Group<'_>,
        block_timeout: Duration,
        totals: &Arc<ClosedGroupTotals>,
    ) -> Self {
        let (sender, receiver) = async_channel::bounded(group.capacity);
        GroupState {
            topic: topic.clone(),
            name,
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

    /// Whether it is for the replayed message that there is no room, if there is none.
    #[inline]
    fn is_full_by_replay(&self) -> bool {
        self.replay.is_there() && self.sender.len() + 1 >= self.capacity && !self.sender.is_closed()
    }

    /// Until it is not.
    pub(super) async fn room_beside_replay(&self) {
        loop {
            // Made before the look: what changes from here on is heard of.
            let gone = self.replay.is_gone();
            if !self.is_full_by_replay() {
                return;
            }
            gone.await;
        }
    }

    pub(super) fn enter(&self, member: Arc<Member>) {
        self.members.lock().present.push(member);
    }

    /// A member leaves; whether it was the last.
    pub(super) fn exit(&self, member: &Arc<Member>) -> bool {
        let mut members = self.members.lock();
        members.present.retain(|other| !Arc::ptr_eq(other, member));
        members.received += member.received.load(Ordering::Relaxed);
        members.present.is_empty()
    }

    /// Whether nobody will ever receive again, even though a subscription may not be dropped yet.
    pub(super) fn has_no_members(&self) -> bool {
        self.members.lock().are_gone()
    }

    /// Until nobody will ever receive again.
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
                // It has to leave, and who leaves last closes.
                None => std::future::pending().await,
            }
        }
    }

    /// Lets what is buffered be received, and nothing more be sent.
    pub(super) fn close(&self) {
        assert_none_held();
        self.closed.store(true, Ordering::SeqCst);
        self.sender.close();
        self.replay.wake();
    }

    /// The last member is gone: closes, and discards what is buffered. A panic of a message goes on after
    /// all of them are discarded.
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

    /// There was room: it is worth waiting for again.
    #[inline]
    pub(super) fn accepted(&self) {
        if self.stalled.load(Ordering::Relaxed) {
            self.stalled.store(false, Ordering::Relaxed);
        }
    }

    pub(super) fn abandon(&self) {
        self.counts.abandoned.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether a publisher would have to wait.
    pub(super) fn would_wait(&self) -> bool {
        self.limit().is_some() && (self.sender.is_full() || self.is_full_by_replay())
    }

    /// How long the policy is to wait, if it is to wait at all.
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
    /// Puts the message into the buffer, or says why not, without waiting.
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

    /// The buffer is full and waiting is over.
    pub(super) fn overflow(&self, message: T) -> Offer<T> {
        match self.policy {
            Policy::DropOldest | Policy::DropOldestAfter(_) => return self.force(message),
            Policy::DropNewest | Policy::DropNewestAfter(_) => &self.counts.newest,
            Policy::Block => &self.counts.stalled,
        }
        .fetch_add(1, Ordering::Relaxed);
        if self.policy == Policy::Block && !self.stalled.swap(true, Ordering::Relaxed) {
            // After the count: what is subscribed to the log is the user's code, too.
            tracing::warn!(
                target: "rxd::intracom", topic = &*self.topic, group = &*self.name,
                "group is stalled: it is no longer waited for until it has room",
            );
        }
        Offer::Dropped(message)
    }

    fn force(&self, message: T) -> Offer<T> {
        let is_full_by_replay = self.is_full_by_replay();
        let buffered = match self.sender.force_send(message) {
            Ok(buffered) => buffered,
            Err(async_channel::SendError(message)) => return Offer::Closed(message),
        };
        // After the push: where that is refused since the topic was closed, the replayed message stays to
        // be received.
        let replayed = if is_full_by_replay { self.replay.take() } else { None };
        self.accepted();
        let evicted = u64::from(buffered.is_some()) + u64::from(replayed.is_some());
        if evicted > 0 {
            self.counts.oldest.fetch_add(evicted, Ordering::Relaxed);
        }
        // A forced push stores the queue's tail without regard to a close that came in between
        // (concurrent-queue 2.5), and so can undo it: closing is said again by whoever may have.
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
        let GroupStats { accepted, received, dropped, .. } = self.stats();
        self.totals.add(accepted, received, dropped);
    }
}
