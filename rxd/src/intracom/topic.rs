//! A topic: its groups, and the way in for publishers and subscribers.
//!
//! 1. The groups, and whether the topic is closed, are one immutable list behind one pointer.
//!    Publishers take it without a lock; joining, leaving and closing put another in its place, under one.
//! 2. On a topic that keeps its last message, admitting a message and beginning a group exclude each
//!    other: a new group gets a message either itself or, if it was the last one, as its replay;
//!    never both, never out of order.
//! 3. Locks are taken in the order registry, topic, group; none is held over an `.await`, a wake-up
//!    or the user's `Clone` or `Drop`.

use super::error::{Error, Kind, PublishError, Reason, Use};
use super::options::{Group, Options};
use super::pace;
use super::publish::{List, Round};
use super::queue::{Last, Member, Queue, Totals};
use super::registry::Registry;
use super::stats::{Delivery, TopicStats};
use super::subscription::Subscription;
use super::sync::{AtomicU64, Mutex, Pointer, Snapshot, lock};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use tokio::sync::Notify;
use tokio::task::coop::consume_budget;
use tokio_util::sync::CancellationToken;

pub(super) struct Shared<T> {
    pub(super) name: Arc<str>,
    pub(super) created: Use,
    pub(super) options: Options,
    registry: Weak<Registry>,
    /// Replaced only under the lock of `state`.
    list: Pointer<List<T>>,
    state: Mutex<State<T>>,
    /// Told when a subscriber-aware topic gets its first group, and when it is closed.
    heard: Notify,
    unheard: AtomicU64,
    totals: Arc<Totals>,
}

struct State<T> {
    /// Groups that have ended, but that some publisher may still have in sight.
    leaving: Vec<Weak<Queue<T>>>,
    last: Option<Last<T>>,
    /// How many groups of their own there have been: what names them.
    own: u64,
}

