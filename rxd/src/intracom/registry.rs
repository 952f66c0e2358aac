//! The registry: topics by name.
//!
//! A topic is created by the first caller that asks for its name, under the lock of the registry,
//! so there is never more than one open topic of a name. A topic that is closed counts as gone from
//! that moment on, although its entry is removed a little later ([`Registry::forget_closed`]).
//!
//! # Lock order
//!
//! The registry's lock comes first. It is held for a look-up or an insertion; nothing is woken and
//! no topic is dropped under it.

use super::error::{TopicError, TopicErrorKind, TopicUse};
use super::options::{Group, TopicOptions};
use super::shared::{AnyTopic, TopicState};
use super::stats::{Stats, TopicStats};
use super::subscription::Subscription;
use super::topic::Topic;
use super::user::{self, Disposal};
use crate::sync::{Mutex, assert_none_held};
use std::any::type_name;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::future::Future;
use std::hash::BuildHasherDefault;
use std::panic::Location;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A registry of topics. It is a handle, and cheap to clone. A topic stays until it is closed or
/// removed, also if no handle of it is left.
///
/// A service gets the registry of its daemon with `cx.intracom()`. A registry works without a
/// daemon, too:
///
/// ```
/// # use rxd::intracom::{Group, Intracom};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let intracom = Intracom::new();
/// let numbers = intracom.topic::<u32>("numbers")?;
///
/// let error = intracom.topic::<String>("numbers").unwrap_err();
/// assert!(error.is_type_mismatch());
/// assert!(error.to_string().contains("carries `u32`"));
/// # drop(numbers); Ok(()) }
/// ```
#[derive(Clone)]
pub struct Intracom {
    registry: Arc<Registry>,
    scope: Option<CancellationToken>,
}

struct Registry {
    topics: Mutex<Topics>,
    /// Notified when a topic is created, and when the registry is closed.
    topic_created: Notify,
}

/// The names are the program's own: nobody can choose them to collide, and a fixed hasher has every
/// run do the same.
type TopicsByName = HashMap<Arc<str>, Arc<dyn AnyTopic>, BuildHasherDefault<DefaultHasher>>;

#[derive(Default)]
struct Topics {
    by_name: TopicsByName,
    closed: bool,
}

impl Registry {
    /// Wakes the subscribers that wait for a topic.
    fn wake(&self) {
        assert_none_held();
        self.topic_created.notify_waiters();
    }

    /// Removes the entry of a topic that is closed.
    fn forget_closed(&self, name: &str) {
        let removed = {
            let mut topics = self.topics.lock();
            match topics.by_name.get(name) {
                Some(topic) if topic.is_closed() => topics.by_name.remove(name),
                _ => None,
            }
        };
        // Without the lock, since messages may be dropped with it.
        user::discard(removed);
    }
}

impl Intracom {
    /// Creates an empty registry.
    #[must_use]
    pub fn new() -> Self {
        let registry = Registry { topics: Mutex::new(Topics::default()), topic_created: Notify::new() };
        Intracom { registry: Arc::new(registry), scope: None }
    }

    /// The same registry, but subscriptions that are taken through this handle end when `scope` is
    /// cancelled: at the next [`recv`](Subscription::recv) at the latest, whatever is still
    /// buffered. From then on no publisher waits for a group that has no other members, whether its
    /// subscriptions were dropped or not.
    #[must_use]
    pub fn scoped(&self, scope: CancellationToken) -> Intracom {
        Intracom { registry: self.registry.clone(), scope: Some(scope) }
    }

