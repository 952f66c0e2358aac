//! A topic: its groups, and the way in for publishers and subscribers.
//!
//! 1. One short lock guards the list of groups, the last message and whether the topic is closed.
//!    The list is a snapshot that publishers take with them; joining and leaving replace it.
//! 2. Admitting a message and beginning a group exclude each other: a new group gets a message
//!    either itself or, if it was the last one, as its replay; never both, never out of order.
//! 3. Locks are taken in the order registry, topic, group; none is held over an `.await`, a wake-up
//!    or the user's `Clone` or `Drop`.

use super::error::{Error, Kind, PublishError, Reason, Use};
use super::options::{Group, Options};
use super::publish::{Groups, Round};
use super::queue::{Last, Queue, Totals};
use super::registry::Registry;
use super::stats::{Delivery, TopicStats};
use super::subscription::Subscription;
use super::sync::{Mutex, lock};
use std::fmt;
use std::sync::{Arc, Weak};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(super) struct Shared<T> {
    pub(super) name: Arc<str>,
    pub(super) created: Use,
    pub(super) options: Options,
    registry: Weak<Registry>,
    state: Mutex<State<T>>,
    /// Told when a subscriber-aware topic gets its first group, and when it is closed.
    heard: Notify,
    totals: Arc<Totals>,
}

struct State<T> {
    groups: Groups<T>,
    /// Groups that have ended, but that some publisher may still have in sight.
    leaving: Vec<Weak<Queue<T>>>,
    last: Option<Last<T>>,
    closed: bool,
    published: u64,
    unheard: u64,
    /// How many groups of their own there have been: what names them.
    own: u64,
}

/// What a topic says to a message at the door.
enum Admission<T> {
    To(Groups<T>),
    Closed,
    Unheard,
}

impl<T> Shared<T> {
    pub(super) fn new(name: Arc<str>, created: Use, options: Options, registry: Weak<Registry>) -> Self {
        let state = State {
            groups: Arc::new([]),
            leaving: Vec::new(),
            last: None,
            closed: false,
            published: 0,
            unheard: 0,
            own: 0,
        };
        let heard = Notify::new();
        Shared { name, created, options, registry, state: Mutex::new(state), heard, totals: Arc::default() }
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// Whether it was open until now.
    pub(super) fn close(&self) -> bool {
        let (groups, last) = {
            let mut state = lock(&self.state);
            if state.closed {
                return false;
            }
            state.closed = true;
            (state.groups.clone(), state.last.take())
        };
        groups.iter().for_each(|group| group.close());
        self.heard.notify_waiters();
        drop(last);
        true
    }

    /// Takes a group whose members are all gone off the list, and ends it.
    pub(super) fn retire(&self, group: &Arc<Queue<T>>) {
        let before = {
            let mut state = lock(&self.state);
            state.without(group)
        };
        group.end();
        drop(before);
    }

    /// A member leaves; the last one ends the group.
    pub(super) fn leave(&self, group: &Arc<Queue<T>>, member: u64) {
        let before = {
            let mut state = lock(&self.state);
            // Under the topic's lock, so that nobody joins a group that is about to end.
            if !group.exit(member) {
                return;
            }
            state.without(group)
        };
        group.end();
        drop(before);
    }

    fn stats(&self) -> TopicStats {
        let ended = self.totals.get();
        let state = lock(&self.state);
        let (groups, closed, published, unheard) = (state.groups.clone(), state.closed, state.published, state.unheard);
        let leaving: Vec<_> = state.leaving.iter().filter_map(Weak::upgrade).collect();
        drop(state);
        let mut stats = TopicStats {
            name: self.name.to_string(),
            type_name: self.created.type_name,
            created: self.created.place,
            closed,
            published,
            unheard,
            groups: groups.iter().map(|group| group.stats()).collect(),
            ended,
        };
        for group in leaving {
            let group = group.stats();
            stats.ended.groups += 1;
            stats.ended.accepted += group.accepted;
            stats.ended.received += group.received;
            stats.ended.dropped.add(group.dropped);
        }
        stats
    }
}

impl<T> State<T> {
    /// Removes a group; the list as it was is for the caller to drop, without the lock.
    fn without(&mut self, group: &Arc<Queue<T>>) -> Option<Groups<T>> {
        if !self.groups.iter().any(|other| Arc::ptr_eq(other, group)) {
            return None;
        }
        self.leaving.retain(|other| other.strong_count() > 0);
        self.leaving.push(Arc::downgrade(group));
        let rest = self.groups.iter().filter(|other| !Arc::ptr_eq(other, group)).cloned().collect();
        Some(std::mem::replace(&mut self.groups, rest))
    }
}

impl<T: Clone + Send + 'static> Shared<T> {
    /// The copy that a topic which keeps its last message will need; made before any lock.
    fn copy(&self, message: &T) -> Option<Last<T>> {
        self.options.keep_last.then(|| Last::new(message.clone().into()))
    }

