//! The options of topics and groups. All setters are `const`, so that a declaration can be a
//! constant.

use std::fmt;
use std::time::Duration;

/// The options of a topic.
///
/// ```
/// use rxd::intracom::TopicOptions;
/// use std::time::Duration;
///
/// const STATUS: TopicOptions = TopicOptions::DEFAULT.keep_last().block_timeout(Duration::from_secs(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicOptions {
    pub(super) keep_last: bool,
    pub(super) subscriber_aware: bool,
    pub(super) block_timeout: Duration,
}

impl TopicOptions {
    /// Keeps no last message, does not wait for subscribers, and has a block timeout of 30 s.
    pub const DEFAULT: TopicOptions =
        TopicOptions { keep_last: false, subscriber_aware: false, block_timeout: Duration::from_secs(30) };

    /// Keeps a copy of the last message, for new groups that [ask for it](Group::replay_last).
    /// This costs one clone a message.
    #[must_use]
    pub const fn keep_last(mut self) -> Self {
        self.keep_last = true;
        self
    }

    /// Makes publishing wait while the topic has no subscribers. Without it, such a message is
    /// dropped, and counted as published [without subscribers](super::TopicStats::no_subscribers).
    #[must_use]
    pub const fn subscriber_aware(mut self) -> Self {
        self.subscriber_aware = true;
        self
    }

    /// How long a publisher waits for a full group with [`Policy::Block`]. Default: 30 s.
    ///
    /// After that the group is *stalled*: no publisher waits for it, and the messages that it drops
    /// are counted, until it has room again.
    ///
    /// With [`Duration::MAX`] publishers wait without a limit. Then a group that no longer receives
    /// stops its publishers, and with them the messages for all other groups.
    #[must_use]
    pub const fn block_timeout(mut self, block_timeout: Duration) -> Self {
        self.block_timeout = block_timeout;
        self
    }
}

impl Default for TopicOptions {
    fn default() -> Self {
        TopicOptions::DEFAULT
    }
}

/// What happens to a message for a group whose buffer is full.
///
/// ```
/// use rxd::intracom::{Group, Policy};
/// use std::time::Duration;
///
/// // No order may be lost: a slow shop slows its customers down.
/// let orders = Group::named("shop");
/// // Only the latest position matters.
/// let map = Group::named("map").capacity(1).policy(Policy::DropOldest);
/// // A log may lag by 50 ms. After that it has gaps, rather than delaying the publishers.
/// let log = Group::named("log").capacity(1024).policy(Policy::DropNewestAfter(Duration::from_millis(50)));
/// # let _ = (orders, map, log);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The publisher waits for room, at most for the topic's
    /// [block timeout](TopicOptions::block_timeout).
    #[default]
    Block,
    /// The oldest message of the buffer is dropped, and the new one takes its place. Never waits.
    DropOldest,
    /// The new message is dropped. Never waits.
    DropNewest,
    /// The publisher waits this long for room. After that, as [`DropOldest`](Policy::DropOldest).
    DropOldestAfter(Duration),
    /// The publisher waits this long for room. After that, as [`DropNewest`](Policy::DropNewest).
    DropNewestAfter(Duration),
}

impl fmt::Display for Policy {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Policy::Block => f.write_str("block"),
            Policy::DropOldest => f.write_str("drop oldest"),
            Policy::DropNewest => f.write_str("drop newest"),
            Policy::DropOldestAfter(limit) => write!(f, "drop oldest after {limit:?}"),
            Policy::DropNewestAfter(limit) => write!(f, "drop newest after {limit:?}"),
        }
    }
}

/// A consumer group, as a subscriber asks for it.
///
/// The members of a group share one buffer, and each message goes to exactly one of them. The first
/// subscriber under a name sets the capacity and the policy; a later member that asks for another
/// one gets an error. A group ends with its last member.
///
/// ```
/// use rxd::intracom::{Group, Policy};
///
/// const DASHBOARDS: Group<'_> = Group::named("dashboards").capacity(16).policy(Policy::DropOldest);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) capacity: usize,
    pub(super) policy: Policy,
    pub(super) replay_last: bool,
}

impl<'a> Group<'a> {
    /// The largest capacity a group can ask for. Its buffer is allocated at once.
    pub const MAX_CAPACITY: usize = 1 << 20;

    /// The group of this name: joined if it exists, and begun if not. Capacity 64,
    /// [`Policy::Block`].
    #[must_use]
    pub const fn named(name: &'a str) -> Self {
        Group { name: Some(name), capacity: 64, policy: Policy::Block, replay_last: false }
    }

    /// A group of one member, which no other can join. Capacity 64, [`Policy::Block`].
    #[must_use]
    pub const fn private() -> Self {
        Group { name: None, capacity: 64, policy: Policy::Block, replay_last: false }
    }

    /// How many messages its buffer holds, from 1 to [`MAX_CAPACITY`](Group::MAX_CAPACITY).
    /// Subscribing with any other capacity is an error.
    #[must_use]
    pub const fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// What happens to a message when the buffer is full.
    #[must_use]
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Begins with the last published message, if there was one. It is the first message in the
    /// buffer of a new group. A member that joins an existing group gets no replay.
    ///
    /// Subscribing is an error if the topic does not
    /// [keep its last message](TopicOptions::keep_last).
    #[must_use]
    pub const fn replay_last(mut self) -> Self {
        self.replay_last = true;
        self
    }
}
