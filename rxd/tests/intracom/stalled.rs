//! A group that does not receive delays the others for a limited time.

use super::{now, poll};
use rxd::intracom::{Group, Intracom, Policy, Topic, TopicOptions};
use std::time::Duration;
use tokio::time::Instant;

const BLOCK_TIMEOUT: Duration = Duration::from_secs(5);

fn topic() -> Topic<u32> {
    Intracom::new().topic_with("test", TopicOptions::DEFAULT.block_timeout(BLOCK_TIMEOUT)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn stalled_group_delays_the_others_once_by_the_block_timeout() {
    let topic = topic();
    let mut stalled = topic.subscribe(Group::named("stalled").capacity(1)).unwrap();
    let mut other = topic.subscribe(Group::named("other").capacity(1000)).unwrap();
    let start = Instant::now();
    for message in 0..1000 {
        let delivery = topic.publish(message).await.unwrap();
        assert_eq!(delivery.delivered(), if message == 0 { 2 } else { 1 });
        assert_eq!(other.try_recv(), Ok(message));
    }
    assert_eq!(start.elapsed(), BLOCK_TIMEOUT);
    let stats = stalled.stats();
    assert!(stats.stalled);
    assert_eq!(stats.dropped.stalled, 999);
    // Once it has room, it takes messages and is waited for again.
    assert_eq!(stalled.try_recv(), Ok(0));
    assert_eq!(topic.publish(1000).await.unwrap().delivered(), 2);
    assert!(!stalled.stats().stalled);
    assert!(now(topic.publish(1001)).is_none());
}

#[tokio::test(start_paused = true)]
async fn full_group_is_waited_for_after_the_others_have_the_message() {
    let topic = topic();
    // The full group comes first in the list.
    let _stalled = topic.subscribe(Group::named("stalled").capacity(1)).unwrap();
    let mut other = topic.subscribe(Group::named("other")).unwrap();
    topic.publish(1).await.unwrap();
    let mut publishing = Box::pin(topic.publish(2));
    assert!(poll(publishing.as_mut()).is_pending());
    assert_eq!((other.try_recv(), other.try_recv()), (Ok(1), Ok(2)));
}

#[tokio::test(start_paused = true)]
async fn full_groups_are_waited_for_at_the_same_time() {
    let topic = topic();
    let _stalled = topic.subscribe(Group::named("stalled").capacity(1)).unwrap();
    let mut slow = topic.subscribe(Group::named("slow").capacity(1)).unwrap();
    let policy = Policy::DropNewestAfter(Duration::from_secs(1));
    let impatient = topic.subscribe(Group::named("impatient").capacity(1).policy(policy)).unwrap();
    topic.publish(1).await.unwrap();
    let start = Instant::now();
    let mut publishing = Box::pin(topic.publish(2));
    assert!(poll(publishing.as_mut()).is_pending());
    // The slow group gets it as soon as it has room, though the stalled one comes before it.
    assert_eq!(slow.try_recv(), Ok(1));
    assert!(poll(publishing.as_mut()).is_pending());
    assert_eq!(slow.try_recv(), Ok(2));
    let delivery = publishing.await.unwrap();
    assert_eq!((delivery.delivered(), delivery.dropped()), (1, 2));
    assert_eq!(start.elapsed(), BLOCK_TIMEOUT);
    assert_eq!(impatient.stats().dropped.newest, 1);
}

#[tokio::test(start_paused = true)]
async fn block_timeout_of_the_longest_duration_never_ends() {
    let topic: Topic<u32> =
        Intracom::new().topic_with("test", TopicOptions::DEFAULT.block_timeout(Duration::MAX)).unwrap();
    let mut stalled = topic.subscribe(Group::named("stalled").capacity(1)).unwrap();
    topic.publish(1).await.unwrap();
    let mut publishing = Box::pin(topic.publish(2));
    assert!(poll(publishing.as_mut()).is_pending());
    tokio::time::advance(Duration::from_secs(100_000_000)).await;
    assert!(poll(publishing.as_mut()).is_pending());
    assert_eq!(stalled.try_recv(), Ok(1));
    assert_eq!(publishing.await.unwrap().delivered(), 1);
}