    /// Lets a message in: counts it, keeps it, and says who is to get it.
    fn admit(&self, mut last: Option<Last<T>>, again: bool) -> Admission<T> {
        let mut state = lock(&self.state);
        if state.closed {
            return Admission::Closed;
        }
        if state.groups.is_empty() {
            if self.options.subscriber_aware {
                return Admission::Unheard;
            }
            state.unheard += 1;
        }
        if !again {
            state.published += 1;
        }
        if last.is_some() {
            std::mem::swap(&mut state.last, &mut last);
        }
        let groups = state.groups.clone();
        drop(state);
        // The message kept until now: the user's, so not under the lock.
        drop(last);
        Admission::To(groups)
    }

    fn join(self: &Arc<Self>, asked: &Group<'_>, scope: Option<&CancellationToken>) -> Result<Subscription<T>, Error> {
        let error = |kind| Error::new(&self.name, kind);
        let named = || asked.name.unwrap_or("#").into();
        if !(1..=Group::MAX_CAPACITY).contains(&asked.capacity) {
            return Err(error(Kind::Capacity { group: named(), asked: asked.capacity }));
        }
        if asked.replay_last && !self.options.keep_last {
            return Err(error(Kind::NoLast));
        }
        if scope.is_some_and(CancellationToken::is_cancelled) {
            return Err(error(Kind::Cancelled));
        }
        // Its buffer is allocated outside the lock; so there are two rounds if there is no group yet.
        let mut fresh: Option<Arc<Queue<T>>> = None;
        loop {
            let mut state = lock(&self.state);
            if state.closed {
                return Err(error(Kind::Closed));
            }
            let found = state.groups.iter().find(|group| group.shared && asked.name == Some(&*group.name)).cloned();
            if let Some(group) = found {
                if group.is_deserted() {
                    drop(state);
                    self.retire(&group);
                    continue;
                }
                if asked.exclusive {
                    return Err(error(Kind::GroupExists { group: named() }));
                }
                let Queue { capacity, policy, .. } = *group;
                if (capacity, policy) != (asked.capacity, asked.policy) {
                    let asked = (asked.capacity, asked.policy);
                    return Err(error(Kind::Group { group: named(), capacity, policy, asked }));
                }
                let member = group.enter(scope.cloned());
                drop(state);
                return Ok(Subscription::new(Arc::downgrade(self), group, member, scope.cloned()));
            }
            let Some(group) = fresh.take() else {
                let name = match asked.name {
                    Some(name) => name.into(),
                    None => {
                        state.own += 1;
                        format!("#{}", state.own).into()
                    }
                };
                drop(state);
                fresh = Some(Arc::new(Queue::new(&self.name, name, asked, self.options.patience, &self.totals)));
                continue;
            };
            if let Some(last) = state.last.as_ref().filter(|_| asked.replay_last) {
                group.replay(last);
            }
            let member = group.enter(scope.cloned());
            let groups = state.groups.iter().chain([&group]).cloned().collect();
            let before = std::mem::replace(&mut state.groups, groups);
            drop(state);
            drop(before);
            self.heard.notify_waiters();
            return Ok(Subscription::new(Arc::downgrade(self), group, member, scope.cloned()));
        }
    }
}

