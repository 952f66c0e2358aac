//! A replayed message is the oldest of its group's buffer, and takes one place of the capacity.

use super::{now, poll};
use rxd::intracom::{Group, Intracom, Policy, Subscription, Topic, TopicOptions, TryRecvError};
use std::time::Duration;

const LIMIT: Duration = Duration::from_millis(50);

/// A topic that keeps 1, and a group of this capacity and policy that begins with it.
fn begun(capacity: usize, policy: Policy) -> (Topic<u32>, Subscription<u32>) {
    let topic = Intracom::new().topic_with("a", TopicOptions::DEFAULT.keep_last()).unwrap();
    topic.try_publish(1).unwrap();
    let sub = topic.subscribe(Group::named("g").capacity(capacity).policy(policy).replay_last()).unwrap();
    (topic, sub)
}

fn rest(sub: &mut Subscription<u32>) -> Vec<u32> {
    std::iter::from_fn(|| sub.try_recv().ok()).collect()
}

#[test]
fn replayed_message_is_evicted_first() {
    for (capacity, left) in [(1, vec![3]), (2, vec![2, 3]), (3, vec![1, 2, 3])] {
        let (topic, mut sub) = begun(capacity, Policy::DropOldest);
        let evicted: usize = (2..=3).map(|message| topic.try_publish(message).unwrap().evicted()).sum();
        assert_eq!((evicted, sub.stats().queued), (3 - left.len(), left.len()));
        assert_eq!(sub.stats().dropped.oldest, evicted as u64);
        assert_eq!(rest(&mut sub), left);
    }
}

#[test]
fn replayed_message_in_a_full_buffer_drops_the_newest() {
    let (topic, mut sub) = begun(1, Policy::DropNewest);
    assert_eq!(topic.try_publish(2).unwrap().dropped(), 1);
    assert_eq!(rest(&mut sub), [1]);
    assert_eq!(topic.try_publish(3).unwrap().delivered(), 1);
    assert_eq!(rest(&mut sub), [3]);
}

#[tokio::test(start_paused = true)]
async fn publisher_waits_until_the_replayed_message_is_received() {
    let (topic, mut sub) = begun(1, Policy::Block);
    assert!(topic.try_publish(9).unwrap_err().is_full());
    let mut publishing = Box::pin(topic.publish(2));
    assert!(poll(publishing.as_mut()).is_pending());
    assert_eq!(sub.recv().await, Some(1));
    assert_eq!(now(publishing).unwrap().unwrap().delivered(), 1);
    assert_eq!(sub.recv().await, Some(2));
    assert_eq!(sub.stats().accepted, 2);
}

#[tokio::test(start_paused = true)]
async fn publisher_waits_for_the_replayed_message_within_its_limit() {
    let (topic, mut sub) = begun(1, Policy::DropOldestAfter(LIMIT));
    let start = tokio::time::Instant::now();
    assert_eq!(topic.publish(2).await.unwrap().evicted(), 1);
    assert_eq!(start.elapsed(), LIMIT);
    assert_eq!(rest(&mut sub), [2]);
}

#[tokio::test(start_paused = true)]
async fn close_ends_the_wait_and_keeps_the_replayed_message() {
    let (topic, mut sub) = begun(1, Policy::Block);
    let mut publishing = Box::pin(topic.publish(2));
    assert!(poll(publishing.as_mut()).is_pending());
    topic.close();
    assert!(now(publishing).unwrap().unwrap_err().is_closed());
    assert_eq!(sub.try_recv(), Ok(1));
    assert_eq!(sub.try_recv(), Err(TryRecvError::Ended));
}

#[test]
fn replayed_message_left_unread_counts_as_discarded() {
    let (topic, sub) = begun(4, Policy::Block);
    topic.try_publish(2).unwrap();
    drop(sub);
    let ended = topic.stats().closed_groups;
    assert_eq!((ended.accepted, ended.dropped.discarded), (2, 2));
}

#[tokio::test]
async fn replayed_message_goes_to_one_member_and_comes_first_in_its_stream() {
    use futures_util::StreamExt;
    let (topic, mut first) = begun(4, Policy::Block);
    let mut second = topic.subscribe(Group::named("g").capacity(4)).unwrap();
    topic.publish(2).await.unwrap();
    topic.publish(3).await.unwrap();
    assert_eq!(StreamExt::next(&mut second).await, Some(1));
    assert_eq!((first.recv().await, second.recv().await), (Some(2), Some(3)));
}
