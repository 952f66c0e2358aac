//! Typed publish/subscribe between services.
//!
//! A [`Topic`] carries messages of one type. It is found by its name in an [`Intracom`], the
//! registry of the daemon (`cx.intracom()`) or one of your own; best it is [`StaticTopic`] once, and
//! then no name is ever written twice. Subscribers form [`Group`]s: the members of a group share
//! one buffer and each message goes to one of them; every group gets all of them. What happens
//! when a group's buffer is full is the group's [`Policy`]. A message that nobody listens to is gone, unless the topic is
//! [subscriber-aware](TopicOptions::subscriber_aware). How services use them is a [chapter](crate::docs::topics) of the guide.
//!
//! ```
//! use rxd::intracom::{StaticTopic, Group, Intracom, Policy};
//!
//! static JOBS: StaticTopic<u32> = StaticTopic::new("jobs");
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let intracom = Intracom::new(); // in a service: cx.intracom()
//! let jobs = JOBS.open(&intracom)?;
//!
//! // Two workers share the jobs, and an observer sees the latest four of them.
//! let mut first = jobs.subscribe(Group::named("workers"))?;
//! let mut second = jobs.subscribe(Group::named("workers"))?;
//! let mut observer = jobs.subscribe(Group::private().capacity(4).policy(Policy::DropOldest))?;
//!
//! for job in 0..10 {
//!     assert_eq!(jobs.publish(job).await?.delivered(), 2);
//! }
//! assert_eq!((first.recv().await, second.recv().await), (Some(0), Some(1)));
//! assert_eq!(observer.recv().await, Some(6));
//! assert_eq!(observer.stats().dropped.oldest, 6);
//!
//! jobs.close();
//! let mut left = 0;
//! while first.recv().await.is_some() {
//!     left += 1; // what was buffered is still received; then the stream ends
//! }
//! assert_eq!(left, 8);
//! # Ok(()) }
//! ```
//!
//! # What is promised
//!
//! 1. **Nothing is lost in silence.** A message that a topic has admitted is, for every group there was at
//!    that moment, received by one member, counted as [dropped](DropCounts) for a reason, or still queued.
//! 2. **Order.** The messages of one publisher arrive in the order in which it published them, in every group.
//! 3. **One stuck group does not stop the others for ever.** A message is first given to every
//!    group that has room; only then are the full ones waited for, all at once, each for as long as its
//!    policy says. With [`Policy::Block`] that is the topic's [block timeout](TopicOptions::block_timeout), 30 s
//!    unless said otherwise; a group that has used it up is stalled, and costs the others nothing
//!    until it has room again. So the others can be held up once by the patience, and for each
//!    message by the time of a `..After` policy, and not longer.
//! 4. **A group never outlives its members**, nor a member its scope: when the last has left, or the
//!    [scopes](Intracom::scoped) of all have ended, nobody waits for the group any more.
//! 5. **Closing drains.** What was buffered when a topic was closed is received; then every
//!    subscription ends. Publishing to it is an error that gives the message back.
//! 6. **No code of yours runs under a lock** of rxd: a message's `clone` and `drop` may publish, subscribe or close. A panic
//!    in one of them goes to the caller that cloned or dropped the message (publisher, receiver, the member that left
//!    last), after every message is counted; the topic is none the worse for it.
//!
//! # How
//!
//! A group's buffer is an [`async_channel`]. What is written here is what it has no word for: fan-out,
//! policies, membership, replay and the counting.

mod arc_cell;
mod dispatch;
mod error;
mod group;
mod options;
mod publish;
mod registry;
mod replay;
mod shared;
mod static_topic;
mod stats;
mod subscription;
mod topic;
mod user;
mod waiter;

pub use error::{PublishError, TopicError};
pub use options::{Group, Policy, TopicOptions};
pub use publish::Publish;
pub use registry::Intracom;
pub use static_topic::{Publisher, StaticTopic, Subscriber};
pub use stats::{ClosedGroups, Delivery, DropCounts, GroupStats, Stats, TopicStats};
pub use subscription::{Subscription, TryRecvError};
pub use topic::Topic;
