//! What the handles, the publishers and the subscriptions of one topic share.
//!
//! Publishers ask it to admit a message, subscribers join and leave it, and handles and the
//! registry close it. It imports none of them: what a registry has to do about a closed topic is a
//! callback ([`OnClose`]).
//!
//! # Invariants
//!
//! 1. Publishers read the groups from one immutable list, which they share. Joining and leaving
//!    change [`Groups`] and forget the list; the next publisher makes the new one. So a join costs
//!    the same at any number of groups.
//! 2. On a topic that keeps its last message, admitting a message and beginning a group exclude
//!    each other, under the topic's lock. So a new group gets a message either directly or, if it was the
//!    last one, as its replay. It never gets both, and never out of order.
//! 3. A group that is removed may still be in the list that a publisher has read. So it counts
//!    on, and what it has counted is added up when its last owner drops it. Until then
//!    `leaving` knows it.
//!
//! # Lock order
//!
//! Locks are taken in the order registry, topic, group, kept message.
//! None is held over an `.await`, a wake-up, or a message's `Clone` or `Drop` (see `user`).

use super::dispatch::GroupList;
use super::error::{RefusalReason, TopicError, TopicErrorKind, TopicUse};
use super::group::{GroupState, Member};
use super::options::{Group, TopicOptions};
use super::replay::LastMessage;
use super::stats::{ClosedGroupTotals, TopicStats};
use super::user::{self, Disposal};
use crate::sync::{Mutex, assert_none_held};
use std::collections::BTreeMap;
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Weak};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A topic, behind all its handles.
pub(super) struct TopicState<T> {
    pub(super) name: Arc<str>,
    pub(super) created: TopicUse,
    pub(super) options: TopicOptions,
    /// Called once a handle has closed the topic, so that its registry forgets it.
    on_close: OnClose,
    state: Mutex<LockedState<T>>,
    /// Notified when the topic gets a new group, and when it is closed.
    pub(super) subscribed: Notify,
    /// What the groups have counted that are closed and dropped.
    totals: Arc<ClosedGroupTotals>,
}

/// Called with the topic's name, without a lock, once a handle has closed the topic. The bounds
/// keep [`Topic`](super::Topic) unwind safe.
pub(super) type OnClose = Box<dyn Fn(&str) + Send + Sync + UnwindSafe + RefUnwindSafe>;

/// What a subscription holds: its group, and itself as a member of the group.
pub(super) type Membership<T> = (Arc<GroupState<T>>, Arc<Member>);

/// The groups that a message is for, and the message that was kept until now.
type Admitted<T> = (GroupList<T>, Option<Arc<LastMessage<T>>>);

/// What the lock of a topic guards.
struct LockedState<T> {
    groups: Groups<T>,
    /// The groups, as publishers read them. `None` if groups have joined or left since it was made.
    list: Option<GroupList<T>>,
    closed: bool,
    /// How many messages were published while there was no group.
    no_subscribers: u64,
    /// Groups that were removed, but that a publisher may still hold.
    leaving: Vec<Weak<GroupState<T>>>,
    /// Keeps removed groups alive in loom's models: loom does not see that `Arc` orders the drop of
    /// what threads share.
    #[cfg(loom)]
    closed_groups: Vec<Arc<GroupState<T>>>,
    last: Option<Arc<LastMessage<T>>>,
}

/// The groups of a topic.
struct Groups<T> {
    /// Oldest first, by their numbers.
    by_number: BTreeMap<u64, Arc<GroupState<T>>>,
    /// Those that others can join.
    by_name: BTreeMap<Arc<str>, Arc<GroupState<T>>>,
    /// How many there have been. The next one has this number.
    begun: u64,
    /// How many private ones there have been. The next one is named `#` and this number.
    private: u64,
}

impl<T> Groups<T> {
    /// The name and the number of the next group.
    fn next(&mut self, asked: Option<&str>) -> (Arc<str>, u64) {
        self.begun += 1;
        let name = match asked {
            Some(name) => name.into(),
            None => {
                self.private += 1;
                format!("#{}", self.private).into()
            }
        };
        (name, self.begun)
    }

    fn insert(&mut self, group: &Arc<GroupState<T>>) {
        self.by_number.insert(group.number, group.clone());
        if group.shared {
            self.by_name.insert(group.name.clone(), group.clone());
        }
    }

    /// Returns whether it was there.
    fn remove(&mut self, group: &GroupState<T>) -> bool {
        let was_there = self.by_number.remove(&group.number).is_some();
        if was_there && group.shared {
            self.by_name.remove(&group.name);
        }
        was_there
    }
}

