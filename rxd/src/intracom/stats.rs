//! What happened, in numbers.

use super::options::Policy;
use std::fmt;
use std::panic::Location;

/// What became of one message that was published.
///
/// It is one number inside: three counts of 21 bits each, so that it is returned in a register.
///
/// ```
/// use rxd::intracom::{Group, Intracom, Policy, Topic};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let topic: Topic<u32> = Intracom::new().topic("readings")?;
/// let _all = topic.subscribe(Group::named("all"))?;
/// let _newest = topic.subscribe(Group::named("newest").capacity(1).policy(Policy::DropOldest))?;
/// topic.publish(1).await?;
/// let second = topic.publish(2).await?;
/// assert_eq!((second.delivered(), second.evicted(), second.dropped()), (2, 1, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery(u64);

impl Delivery {
    const BITS: u32 = 21;
    pub(super) const ACCEPTED: Delivery = Delivery(1);
    pub(super) const DROPPED: Delivery = Delivery(1 << Self::BITS);
    pub(super) const EVICTED: Delivery = Delivery(1 << (2 * Self::BITS) | 1);

    /// The groups that have it in their buffer, or had it.
    #[must_use]
    pub fn delivered(self) -> usize {
        self.field(0)
    }

    /// The groups that did not take it: what was dropped is this message.
    #[must_use]
    pub fn dropped(self) -> usize {
        self.field(1)
    }

    /// The groups that took it in the place of their oldest: what was dropped is an older message.
    #[must_use]
    pub fn evicted(self) -> usize {
        self.field(2)
    }

    fn field(self, index: u32) -> usize {
        (self.0 >> (index * Self::BITS)) as usize & ((1 << Self::BITS) - 1)
    }
}

impl std::ops::AddAssign for Delivery {
    #[inline]
    fn add_assign(&mut self, other: Delivery) {
        self.0 += other.0;
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("delivered", &self.delivered())
            .field("dropped", &self.dropped())
            .field("evicted", &self.evicted())
            .finish()
    }
}

/// The messages a group did not get, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DropCounts {
    /// Thrown out of the buffer to make room for a newer one.
    pub oldest: u64,
    /// Not taken, because the buffer was full.
    pub newest: u64,
    /// Not waited for, because the group had used up the topic's [block timeout](super::TopicOptions::block_timeout).
    pub stalled: u64,
    /// Given up by the publisher: its future was dropped while it waited, it only
    /// [tried](super::Topic::try_publish), or the topic was closed.
    pub abandoned: u64,
    /// Still in the buffer when the last member left.
    pub discarded: u64,
}

impl DropCounts {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.oldest + self.newest + self.stalled + self.abandoned + self.discarded
    }

    pub(super) fn add(&mut self, other: DropCounts) {
        self.oldest += other.oldest;
        self.newest += other.newest;
        self.stalled += other.stalled;
        self.abandoned += other.abandoned;
        self.discarded += other.discarded;
    }
}

/// One group of a topic.
///
/// Once nobody is publishing or receiving, `accepted = received + dropped.oldest + dropped.discarded + queued`.
/// While they are, a number can be ahead of another by the messages in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupStats {
    /// Its name; `#n` for a group of one's own.
    pub name: String,
    /// Whether it can be joined by its name: not if it is a group of one's own.
    pub shared: bool,
    /// What its buffer holds at most.
    pub capacity: usize,
    /// What happens when its buffer is full.
    pub policy: Policy,
    /// The subscriptions that share it.
    pub members: usize,
    /// Whether it has used up the topic's patience and is no longer waited for.
    pub stalled: bool,
    /// The messages in its buffer.
    pub queued: usize,
    /// The messages it took into its buffer, a replayed one included.
    pub accepted: u64,
    /// The messages its members took out.
    pub received: u64,
    /// The messages it did not get.
    pub dropped: DropCounts,
}

/// The groups of a topic that have ended, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClosedGroups {
    /// How many.
    pub groups: u64,
    /// The messages they took into their buffers.
    pub accepted: u64,
    /// The messages their members took out.
    pub received: u64,
    /// The messages they did not get.
    pub dropped: DropCounts,
}

/// One topic.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicStats {
    /// Its name.
    pub name: String,
    /// The type it carries, as [`std::any::type_name`] spells it.
    pub type_name: &'static str,
    /// Where it was created, or declared.
    pub created: &'static Location<'static>,
    /// Whether it is closed.
    pub closed: bool,
    /// The messages published while there was no group.
    pub no_subscribers: u64,
    /// Its groups, oldest first.
    pub groups: Vec<GroupStats>,
    /// Those that are no more.
    pub closed_groups: ClosedGroups,
}

impl TopicStats {
    /// The messages dropped, by all its groups, past and present.
    #[must_use]
    pub fn dropped(&self) -> DropCounts {
        let mut all = self.closed_groups.dropped;
        self.groups.iter().for_each(|group| all.add(group.dropped));
        all
    }

    /// The messages that wait in its groups' buffers.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.groups.iter().map(|group| group.queued).sum()
    }
}

/// Every open topic of a registry, in the order of their names.
///
/// ```
/// # use rxd::intracom::{Group, Intracom};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let intracom = Intracom::new();
/// let ticks = intracom.topic::<u64>("ticks")?;
/// let _clock = ticks.subscribe(Group::named("clock"))?;
/// ticks.publish(1).await?;
/// let stats = intracom.stats();
/// assert_eq!(stats.topics[0].groups[0].queued, 1);
/// println!("{stats}");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The topics.
    pub topics: Vec<TopicStats>,
}

/// A line for each topic, and one for each group below it.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, topic) in self.topics.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{} ({}): {} without subscribers", topic.name, topic.type_name, topic.no_subscribers)?;
            for group in &topic.groups {
                let GroupStats { name, members, received, queued, dropped, capacity, policy, stalled, .. } = group;
                let stalled = if *stalled { ", stalled" } else { "" };
                write!(f, "\n  {name} ({capacity}, {policy}{stalled}): {members} members, {received} received, ")?;
                write!(f, "{queued} queued, {} dropped", dropped.total())?;
            }
        }
        Ok(())
    }
}