impl<T> Drop for Shared<T> {
    /// Nobody can publish any more: what is buffered can still be received, then the streams end.
    fn drop(&mut self) {
        let groups = lock(&self.state).groups.clone();
        groups.iter().for_each(|group| group.close());
    }
}

/// A topic of messages of type `T`: where to publish, and where to subscribe.
///
/// A handle, cheap to clone. It is found or created by name with
/// [`Intracom::topic`](super::Intracom::topic), or without a name in the hand through a
/// [`Declared`](super::Declared) one.
///
/// ```
/// # use rxd::intracom::{Group, Intracom};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let intracom = Intracom::new();
/// let lines = intracom.topic::<String>("lines")?;
/// let mut log = lines.subscribe(Group::named("log"))?;
///
/// let delivery = lines.publish("hello".to_owned()).await?;
/// assert_eq!(delivery.delivered, 1);
/// assert_eq!(log.recv().await.as_deref(), Some("hello"));
/// # Ok(()) }
/// ```
pub struct Topic<T> {
    shared: Arc<Shared<T>>,
    scope: Option<CancellationToken>,
}

impl<T: Clone + Send + 'static> Topic<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, scope: Option<CancellationToken>) -> Self {
        Topic { shared, scope }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Publishes a message to every group there is, and waits for those that want to be waited for.
    ///
    /// First every group that has room gets it, then the others are waited for, all at the same
    /// time: a stuck group holds back the next message, never this one. And it does so at most
    /// for the topic's [patience](Options::patience). A
    /// [subscriber-aware](Options::subscriber_aware) topic waits before that, for as long as
    /// nobody listens.
    ///
    /// The messages of one publisher, each published after the last has returned, arrive in that
    /// order in every group. Between publishers there is no order, and two groups may see two.
    ///
    /// # Errors
    ///
    /// The topic is closed, and nobody got the message; it is in the error.
    ///
    /// # Cancel safety
    ///
    /// Dropped while it waits, the groups that had room have the message. Those it waited for do
    /// not, and count it as [abandoned](super::Drops::abandoned).
    ///
    /// # Panics
    ///
    /// If it has to wait for a full group outside of a tokio runtime with its timer enabled. A
    /// panic of the message's own `clone` or `drop` passes through: the groups before it
    /// have the message, the others count it as abandoned, and the topic goes on.
    pub async fn publish(&self, mut message: T) -> Result<Delivery, PublishError<T>> {
        let shared = &*self.shared;
        let last = shared.copy(&message);
        let mut again = false;
        loop {
            // Made before the look at the groups: whoever joins from here on is heard of.
            let heard = shared.options.subscriber_aware.then(|| shared.heard.notified());
            let mut round = match shared.admit(last.clone(), again) {
                Admission::Closed => return Err(PublishError::new(&shared.name, Reason::Closed, message)),
                Admission::To(groups) => Round::new(groups),
                Admission::Unheard => {
                    if let Some(heard) = heard {
                        heard.await;
                    }
                    continue;
                }
            };
            let rest = match round.offer(message) {
                Some(message) if round.is_waiting() => round.wait(message).await,
                rest => rest,
            };
            match self.conclude(round, rest) {
                Ok(delivery) => return Ok(delivery),
                Err(error) if error.is_closed() => return Err(error),
                // Everybody has left in the meantime.
                Err(error) => message = error.into_message(),
            }
            again = true;
        }
    }

    /// Publishes a message to every group that need not be waited for. The others miss it, and
    /// count it as [abandoned](super::Drops::abandoned).
    ///
    /// # Errors
    ///
    /// The message comes back, and nothing is counted, if every group would have to be waited for
    /// ([`is_full`](PublishError::is_full)), if the topic is subscriber-aware and nobody listens
    /// ([`is_unheard`](PublishError::is_unheard)), or if it is closed
    /// ([`is_closed`](PublishError::is_closed)).
    pub fn try_publish(&self, message: T) -> Result<Delivery, PublishError<T>> {
        let shared = &*self.shared;
        let error = |reason, message| Err(PublishError::new(&shared.name, reason, message));
        if shared.would_wait() {
            return error(Reason::Full, message);
        }
        let last = shared.copy(&message);
        let mut round = match shared.admit(last, false) {
            Admission::Closed => return error(Reason::Closed, message),
            Admission::Unheard => return error(Reason::Unheard, message),
            Admission::To(groups) => Round::new(groups),
        };
        match round.offer(message) {
            // Another publisher was faster. If the message is kept as the last one, it is published.
            Some(message) if round.is_untouched() && round.is_waiting() && !shared.options.keep_last => {
                round.forget();
                lock(&shared.state).published -= 1;
                error(Reason::Full, message)
            }
            rest => self.conclude(round, rest),
        }
    }

    /// The end of a message's round.
    fn conclude(&self, mut round: Round<T>, rest: Option<T>) -> Result<Delivery, PublishError<T>> {
        let shared = &*self.shared;
        round.take_deserted().iter().for_each(|group| shared.retire(group));
        match rest {
            Some(message) if round.is_untouched() && !round.is_waiting() => {
                let reason = if shared.is_closed() { Reason::Closed } else { Reason::Unheard };
                if reason == Reason::Unheard && !shared.options.subscriber_aware {
                    return Ok(round.finish());
                }
                round.forget();
                Err(PublishError::new(&shared.name, reason, message))
            }
            _ => Ok(round.finish()),
        }
    }

    /// Subscribes, as a member of `group`.
    ///
    /// The subscription begins with the next message, or with the last one if the group
    /// [asks for it](Group::replay_last).
    ///
    /// # Errors
    ///
    /// The topic is closed; the group is there with another capacity or policy, or is there at all
    /// and should not be; its capacity is out of range; it asks for the last message of a topic that
    /// keeps none; the scope this handle comes from has ended.
    pub fn subscribe(&self, group: Group<'_>) -> Result<Subscription<T>, Error> {
        self.shared.join(&group, self.scope.as_ref())
    }

    /// Closes the topic: publishing becomes an error, and every subscription ends once what is
    /// buffered for it has been received. The name is free again at once. Closing it twice does nothing.
    pub fn close(&self) {
        self.shared.close();
        if let Some(registry) = self.shared.registry.upgrade() {
            registry.forget_closed(&self.shared.name);
        }
    }

    /// Whether it is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// Its groups, and what has happened so far.
    #[must_use]
    pub fn stats(&self) -> TopicStats {
        self.shared.stats()
    }
}

