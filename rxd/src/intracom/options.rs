//! What can be asked of a topic and of a group. All of it constant: a declaration is a `const`.

use std::fmt;
use std::time::Duration;

/// How a topic is to behave; part of its declaration.
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
    /// Keeps no last message, publishes whether or not somebody listens, has a patience of 30 s.
    pub const DEFAULT: TopicOptions =
        TopicOptions { keep_last: false, subscriber_aware: false, block_timeout: Duration::from_secs(30) };

    /// Keeps a copy of the last message, for new groups that [ask for it](Group::replay_last).
    /// Costs a clone for each message.
    #[must_use]
    pub const fn keep_last(mut self) -> Self {
        self.keep_last = true;
        self
    }

    /// Holds publishing back until somebody listens, instead of publishing to nobody.
    #[must_use]
    pub const fn subscriber_aware(mut self) -> Self {
        self.subscriber_aware = true;
        self
    }

    /// How long a full group with [`Policy::Block`] may hold a publisher. Past it the group is
    /// *stalled*: what it misses is counted and nobody waits for it, until there is room in it
    /// again. Default: 30 s. [`Duration::MAX`] is for ever: then one group that no longer receives
    /// stops its publishers, and with them what the other groups hear.
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

/// What becomes of a message for a group whose buffer is full.
///
/// ```
/// use rxd::intracom::{Group, Policy};
/// use std::time::Duration;
///
/// // Every order counts: a slow shop slows its customers down.
/// let orders = Group::named("shop");
/// // Only the latest position is of interest.
/// let map = Group::named("map").capacity(1).policy(Policy::DropOldest);
/// // A log may lag a little, and then rather has gaps than holds everybody up.
/// let log = Group::named("log").capacity(1024).policy(Policy::DropNewestAfter(Duration::from_millis(50)));
/// # let _ = (orders, map, log);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// The publisher waits for room, at most for the topic's [block timeout](TopicOptions::block_timeout).
    #[default]
    Block,
    /// The oldest message of the buffer makes room. Never waits.
    DropOldest,
    /// The message is not taken. Never waits.
    DropNewest,
    /// The publisher waits this long for room; then as [`DropOldest`](Policy::DropOldest).
    DropOldestAfter(Duration),
    /// The publisher waits this long for room; then as [`DropNewest`](Policy::DropNewest).
    DropNewestAfter(Duration),
}

impl fmt::Display for Policy {
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
/// The members of a group share one buffer, and each message goes to exactly one of them. Whoever
/// subscribes first under a name sets the capacity and the policy; a later member that asks for
/// something else gets an error. A group ends with its last member.
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
    /// The largest buffer a group can ask for. It is allocated at once.
    pub const MAX_CAPACITY: usize = 1 << 20;

    /// A group of this name, joined if it is there and begun if it is not. 64 messages, [`Policy::Block`].
    #[must_use]
    pub const fn named(name: &'a str) -> Self {
        Group { name: Some(name), capacity: 64, policy: Policy::Block, replay_last: false }
    }

    /// A group of one's own, which nobody can join. 64 messages, [`Policy::Block`].
    #[must_use]
    pub const fn private() -> Self {
        Group { name: None, capacity: 64, policy: Policy::Block, replay_last: false }
    }

    /// How many messages may wait in its buffer, from 1 to [`MAX_CAPACITY`](Group::MAX_CAPACITY).
    /// Anything else is an error when subscribing.
    #[must_use]
    pub const fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// What becomes of a message when the buffer is full.
    #[must_use]
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Begins with the last message published, if there was one. It is the first message in the
    /// new group's buffer; joining a group that is there replays nothing. The topic must
    /// [keep](TopicOptions::keep_last) it, or subscribing is an error.
    #[must_use]
    pub const fn replay_last(mut self) -> Self {
        self.replay_last = true;
        self
    }
}
