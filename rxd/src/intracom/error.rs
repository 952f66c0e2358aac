//! The errors of topics and subscriptions, and of publishing one message.

use super::options::{Group, Policy, TopicOptions};
use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, PoisonError};

/// Why a topic could not be opened, or a subscription not be made. The text names the topic, and
/// both places in the program if two of them disagree.
#[derive(Debug)]
pub struct TopicError {
    topic: Box<str>,
    kind: Box<TopicErrorKind>,
}

/// The message type of a topic, and the place in the program that has asked for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TopicUse {
    pub(super) type_name: &'static str,
    pub(super) place: &'static Location<'static>,
}

#[derive(Debug)]
pub(super) enum TopicErrorKind {
    InvalidName,
    TypeMismatch { topic: TopicUse, asked: TopicUse },
    OptionsMismatch { created: &'static Location<'static>, topic: TopicOptions, asked: TopicOptions },
    Closed,
    RegistryClosed,
    Cancelled,
    InvalidCapacity { group: Box<str>, asked: usize },
    GroupMismatch { group: Box<str>, capacity: usize, policy: Policy, asked: (usize, Policy) },
    NoLastMessage,
}

impl TopicError {
    pub(super) fn new(topic: &str, kind: TopicErrorKind) -> Self {
        TopicError { topic: topic.into(), kind: Box::new(kind) }
    }

    /// The name of the topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The topic carries another type than the one asked for.
    #[must_use]
    pub fn is_type_mismatch(&self) -> bool {
        matches!(*self.kind, TopicErrorKind::TypeMismatch { .. })
    }

    /// The topic or the group exists, with options other than those asked for.
    #[must_use]
    pub fn is_options_mismatch(&self) -> bool {
        matches!(*self.kind, TopicErrorKind::OptionsMismatch { .. } | TopicErrorKind::GroupMismatch { .. })
    }

    /// The topic or its registry is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(*self.kind, TopicErrorKind::Closed | TopicErrorKind::RegistryClosed)
    }

    /// The subscriber's [scope](super::Intracom::scoped) was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(*self.kind, TopicErrorKind::Cancelled)
    }

    /// The request can never succeed: the name is reserved or empty, the capacity is out of range,
    /// or the topic does not keep the last message that was asked for.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        matches!(
            *self.kind,
            TopicErrorKind::InvalidName | TopicErrorKind::InvalidCapacity { .. } | TopicErrorKind::NoLastMessage
        )
    }
}

impl fmt::Display for TopicError {
    // Inline as the one of `Stats` and `Policy`: only a program that prints it compiles it.
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topic = &self.topic;
        match &*self.kind {
            TopicErrorKind::InvalidName if topic.is_empty() => f.write_str("the name of a topic must not be empty"),
            TopicErrorKind::InvalidName => {
                write!(f, "the topic name `{topic}` is reserved: choose a name that does not begin with `_rxd`")
            }
            TopicErrorKind::TypeMismatch { topic: there, asked } => write!(
                f,
                "topic `{topic}` carries `{}` (created at {}), not `{}` (requested at {})",
                there.type_name, there.place, asked.type_name, asked.place
            ),
            TopicErrorKind::OptionsMismatch { created, topic: there, asked } => {
                write!(f, "topic `{topic}` was created at {created} with {there:?}, not with {asked:?}")
            }
            TopicErrorKind::Closed => write!(f, "topic `{topic}` is closed"),
            TopicErrorKind::RegistryClosed => write!(f, "topic `{topic}`: the registry is closed"),
            TopicErrorKind::Cancelled => write!(f, "topic `{topic}`: the subscriber's scope ended"),
            TopicErrorKind::InvalidCapacity { group, asked } => write!(
                f,
                "topic `{topic}`: group `{group}` asks for a capacity of {asked}; it must be from 1 to {}",
                Group::MAX_CAPACITY
            ),
            TopicErrorKind::GroupMismatch { group, capacity, policy, asked } => write!(
                f,
                "topic `{topic}`: group `{group}` has capacity {capacity} and policy \
                 `{policy}`, not capacity {} and policy `{}`",
                asked.0, asked.1
            ),
            TopicErrorKind::NoLastMessage => {
                write!(f, "topic `{topic}` keeps no last message to replay: open it with `keep_last`")
            }
        }
    }
}

impl StdError for TopicError {}

/// Why a message was not published. The message is in it.
///
/// ```
/// use rxd::intracom::{Intracom, Topic};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let topic: Topic<String> = Intracom::new().topic("orders")?;
/// topic.close();
/// let refused = topic.publish("one coffee".to_owned()).await.unwrap_err();
/// assert_eq!(refused.to_string(), "failed to publish to topic `orders`: it is closed");
/// assert_eq!(refused.into_message(), "one coffee");
/// # Ok(())
/// # }
/// ```
pub struct PublishError<T>(Box<RefusedMessage<T>>);

struct RefusedMessage<T> {
    topic: Arc<str>,
    reason: RefusalReason,
    /// The lock is never taken. It makes the error `Sync` although `T` may not be.
    message: Mutex<T>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefusalReason {
    Closed,
    Full,
    NoSubscribers,
}

impl<T> PublishError<T> {
    pub(super) fn new(topic: &Arc<str>, reason: RefusalReason, message: T) -> Self {
        PublishError(Box::new(RefusedMessage { topic: topic.clone(), reason, message: Mutex::new(message) }))
    }

    /// Takes the message out.
    #[must_use]
    pub fn into_message(self) -> T {
        self.0.message.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of the topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.0.topic
    }

    /// The topic is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.reason == RefusalReason::Closed
    }

    /// Every group is full, and would have to be waited for.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.reason == RefusalReason::Full
    }

    /// The topic is [subscriber-aware](TopicOptions::subscriber_aware) and has no subscribers.
    #[must_use]
    pub fn has_no_subscribers(&self) -> bool {
        self.0.reason == RefusalReason::NoSubscribers
    }
}

impl<T> fmt::Display for PublishError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.0.reason {
            RefusalReason::Closed => "it is closed",
            RefusalReason::Full => "all its groups are full",
            RefusalReason::NoSubscribers => "it has no subscribers",
        };
        write!(f, "failed to publish to topic `{}`: {why}", self.0.topic)
    }
}

impl<T> fmt::Debug for PublishError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishError")
            .field("topic", &self.0.topic)
            .field("reason", &self.0.reason)
            .finish_non_exhaustive()
    }
}

impl<T> StdError for PublishError<T> {}
