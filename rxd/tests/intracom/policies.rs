//! Each policy by itself. `against_model` has them in every combination.

use super::{now, poll, topic};
use rxd::intracom::{Group, Policy, Subscription, Topic};
use std::time::Duration;

const LIMIT: Duration = Duration::from_millis(50);

fn one(policy: Policy, capacity: usize) -> (Topic<u32>, Subscription<u32>) {
    let topic = topic();
    let sub = topic.subscribe(Group::named("g").capacity(capacity).policy(policy)).unwrap();
    (topic, sub)
}

fn rest(sub: &mut Subscription<u32>) -> Vec<u32> {
    std::iter::from_fn(|| sub.try_recv().ok()).collect()
}

#[tokio::test(start_paused = true)]
async fn f62_drop_oldest_keeps_the_newest() {
    // The original kept [5] here.
    let (topic, mut sub) = one(Policy::DropOldest, 10);
    for message in 1..=5 {
        topic.publish(message).await.unwrap();
    }
    assert_eq!(rest(&mut sub), [1, 2, 3, 4, 5]);
    for message in 1..=15 {
        topic.publish(message).await.unwrap();
    }
    assert_eq!(rest(&mut sub), [6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    assert_eq!(sub.stats().dropped.oldest, 5);
}

#[tokio::test(start_paused = true)]
async fn f62_drop_newest_keeps_the_oldest() {
    let (topic, mut sub) = one(Policy::DropNewest, 2);
    for message in 1..=5 {
        topic.publish(message).await.unwrap();
    }
    assert_eq!(rest(&mut sub), [1, 2]);
    assert_eq!(sub.stats().dropped.newest, 3);
}

#[tokio::test(start_paused = true)]
async fn f62_drop_oldest_after_a_timeout_keeps_the_newest() {
    // The original crashed here.
    let (topic, mut sub) = one(Policy::DropOldestAfter(LIMIT), 2);
    let start = tokio::time::Instant::now();
    for message in 1..=4 {
        topic.publish(message).await.unwrap();
    }
    assert_eq!(start.elapsed(), 2 * LIMIT);
    assert_eq!(rest(&mut sub), [3, 4]);
    assert_eq!(sub.stats().dropped.oldest, 2);
}

#[tokio::test(start_paused = true)]
async fn f62_drop_newest_after_a_timeout_keeps_the_oldest() {
    let (topic, mut sub) = one(Policy::DropNewestAfter(LIMIT), 2);
    let start = tokio::time::Instant::now();
    for message in 1..=4 {
        topic.publish(message).await.unwrap();
    }
    assert_eq!(start.elapsed(), 2 * LIMIT);
    assert_eq!(rest(&mut sub), [1, 2]);
    assert_eq!(sub.stats().dropped.newest, 2);
}

#[tokio::test(start_paused = true)]
async fn f62_policies_that_wait_with_room_in_time_drop_nothing() {
    for policy in [Policy::Block, Policy::DropOldestAfter(LIMIT), Policy::DropNewestAfter(LIMIT)] {
        let (topic, mut sub) = one(policy, 1);
        topic.publish(1).await.unwrap();
        let mut publishing = Box::pin(topic.publish(2));
        assert!(poll(publishing.as_mut()).is_pending());
        tokio::time::advance(LIMIT - Duration::from_millis(1)).await;
        assert!(poll(publishing.as_mut()).is_pending());
        assert_eq!(sub.try_recv(), Ok(1));
        assert_eq!(now(publishing).unwrap().unwrap().delivered(), 1);
        assert_eq!(sub.try_recv(), Ok(2));
        assert_eq!(sub.stats().dropped.total(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn f62_timeout_of_zero_never_waits_and_the_longest_never_ends() {
    let (topic, mut sub) = one(Policy::DropNewestAfter(Duration::ZERO), 1);
    topic.publish(1).await.unwrap();
    assert_eq!(now(topic.publish(2)).unwrap().unwrap().dropped(), 1);
    assert_eq!(rest(&mut sub), [1]);

    let (topic, mut sub) = one(Policy::DropNewestAfter(Duration::MAX), 1);
    topic.publish(1).await.unwrap();
    let mut publishing = Box::pin(topic.publish(2));
    assert!(poll(publishing.as_mut()).is_pending());
    tokio::time::advance(Duration::from_secs(1_000_000)).await;
    assert!(poll(publishing.as_mut()).is_pending());
    assert_eq!(sub.try_recv(), Ok(1));
    publishing.await.unwrap();
    assert_eq!(rest(&mut sub), [2]);
}