impl<T> Default for Groups<T> {
    fn default() -> Self {
        Groups { by_number: BTreeMap::new(), by_name: BTreeMap::new(), begun: 0, private: 0 }
    }
}

impl<T> LockedState<T> {
    /// The list of groups. It is made anew if it is outdated.
    #[inline]
    fn list(&mut self) -> GroupList<T> {
        match &self.list {
            Some(list) => list.clone(),
            None => self.list.insert(self.groups.by_number.values().cloned().collect()).clone(),
        }
    }
}

impl<T> TopicState<T> {
    pub(super) fn new(name: Arc<str>, created: TopicUse, options: TopicOptions, on_close: OnClose) -> Self {
        TopicState {
            name,
            created,
            options,
            on_close,
            state: Mutex::new(LockedState {
                groups: Groups::default(),
                list: None,
                closed: false,
                no_subscribers: 0,
                leaving: Vec::new(),
                #[cfg(loom)]
                closed_groups: Vec::new(),
                last: None,
            }),
            subscribed: Notify::new(),
            totals: Arc::default(),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Closes the topic, and drops the kept message into `disposal`. Does nothing if the topic is
    /// closed already.
    pub(super) fn close(&self, disposal: &mut Disposal) {
        let (groups, last) = {
            let mut state = self.state.lock();
            if mem::replace(&mut state.closed, true) {
                return;
            }
            (state.groups.by_number.clone(), state.last.take())
        };
        groups.values().for_each(|group| group.close());
        assert_none_held();
        self.subscribed.notify_waiters();
        disposal.discard(last);
    }

    /// Closes the topic, and has its registry forget it.
    pub(super) fn close_and_unregister(&self) {
        let mut disposal = Disposal::default();
        self.close(&mut disposal);
        assert_none_held();
        (self.on_close)(&self.name);
        disposal.finish();
    }

    /// Whether the topic has groups, and a publisher would have to wait for each of them.
    pub(super) fn would_wait(&self) -> bool {
        let list = {
            let mut state = self.state.lock();
            if state.closed {
                return false;
            }
            state.list()
        };
        !list.is_empty() && list.iter().all(|group| group.would_wait())
    }

    /// Removes a group whose members have all ended, and ends it.
    pub(super) fn close_group(&self, group: &Arc<GroupState<T>>) {
        self.remove(group, &mut self.state.lock());
        group.end();
    }

    /// A member leaves. If it was the last one, the group ends.
    pub(super) fn leave(&self, group: &Arc<GroupState<T>>, member: &Arc<Member>) {
        {
            let mut state = self.state.lock();
            // Under the topic's lock, so that no member joins a group that is about to end.
            if !group.exit(member) {
                return;
            }
            self.remove(group, &mut state);
        }
        group.end();
    }

    /// Removes a group, if it is there. The caller holds it.
    fn remove(&self, group: &Arc<GroupState<T>>, state: &mut LockedState<T>) {
        if !state.groups.remove(group) {
            return;
        }
        state.leaving.retain(|other| other.strong_count() > 0);
        state.leaving.push(Arc::downgrade(group));
        #[cfg(loom)]
        state.closed_groups.push(group.clone());
        // The caller and `groups` hold every group, so no group is dropped under the lock.
        state.list = None;
    }

    pub(super) fn stats(&self) -> TopicStats {
        let (groups, closed, no_subscribers, leaving, ended) = {
            let state = self.state.lock();
            let leaving: Vec<_> = state.leaving.iter().filter_map(Weak::upgrade).collect();
            (state.groups.by_number.clone(), state.closed, state.no_subscribers, leaving, self.totals.get())
        };
        let mut stats = TopicStats {
            name: self.name.to_string(),
            type_name: self.created.type_name,
            created: self.created.place,
            closed,
            no_subscribers,
            groups: groups.values().map(|group| group.stats()).collect(),
            closed_groups: ended,
        };
        for group in leaving {
            let group = group.stats();
            stats.closed_groups.groups += 1;
            stats.closed_groups.accepted += group.accepted;
            stats.closed_groups.received += group.received;
            stats.closed_groups.dropped.add(group.dropped);
        }
        stats
    }
}

impl<T: Clone + Send + 'static> TopicState<T> {
    /// The copy of a message for a topic that keeps its last one. It is made before any lock is
    /// taken.
    pub(super) fn copy_to_keep(&self, message: &T) -> Option<Arc<LastMessage<T>>> {
        self.options.keep_last.then(|| LastMessage::new(user::copy(message)))
    }

    /// Admits a message, and keeps `last`, its copy, if there is one. Returns the groups that the
    /// message is for, and the message that was kept before, for the caller to drop without a lock;
    /// or why the message is refused.
    #[inline]
    pub(super) fn admit(&self, last: Option<&Arc<LastMessage<T>>>) -> Result<Admitted<T>, RefusalReason> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(RefusalReason::Closed);
        }
        let list = state.list();
        if list.is_empty() {
            if self.options.subscriber_aware {
                return Err(RefusalReason::NoSubscribers);
            }
            state.no_subscribers += 1;
        }
        let before = last.and_then(|last| state.last.replace(last.clone()));
        Ok((list, before))
    }

    /// Joins the group that is asked for, or begins it.
    pub(super) fn join(
        &self,
        asked: &Group<'_>,
        scope: Option<&CancellationToken>,
    ) -> Result<Membership<T>, TopicError> {
        let error = |kind| Err(TopicError::new(&self.name, kind));
        let named = || asked.name.unwrap_or("#").into();
        if !(1..=Group::MAX_CAPACITY).contains(&asked.capacity) {
            return error(TopicErrorKind::InvalidCapacity { group: named(), asked: asked.capacity });
        }
        if asked.replay_last && !self.options.keep_last {
            return error(TopicErrorKind::NoLastMessage);
        }
        if scope.is_some_and(CancellationToken::is_cancelled) {
            return error(TopicErrorKind::Cancelled);
        }
        let member = Arc::new(Member { scope: scope.cloned() });
        // The buffer of a new group is allocated without the lock. So the list is looked at once
        // more after that.
        let mut fresh: Option<Arc<GroupState<T>>> = None;
        loop {
            let mut state = self.state.lock();
            if state.closed {
                return error(TopicErrorKind::Closed);
            }
            if let Some(group) = asked.name.and_then(|name| state.groups.by_name.get(name)).cloned() {
                if group.has_no_members() {
                    // All its members were cancelled, and none has left yet: the name is free for a
                    // new group.
                    drop(state);
                    self.close_group(&group);
                    continue;
                }
                let GroupState { capacity, policy, .. } = *group;
                if (capacity, policy) != (asked.capacity, asked.policy) {
                    let asked = (asked.capacity, asked.policy);
                    return error(TopicErrorKind::GroupMismatch { group: named(), capacity, policy, asked });
                }
                group.enter(member.clone());
                drop(state);
                return Ok((group, member));
            }
            let Some(group) = fresh.take() else {
                let next = state.groups.next(asked.name);
                drop(state);
                let group = GroupState::new(&self.name, next, asked, self.options.block_timeout, &self.totals);
                fresh = Some(Arc::new(group));
                continue;
            };
            if let Some(last) = state.last.as_ref().filter(|_| asked.replay_last) {
                group.replay(last.clone());
            }
            group.enter(member.clone());
            state.groups.insert(&group);
            state.list = None;
            drop(state);
            assert_none_held();
            self.subscribed.notify_waiters();
            return Ok((group, member));
        }
    }
}

