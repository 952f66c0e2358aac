//! What publishing returns, and when it waits.

use super::{now, poll, topic};
use rxd::intracom::{Delivery, Group, Intracom, Policy, Topic, TopicOptions};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[tokio::test]
async fn delivery_counts_what_each_group_made_of_a_message() {
    let topic = topic::<u32>();
    assert_eq!(topic.publish(0).await.unwrap(), Delivery::default());
    let _room = topic.subscribe(Group::named("room")).unwrap();
    let _oldest = topic.subscribe(Group::named("oldest").capacity(1).policy(Policy::DropOldest)).unwrap();
    let _newest = topic.subscribe(Group::named("newest").capacity(1).policy(Policy::DropNewest)).unwrap();
    let first = topic.publish(1).await.unwrap();
    assert_eq!((first.delivered(), first.dropped(), first.evicted()), (3, 0, 0));
    let second = topic.publish(2).await.unwrap();
    assert_eq!((second.delivered(), second.dropped(), second.evicted()), (2, 1, 1));
    let stats = topic.stats();
    assert_eq!(stats.no_subscribers, 1);
    assert_eq!(stats.dropped().total(), 2);
    assert_eq!(stats.queued(), 4);
}

#[test]
fn try_publish_with_all_groups_full_gives_the_message_back() {
    let topic = topic::<u32>();
    let mut full = topic.subscribe(Group::named("full").capacity(1)).unwrap();
    topic.try_publish(1).unwrap();
    let error = topic.try_publish(2).unwrap_err();
    assert!(error.is_full());
    assert_eq!(error.to_string(), "failed to publish to topic `test`: all its groups are full");
    assert_eq!(error.into_message(), 2);
    assert_eq!(full.stats().dropped.total(), 0);
    // With a group that has room it is published. The full group counts it as abandoned.
    let mut other = topic.subscribe(Group::named("other")).unwrap();
    let delivery = topic.try_publish(3).unwrap();
    assert_eq!((delivery.delivered(), delivery.dropped()), (1, 1));
    assert_eq!(full.stats().dropped.abandoned, 1);
    assert_eq!((full.try_recv(), other.try_recv()), (Ok(1), Ok(3)));
    assert_eq!(topic.try_publish(4).unwrap().delivered(), 2);
}

fn aware() -> Topic<u32> {
    Intracom::new().topic_with("aware", TopicOptions::DEFAULT.subscriber_aware()).unwrap()
}

#[tokio::test]
async fn subscriber_aware_topic_without_subscribers_delays_publishing() {
    let topic = aware();
    let error = topic.try_publish(0).unwrap_err();
    assert!(error.has_no_subscribers());
    assert_eq!(error.to_string(), "failed to publish to topic `aware`: it has no subscribers");
    let mut publishing = Box::pin(topic.publish(1));
    assert!(poll(publishing.as_mut()).is_pending());
    let mut sub = topic.subscribe(Group::private()).unwrap();
    assert_eq!(publishing.await.unwrap().delivered(), 1);
    assert_eq!(sub.recv().await, Some(1));
    drop(sub);
    // Publishing waits again once the last member has left.
    assert!(now(topic.publish(2)).is_none());
    assert_eq!(topic.stats().no_subscribers, 0);
}

#[tokio::test(start_paused = true)]
async fn subscriber_aware_topic_whose_only_group_leaves_waits_for_the_next() {
    let topic = aware();
    let full = topic.subscribe(Group::named("full").capacity(1)).unwrap();
    topic.publish(1).await.unwrap();
    let mut publishing = Box::pin(topic.publish(2));
    assert!(poll(publishing.as_mut()).is_pending());
    drop(full);
    assert!(poll(publishing.as_mut()).is_pending());
    let mut next = topic.subscribe(Group::private()).unwrap();
    assert_eq!(publishing.await.unwrap().delivered(), 1);
    assert_eq!(next.recv().await, Some(2));
}

#[tokio::test(start_paused = true)]
async fn publish_to_a_full_group_that_leaves_stops_waiting() {
    let topic = topic::<u32>();
    let full = topic.subscribe(Group::named("full").capacity(1)).unwrap();
    topic.publish(1).await.unwrap();
    let mut publishing = Box::pin(topic.publish(2));
    assert!(poll(publishing.as_mut()).is_pending());
    drop(full);
    let start = tokio::time::Instant::now();
    assert_eq!(publishing.await.unwrap(), Delivery::default());
    assert_eq!(start.elapsed(), std::time::Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn publish_dropped_while_waiting_has_delivered_to_groups_with_room() {
    let topic = topic::<u32>();
    let mut full = topic.subscribe(Group::named("full").capacity(1)).unwrap();
    topic.publish(1).await.unwrap();
    let mut other = topic.subscribe(Group::named("other")).unwrap();
    let mut publishing = Box::pin(topic.publish(2));
    assert!(poll(publishing.as_mut()).is_pending());
    // The other group has the message before the full one is waited for.
    assert_eq!(other.try_recv(), Ok(2));
    drop(publishing);
    assert_eq!(full.stats().dropped.abandoned, 1);
    assert_eq!(other.stats().dropped.total(), 0);
    assert_eq!(full.try_recv(), Ok(1));
    assert!(full.try_recv().is_err());
}

#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Clone for Counted {
    fn clone(&self) -> Self {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.0.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn message_is_cloned_for_all_groups_but_one() {
    let topic = topic::<Counted>();
    let clones = Arc::new(AtomicUsize::new(0));
    let mut subs = Vec::new();
    for groups in 0..4 {
        clones.store(0, Ordering::Relaxed);
        topic.publish(Counted(clones.clone())).await.unwrap();
        assert_eq!(clones.load(Ordering::Relaxed), groups.max(1) - 1);
        subs.push(topic.subscribe(Group::private().capacity(8)).unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn message_that_waits_for_a_group_is_not_cloned() {
    let topic = topic::<Counted>();
    let clones = Arc::new(AtomicUsize::new(0));
    let policy = Policy::DropOldestAfter(std::time::Duration::from_secs(1));
    let mut sub = topic.subscribe(Group::private().capacity(1).policy(policy)).unwrap();
    for _ in 0..3 {
        topic.publish(Counted(clones.clone())).await.unwrap();
    }
    assert_eq!(sub.stats().dropped.oldest, 2);
    sub.try_recv().unwrap();
    assert_eq!(clones.load(Ordering::Relaxed), 0);
    // A message that was received or dropped is not kept anywhere.
    assert_eq!(Arc::strong_count(&clones), 1);
}
