//! The counts: of one message, of a group, of a topic, of a registry.

use super::options::Policy;
use crate::sync::Mutex;
use std::fmt;
use std::panic::Location;

/// What became of one published message: in how many groups it was delivered, and in how many it
/// was dropped.
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
pub struct Delivery(
    // Three counts of 21 bits each, so that it is returned in a register.
    u64,
);

impl Delivery {
    const BITS: u32 = 21;
    pub(super) const ACCEPTED: Delivery = Delivery(1);
    pub(super) const DROPPED: Delivery = Delivery(1 << Self::BITS);
    pub(super) const EVICTED: Delivery = Delivery(1 << (2 * Self::BITS) | 1);

    /// The number of groups that took the message into their buffer.
    #[must_use]
    pub fn delivered(self) -> usize {
        self.field(0)
    }

    /// The number of groups that dropped this message.
    #[must_use]
    pub fn dropped(self) -> usize {
        self.field(1)
    }

    /// The number of groups that took this message and evicted an older one for it.
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

/// The messages that a group dropped, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DropCounts {
    /// Evicted from the buffer to make room for a newer one.
    pub oldest: u64,
    /// Dropped on arrival, because the buffer was full.
    pub newest: u64,
    /// Dropped on arrival, because the group had used up the topic's
    /// [block timeout](super::TopicOptions::block_timeout).
    pub stalled: u64,
    /// Abandoned by the publisher: its future was dropped while it waited for room, it used
    /// [`try_publish`](super::Topic::try_publish), or the topic was closed.
    pub abandoned: u64,
    /// Discarded with the buffer when the last member left.
    pub discarded: u64,
}

impl DropCounts {
    /// The sum of all reasons.
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
/// While no publish or receive is under way,
/// `accepted = received + dropped.oldest + dropped.discarded + queued`. Otherwise a count can be
/// ahead of another by the messages in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupStats {
    /// Its name; `#n` for a [private](super::Group::private) group.
    pub name: String,
    /// Whether other members can join it by its name: not if it is private.
    pub shared: bool,
    /// How many messages its buffer holds.
    pub capacity: usize,
    /// What happens to a message when its buffer is full.
    pub policy: Policy,
    /// The number of its members.
    pub members: usize,
    /// Whether it has used up the topic's block timeout, so that no publisher waits for it.
    pub stalled: bool,
    /// The messages in its buffer.
    pub queued: usize,
    /// The messages it took into its buffer, a replayed one included.
    pub accepted: u64,
    /// The messages its members received.
    pub received: u64,
    /// The messages it dropped.
    pub dropped: DropCounts,
}

/// The sums over the closed groups of a topic: those whose last member has left, or whose members
/// were all cancelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClosedGroups {
    /// The number of groups.
    pub groups: u64,
    /// The messages they took into their buffers.
    pub accepted: u64,
    /// The messages their members received.
    pub received: u64,
    /// The messages they dropped.
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
    /// The place in the program that created or declared it.
    pub created: &'static Location<'static>,
    /// Whether it is closed.
    pub closed: bool,
    /// The messages that were published while the topic had no subscribers.
    pub no_subscribers: u64,
    /// Its groups, oldest first.
    pub groups: Vec<GroupStats>,
    /// Its groups that are closed.
    pub closed_groups: ClosedGroups,
}

impl TopicStats {
    /// The messages that its groups dropped, closed groups included.
    #[must_use]
    pub fn dropped(&self) -> DropCounts {
        let mut all = self.closed_groups.dropped;
        self.groups.iter().for_each(|group| all.add(group.dropped));
        all
    }

    /// The messages in the buffers of its groups.
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

/// One line for each topic, followed by one for each of its groups.
impl fmt::Display for Stats {
    #[inline]
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

/// What the closed groups of a topic have counted. A group adds its counts when it is dropped,
/// since a publisher that still holds it can change them until then.
#[derive(Default)]
pub(super) struct ClosedGroupTotals(Mutex<ClosedGroups>);

impl ClosedGroupTotals {
    pub(super) fn get(&self) -> ClosedGroups {
        *self.0.lock()
    }

    pub(super) fn add(&self, accepted: u64, received: u64, dropped: DropCounts) {
        let mut ended = self.0.lock();
        ended.groups += 1;
        ended.accepted += accepted;
        ended.received += received;
        ended.dropped.add(dropped);
    }
}
