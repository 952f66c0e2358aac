//! Typed publish/subscribe between services.
//!
//! To pass messages from one service to others, declare a [`StaticTopic`], publish to it, and
//! subscribe to it as a member of a [`Group`]. The [guide](crate::docs::topics) shows how services
//! do that.
//!
//! * A [`Topic`] carries messages of one type. It is known by its name in a registry, an
//!   [`Intracom`]: the one of the daemon (`cx.intracom()`), or one you create.
//! * Each message goes to every group. The members of a group share one buffer, and each message
//!   goes to one of them.
//! * If the buffer of a group is full, the group's [`Policy`] decides: wait, or drop a message.
//! * A message that is published while the topic has no group is dropped, unless the topic is
//!   [subscriber-aware](TopicOptions::subscriber_aware).
//!
//! It is not a queue that outlives its readers: a group ends with its last member, and its buffer
//! with it.
//!
//! ```
//! use rxd::intracom::{Group, Intracom, Policy, StaticTopic};
//!
//! static JOBS: StaticTopic<u32> = StaticTopic::new("jobs");
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let intracom = Intracom::new(); // in a service: cx.intracom()
//! let jobs = JOBS.open(&intracom)?;
//!
//! // Two workers share the jobs. An observer sees the latest four of them.
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
//!     left += 1; // what was buffered is still received; then the subscription ends
//! }
//! assert_eq!(left, 8);
//! # Ok(()) }
//! ```
//!
//! # Guarantees
//!
//! 1. **Every message is accounted for.** A message that a topic has admitted is, for every group
//!    that the topic had at that moment, received by one member, counted as [dropped](DropCounts)
//!    with a reason, or still queued.
//! 2. **Order.** The messages of one publisher arrive in the order in which it published them, in
//!    every group.
//! 3. **A full group delays the others for a limited time.** A message is first given to every
//!    group that has room. Then the full groups are waited for, all at once, each for as long as
//!    its policy says. With [`Policy::Block`] that is the topic's
//!    [block timeout](TopicOptions::block_timeout), 30 s by default. A group that has used it up is
//!    stalled, and is not waited for until it has room again. So the other groups are delayed once
//!    by the block timeout, and for each message by the time of an `..After` policy.
//! 4. **A group does not outlive its members**, nor a member its scope. Once the last member has
//!    left, or the [scopes](Intracom::scoped) of all members are cancelled, no publisher waits for
//!    the group.
//! 5. **Closing drains.** What was buffered when a topic was closed is received; then every
//!    subscription ends. Publishing to a closed topic is an error that gives the message back.
//! 6. **No user code runs under a lock** of rxd. A message's `clone` and `drop` may publish,
//!    subscribe or close. If one of them panics, the panic goes to the caller that cloned or
//!    dropped the message (publisher, receiver, the member that left last), after every message is
//!    counted. The topic goes on.

// A topic has one lock, and each of its groups has one; tokio's `Notify` wakes the tasks that wait.
// This room imports nothing of rxd but `coop` and `sync`, so that it could be a crate of its own, and `rxd-loom` checks
// it as one. From the ground up:
//
// * `user`: calls of user code.
// * `options`, `stats`, `error`: what users set, what they read, what they get wrong.
// * `replay`, `group`, `waiter`: the last message; one group; a publisher that waits for a group.
// * `dispatch`: one message on its way to all groups.
// * `shared`: one topic, as its handles, its publishers and its subscriptions share it.
// * `subscription`, `topic`, `publish`: receiving; the handle of a topic; publishing.
// * `request`: a message with the way back for its answer.
// * `registry`, `static_topic`: topics by name; topics that are declared once.

mod dispatch;
mod error;
mod group;
mod options;
mod publish;
mod registry;
mod replay;
mod request;
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
pub use request::{AskError, Request};
pub use static_topic::{Publisher, StaticTopic, Subscriber};
pub use stats::{ClosedGroups, Delivery, DropCounts, GroupStats, Stats, TopicStats};
pub use subscription::{Subscription, TryRecvError};
pub use topic::Topic;