impl<T> Shared<T> {
    pub(super) fn new(name: Arc<str>, created: Use, options: Options, registry: Weak<Registry>) -> Self {
        Shared {
            name,
            created,
            options,
            registry,
            list: Pointer::new(List { groups: Vec::new(), closed: false }),
            state: Mutex::new(State { leaving: Vec::new(), last: None, own: 0 }),
            heard: Notify::new(),
            unheard: AtomicU64::new(0),
            totals: Arc::default(),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.list.load().closed
    }

    pub(super) fn close(&self) {
        let (list, last) = {
            let mut state = lock(&self.state);
            let list = Pointer::keep(&self.list.load());
            if list.closed {
                return;
            }
            self.list.store(List { groups: list.groups.clone(), closed: true });
            (list, state.last.take())
        };
        list.groups.iter().for_each(|group| group.close());
        self.heard.notify_waiters();
        drop(last);
    }

    /// Takes a group whose members are all gone off the list, and ends it.
    pub(super) fn retire(&self, group: &Arc<Queue<T>>) {
        self.remove(group, &mut lock(&self.state));
        group.end();
    }

    /// A member leaves; the last one ends the group.
    pub(super) fn leave(&self, group: &Arc<Queue<T>>, member: &Arc<Member>) {
        {
            let mut state = lock(&self.state);
            // Under the topic's lock, so that nobody joins a group that is about to end.
            if !group.exit(member) {
                return;
            }
            self.remove(group, &mut state);
        }
        group.end();
    }

    /// Removes a group from the list, if it is there. The caller has the group: the list that goes
    /// drops none.
    fn remove(&self, group: &Arc<Queue<T>>, state: &mut State<T>) {
        let list = self.list.load();
        if !list.groups.iter().any(|other| Arc::ptr_eq(other, group)) {
            return;
        }
        state.leaving.retain(|other| other.strong_count() > 0);
        state.leaving.push(Arc::downgrade(group));
        let groups = list.groups.iter().filter(|other| !Arc::ptr_eq(other, group)).cloned().collect();
        self.list.store(List { groups, closed: list.closed });
    }

    fn stats(&self) -> TopicStats {
        let (list, leaving, ended) = {
            let state = lock(&self.state);
            let leaving: Vec<_> = state.leaving.iter().filter_map(Weak::upgrade).collect();
            (Pointer::keep(&self.list.load()), leaving, self.totals.get())
        };
        let mut stats = TopicStats {
            name: self.name.to_string(),
            type_name: self.created.type_name,
            created: self.created.place,
            closed: list.closed,
            unheard: self.unheard.load(Ordering::Relaxed),
            groups: list.groups.iter().map(|group| group.stats()).collect(),
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

impl<T: Clone + Send + 'static> Shared<T> {
    /// The copy that a topic which keeps its last message will need; made before any lock.
    fn copy(&self, message: &T) -> Option<Last<T>> {
        self.options.keep_last.then(|| Last::new(message.clone().into()))
    }

    /// Lets a message in, and keeps it if it is to be kept: those who are to get it, or why nobody is.
    #[inline]
    fn admit(&self, last: Option<&Last<T>>) -> Result<Snapshot<List<T>>, Reason> {
        let list = match last {
            None => self.list.load(),
            Some(last) => self.keep(last),
        };
        if let Some(reason) = self.refusal(&list) {
            return Err(reason);
        }
        if list.groups.is_empty() {
            self.unheard.fetch_add(1, Ordering::Relaxed);
        }
        Ok(list)
    }

    fn keep(&self, last: &Last<T>) -> Snapshot<List<T>> {
        let mut state = lock(&self.state);
        let list = self.list.load();
        let before = match self.refusal(&list) {
            None => state.last.replace(last.clone()),
            Some(_) => None,
        };
        drop(state);
        // The message kept until now: the user's, so not under the lock.
        drop(before);
        list
    }

    #[inline]
    fn refusal(&self, list: &List<T>) -> Option<Reason> {
        match list {
            List { closed: true, .. } => Some(Reason::Closed),
            List { groups, .. } if groups.is_empty() && self.options.subscriber_aware => Some(Reason::Unheard),
            _ => None,
        }
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
        let member = Arc::new(Member::new(scope.cloned()));
        // Its buffer is allocated outside the lock; so there are two rounds if there is no group yet.
        let mut fresh: Option<Arc<Queue<T>>> = None;
        loop {
            let mut state = lock(&self.state);
            let list = self.list.load();
            if list.closed {
                return Err(error(Kind::Closed));
            }
            let found = list.groups.iter().find(|group| group.shared && asked.name == Some(&*group.name)).cloned();
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
                group.enter(member.clone());
                drop(state);
                return Ok(Subscription::new(Arc::downgrade(self), group, member));
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
            group.enter(member.clone());
            let groups = list.groups.iter().chain([&group]).cloned().collect();
            self.list.store(List { groups, closed: false });
            drop(state);
            self.heard.notify_waiters();
            return Ok(Subscription::new(Arc::downgrade(self), group, member));
        }
    }
}

impl<T> Drop for Shared<T> {
    /// Nobody can publish any more: what is buffered can still be received, then the streams end.
    fn drop(&mut self) {
        self.list.load().groups.iter().for_each(|group| group.close());
    }
}

/// How far a message has come.
enum Attempt<T> {
    /// To its end.
    Over(Result<Delivery, PublishError<T>>),
    /// Some group has no room.
    Full(Box<Round<T>>, T),
    /// Nobody listens, and somebody should.
    Unheard(T),
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
/// assert_eq!(delivery.delivered(), 1);
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
    pub fn publish(&self, message: T) -> Publish<'_, T> {
        Publish { topic: self, stage: Stage::New(message) }
    }

    /// The rest of [`publish`](Topic::publish), if there is any waiting to do.
    async fn persist(&self, mut attempt: Attempt<T>, last: Option<Last<T>>) -> Result<Delivery, PublishError<T>> {
        let last = last.as_ref();
        loop {
            attempt = match attempt {
                Attempt::Over(result) => return result,
                Attempt::Full(mut round, message) => {
                    let rest = match round.insist(message).await {
                        Some(message) if round.is_waiting() => round.wait(message).await,
                        rest => rest,
                    };
                    self.conclude(*round, rest)
                }
                Attempt::Unheard(message) => {
                    // Made before another look at the groups: whoever joins from here on is heard of.
                    let heard = self.shared.heard.notified();
                    match self.attempt(message, last) {
                        Attempt::Unheard(message) => {
                            heard.await;
                            self.attempt(message, last)
                        }
                        attempt => attempt,
                    }
                }
            }
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
        // What is kept as the last message is published: whether it can be must be known before.
        if shared.options.keep_last && shared.would_wait() {
            return error(Reason::Full, message);
        }
        let last = shared.copy(&message);
        match self.attempt(message, last.as_ref()) {
            Attempt::Over(result) => result,
            Attempt::Unheard(message) => error(Reason::Unheard, message),
            Attempt::Full(round, message) if round.is_untouched() && !shared.options.keep_last => {
                round.forget();
                error(Reason::Full, message)
            }
            Attempt::Full(round, _) => Ok(round.finish()),
        }
    }

    /// Publishes to everybody who need not be waited for.
    #[inline]
    fn attempt(&self, message: T, last: Option<&Last<T>>) -> Attempt<T> {
        let list = match self.shared.admit(last) {
            Ok(list) => list,
            Err(Reason::Unheard) => return Attempt::Unheard(message),
            Err(reason) => return Attempt::Over(Err(PublishError::new(&self.shared.name, reason, message))),
        };
        match Round::begin(list, message) {
            Ok(delivery) => Attempt::Over(Ok(delivery)),
            Err((round, Some(message))) if round.is_waiting() => Attempt::Full(round, message),
            Err((round, rest)) => self.conclude(*round, rest),
        }
    }

    /// The end of a message's round; if nobody took it, maybe not of the message.
    fn conclude(&self, mut round: Round<T>, rest: Option<T>) -> Attempt<T> {
        let shared = &*self.shared;
        round.take_deserted().iter().for_each(|group| shared.retire(group));
        match rest {
            Some(message) if round.is_untouched() && shared.is_closed() => {
                round.forget();
                Attempt::Over(Err(PublishError::new(&shared.name, Reason::Closed, message)))
            }
            // Everybody has left in the meantime.
            Some(message) if round.is_untouched() && shared.options.subscriber_aware => {
                round.forget();
                Attempt::Unheard(message)
            }
            _ => Attempt::Over(Ok(round.finish())),
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
        let list = self.list.load();
        !list.closed && !list.groups.is_empty() && list.groups.iter().all(|group| group.would_wait())
    }
}

/// The future of [`Topic::publish`].
#[must_use = "nothing is published before it is awaited"]
pub struct Publish<'a, T> {
    topic: &'a Topic<T>,
    stage: Stage<'a, T>,
}

enum Stage<'a, T> {
    New(T),
    Waiting(Pin<Box<dyn Future<Output = Result<Delivery, PublishError<T>>> + Send + 'a>>),
    Done,
}

/// Nothing in it is pinned that is not in a box.
impl<T> Unpin for Publish<'_, T> {}

impl<T: Clone + Send + 'static> Future for Publish<'_, T> {
    type Output = Result<Delivery, PublishError<T>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let topic = self.topic;
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::New(message) if !pace::is_due() => {
                let last = topic.shared.copy(&message);
                match topic.attempt(message, last.as_ref()) {
                    Attempt::Over(result) => Poll::Ready(result),
                    unfinished => self.wait(topic.persist(unfinished, last), cx),
                }
            }
            Stage::New(message) => {
                let paced = async move {
                    consume_budget().await;
                    let last = topic.shared.copy(&message);
                    topic.persist(topic.attempt(message, last.as_ref()), last).await
                };
                self.wait(paced, cx)
            }
            Stage::Waiting(mut waiting) => {
                let polled = waiting.as_mut().poll(cx);
                if polled.is_pending() {
                    self.stage = Stage::Waiting(waiting);
                }
                polled
            }
            Stage::Done => panic!("`Publish` polled after it was ready"),
        }
    }
}

impl<'a, T> Publish<'a, T> {
    #[cold]
    fn wait(
        &mut self,
        waiting: impl Future<Output = Result<Delivery, PublishError<T>>> + Send + 'a,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Delivery, PublishError<T>>> {
        // Boxed, so that a future that need not wait is a small one.
        let mut waiting: Pin<Box<dyn Future<Output = _> + Send + 'a>> = Box::pin(waiting);
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