impl<T> Drop for TopicState<T> {
    /// Neither a handle nor the registry is left, so nothing is published any more. What is
    /// buffered can still be received, and then the subscriptions end.
    fn drop(&mut self) {
        let groups = mem::take(&mut self.state.lock().groups);
        groups.by_number.values().for_each(|group| group.close());
    }
}

/// A topic of any type, as the registry holds it.
pub(super) trait AnyTopic: Send + Sync {
    fn created(&self) -> TopicUse;
    fn options(&self) -> TopicOptions;
    fn is_closed(&self) -> bool;
    fn close(&self, disposal: &mut Disposal);
    fn stats(&self) -> TopicStats;
    fn into_any(self: Arc<Self>) -> Arc<dyn std::any::Any + Send + Sync>;
}

impl<T: Clone + Send + 'static> AnyTopic for TopicState<T> {
    fn created(&self) -> TopicUse {
        self.created
    }

    fn options(&self) -> TopicOptions {
        self.options
    }

    fn is_closed(&self) -> bool {
        TopicState::is_closed(self)
    }

    fn close(&self, disposal: &mut Disposal) {
        TopicState::close(self, disposal);
    }

    fn stats(&self) -> TopicStats {
        TopicState::stats(self)
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn std::any::Any + Send + Sync> {
        self
    }
}