impl<T> Shared<T> {
    /// Whether there are groups, and each of them would have to be waited for.
    fn would_wait(&self) -> bool {
        let state = lock(&self.state);
        !state.closed && !state.groups.is_empty() && state.groups.iter().all(|group| group.would_wait())
    }
}

impl<T> Clone for Topic<T> {
    fn clone(&self) -> Self {
        Topic { shared: self.shared.clone(), scope: self.scope.clone() }
    }
}

impl<T> fmt::Debug for Topic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topic")
            .field("name", &self.shared.name)
            .field("type", &self.shared.created.type_name)
            .finish_non_exhaustive()
    }
}

/// A topic whose type is not known to whoever holds it.
pub(super) trait AnyTopic: Send + Sync {
    fn created(&self) -> Use;
    fn options(&self) -> Options;
    fn is_closed(&self) -> bool;
    fn close(&self);
    fn stats(&self) -> TopicStats;
    fn into_any(self: Arc<Self>) -> Arc<dyn std::any::Any + Send + Sync>;
}

impl<T: Clone + Send + 'static> AnyTopic for Shared<T> {
    fn created(&self) -> Use {
        self.created
    }

    fn options(&self) -> Options {
        self.options
    }

    fn is_closed(&self) -> bool {
        Shared::is_closed(self)
    }

    fn close(&self) {
        Shared::close(self);
    }

    fn stats(&self) -> TopicStats {
        Shared::stats(self)
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn std::any::Any + Send + Sync> {
        self
    }
}