    /// Opens the topic of this name. If it exists, it keeps the options it was created with; if
    /// not, it is created with [the default options](TopicOptions::DEFAULT).
    ///
    /// # Errors
    ///
    /// The topic carries another type; the name is empty or begins with `_rxd`; the registry is
    /// closed.
    #[track_caller]
    pub fn topic<T: Clone + Send + 'static>(&self, name: &str) -> Result<Topic<T>, TopicError> {
        self.open(name, None, Location::caller())
    }

    /// Opens the topic of this name, and creates it with these options if it does not exist.
    ///
    /// # Errors
    ///
    /// The topic carries another type or has other options; the name is empty or begins with
    /// `_rxd`; the registry is closed.
    #[track_caller]
    pub fn topic_with<T: Clone + Send + 'static>(
        &self,
        name: &str,
        options: TopicOptions,
    ) -> Result<Topic<T>, TopicError> {
        self.open(name, Some(options), Location::caller())
    }

    /// Closes the topic of this name, as [`Topic::close`] does. Returns whether there was one.
    pub fn remove(&self, name: &str) -> bool {
        let removed = self.registry.topics.lock().by_name.remove(name);
        let Some(topic) = removed else { return false };
        let mut disposal = Disposal::default();
        topic.close(&mut disposal);
        disposal.discard(topic);
        disposal.finish();
        true
    }

    /// Subscribes to the topic of this name, and waits until there is one. To wait for a limited
    /// time, put it into [`tokio::time::timeout`].
    ///
    /// # Errors
    ///
    /// Those of [`Topic::subscribe`]; the topic carries another type; the registry is closed, or is
    /// closed while this waits; the scope of this handle is cancelled while this waits.
    ///
    /// # Cancel safety
    ///
    /// If it is dropped before it is done, nothing has happened.
    #[track_caller]
    pub fn subscribe<T: Clone + Send + 'static>(
        &self,
        name: &str,
        group: Group<'_>,
    ) -> impl Future<Output = Result<Subscription<T>, TopicError>> + Send {
        self.wait_for(name, group, Location::caller())
    }

    /// Closes every topic. No topic can be created after that.
    pub fn close(&self) {
        let topics = {
            let mut topics = self.registry.topics.lock();
            topics.closed = true;
            std::mem::take(&mut topics.by_name)
        };
        let mut disposal = Disposal::default();
        for topic in topics.into_values() {
            topic.close(&mut disposal);
            disposal.discard(topic);
        }
        self.registry.wake();
        disposal.finish();
    }

    /// Whether the registry is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.registry.topics.lock().closed
    }

    /// Every open topic with its groups, and what they have counted.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut topics = Vec::new();
        for topic in self.registry.topics.lock().by_name.values() {
            topics.push(topic.clone());
        }
        // A sort of the standard library would be thousands of instructions, which every user compiles.
        let mut stats: Vec<TopicStats> = Vec::with_capacity(topics.len());
        for topic in topics {
            let topic = topic.stats();
            stats.insert(stats.partition_point(|other| other.name <= topic.name), topic);
        }
        Stats { topics: stats }
    }

    /// Finds the topic, or creates it. Without `options` it may have any, and is created with the
    /// default ones.
    pub(super) fn open<T: Clone + Send + 'static>(
        &self,
        name: &str,
        options: Option<TopicOptions>,
        place: &'static Location<'static>,
    ) -> Result<Topic<T>, TopicError> {
        let error = |kind| Err(TopicError::new(name, kind));
        if name.is_empty() || name.starts_with("_rxd") {
            return error(TopicErrorKind::InvalidName);
        }
        let asked = TopicUse { type_name: type_name::<T>(), place };
        let mut topics = self.registry.topics.lock();
        if topics.closed {
            return error(TopicErrorKind::RegistryClosed);
        }
        // A topic that is closed, and whose entry is not removed yet, does not count.
        if let Some(topic) = topics.by_name.get(name).filter(|topic| !topic.is_closed()).cloned() {
            drop(topics);
            let there = topic.created();
            return match options {
                Some(options) if options != topic.options() && there.type_name == asked.type_name => {
                    error(TopicErrorKind::OptionsMismatch {
                        created: there.place,
                        topic: topic.options(),
                        asked: options,
                    })
                }
                _ => self.typed(name, topic, asked),
            };
        }
        let name: Arc<str> = name.into();
        let registry = Arc::downgrade(&self.registry);
        let on_close = Box::new(move |name: &str| {
            if let Some(registry) = registry.upgrade() {
                registry.forget_closed(name);
            }
        });
        let shared = Arc::new(TopicState::<T>::new(name.clone(), asked, options.unwrap_or_default(), on_close));
        let closed = topics.by_name.insert(name, shared.clone());
        drop(topics);
        self.registry.wake();
        user::discard(closed);
        Ok(Topic::new(shared, self.scope.clone()))
    }

    fn look_up(&self, name: &str) -> Result<Option<Arc<dyn AnyTopic>>, TopicError> {
        let topics = self.registry.topics.lock();
        if topics.closed {
            return Err(TopicError::new(name, TopicErrorKind::RegistryClosed));
        }
        Ok(topics.by_name.get(name).filter(|topic| !topic.is_closed()).cloned())
    }

    fn typed<T: Clone + Send + 'static>(
        &self,
        name: &str,
        topic: Arc<dyn AnyTopic>,
        asked: TopicUse,
    ) -> Result<Topic<T>, TopicError> {
        let there = topic.created();
        match topic.into_any().downcast() {
            Ok(shared) => Ok(Topic::new(shared, self.scope.clone())),
            Err(_) => Err(TopicError::new(name, TopicErrorKind::TypeMismatch { topic: there, asked })),
        }
    }

    async fn wait_for<T: Clone + Send + 'static>(
        &self,
        name: &str,
        group: Group<'_>,
        place: &'static Location<'static>,
    ) -> Result<Subscription<T>, TopicError> {
        let asked = TopicUse { type_name: type_name::<T>(), place };
        if name.is_empty() || name.starts_with("_rxd") {
            return Err(TopicError::new(name, TopicErrorKind::InvalidName));
        }
        loop {
            // Registered before the look: a topic that is created after the look wakes this.
            let created = self.registry.topic_created.notified();
            if let Some(topic) = self.look_up(name)? {
                match self.typed(name, topic, asked)?.subscribe(group) {
                    // Closed between the look and the subscription: wait for the next topic of the
                    // name.
                    Err(error) if error.is_closed() => {}
                    subscribed => return subscribed,
                }
            }
            match &self.scope {
                None => created.await,
                Some(scope) => {
                    if scope.run_until_cancelled(created).await.is_none() {
                        return Err(TopicError::new(name, TopicErrorKind::Cancelled));
                    }
                }
            }
        }
    }
}

impl Default for Intracom {
    fn default() -> Self {
        Intracom::new()
    }
}

impl fmt::Debug for Intracom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (names, closed) = {
            let topics = self.registry.topics.lock();
            (topics.by_name.keys().cloned().collect::<Vec<_>>(), topics.closed)
        };
        f.debug_struct("Intracom")
            .field("topics", &names)
            .field("closed", &closed)
            .field("scoped", &self.scope.is_some())
            .finish()
    }
}
