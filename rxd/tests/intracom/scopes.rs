//! A subscription that is taken in a scope ends when the scope is cancelled.

use super::poll;
use futures_util::StreamExt;
use rxd::intracom::{Group, Intracom, TryRecvError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[tokio::test(start_paused = true)]
async fn subscription_whose_scope_is_cancelled_ends_with_messages_buffered() {
    let intracom = Intracom::new();
    let token = CancellationToken::new();
    let scoped = intracom.scoped(token.clone());
    let outside = intracom.topic::<u32>("a").unwrap();
    let mut inside = scoped.topic::<u32>("a").unwrap().subscribe(Group::named("g")).unwrap();
    let mut streamed = scoped.subscribe::<u32>("a", Group::private()).await.unwrap();
    let mut tried = scoped.subscribe::<u32>("a", Group::private()).await.unwrap();
    let mut unscoped = outside.subscribe(Group::named("g")).unwrap();
    outside.publish(1).await.unwrap();
    assert_eq!(inside.recv().await, Some(1));
    assert_eq!(StreamExt::next(&mut streamed).await, Some(1));
    assert_eq!(tried.try_recv(), Ok(1));
    outside.publish(2).await.unwrap();
    token.cancel();
    assert_eq!(inside.recv().await, None);
    assert_eq!(StreamExt::next(&mut streamed).await, None);
    assert_eq!(tried.try_recv(), Err(TryRecvError::Ended));
    // Each has left. What it did not receive is for the other member, or discarded.
    assert_eq!(unscoped.recv().await, Some(2));
    let stats = outside.stats();
    assert_eq!(stats.groups.len(), 1);
    assert_eq!(stats.groups[0].members, 1);
    assert_eq!(stats.closed_groups.dropped.discarded, 2);
}

/// A message wakes one of the members that wait. If that one ends instead, another has to be woken.
#[tokio::test(start_paused = true)]
async fn message_that_has_woken_a_member_whose_scope_ends_is_received_by_another() {
    let intracom = Intracom::new();
    let token = CancellationToken::new();
    let topic = intracom.topic::<u32>("a").unwrap();
    let mut inside = intracom.scoped(token.clone()).topic::<u32>("a").unwrap().subscribe(Group::named("g")).unwrap();
    let mut outside = topic.subscribe(Group::named("g")).unwrap();
    let receiving = tokio::spawn(async move { inside.recv().await });
    tokio::task::yield_now().await;
    let other = tokio::spawn(async move { outside.recv().await });
    tokio::task::yield_now().await;
    topic.publish(1).await.unwrap();
    token.cancel();
    assert_eq!(receiving.await.unwrap(), None);
    let other = tokio::time::timeout(Duration::from_secs(1), other).await;
    assert_eq!(other.expect("a lost wake-up").unwrap(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn waits_whose_scope_is_cancelled_end() {
    let intracom = Intracom::new();
    let token = CancellationToken::new();
    let scoped = intracom.scoped(token.clone());
    let topic = intracom.topic::<u32>("a").unwrap();
    let mut receiver = scoped.subscribe::<u32>("a", Group::private()).await.unwrap();
    let mut stream = scoped.subscribe::<u32>("a", Group::private()).await.unwrap();
    let receiving = tokio::spawn(async move { receiver.recv().await });
    let streaming = tokio::spawn(async move { StreamExt::next(&mut stream).await });
    let subscribing = tokio::spawn({
        let scoped = scoped.clone();
        async move { scoped.subscribe::<u32>("never", Group::private()).await.map(drop) }
    });
    tokio::task::yield_now().await;
    token.cancel();
    assert_eq!(receiving.await.unwrap(), None);
    assert_eq!(streaming.await.unwrap(), None);
    assert!(subscribing.await.unwrap().unwrap_err().is_cancelled());
    assert!(scoped.topic::<u32>("a").unwrap().subscribe(Group::private()).unwrap_err().is_cancelled());
    // The registry and subscriptions without a scope go on.
    topic.subscribe(Group::private()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn group_whose_members_are_all_cancelled_delays_no_publisher() {
    let intracom = Intracom::new();
    let tokens = [CancellationToken::new(), CancellationToken::new()];
    let topic = intracom.topic::<u32>("a").unwrap();
    // As a service keeps it in a field: neither polled again nor dropped.
    let _kept: Vec<_> = tokens
        .iter()
        .map(|token| {
            let topic = intracom.scoped(token.clone()).topic::<u32>("a").unwrap();
            topic.subscribe(Group::named("g").capacity(1)).unwrap()
        })
        .collect();
    topic.publish(1).await.unwrap();
    let start = tokio::time::Instant::now();
    let mut waiting = Box::pin(topic.publish(2));
    assert!(poll(waiting.as_mut()).is_pending());
    tokens[0].cancel();
    assert!(poll(waiting.as_mut()).is_pending());
    let waiting = async { waiting.await.unwrap() };
    let (delivery, ()) = tokio::join!(waiting, async { tokens[1].cancel() });
    assert_eq!((delivery.delivered(), delivery.dropped()), (0, 0));
    assert_eq!(start.elapsed(), Duration::ZERO);
    let stats = topic.stats();
    assert!(stats.groups.is_empty());
    assert_eq!(stats.closed_groups.dropped.discarded, 1);
    assert_eq!(stats.closed_groups.dropped.abandoned, 0);
}

#[tokio::test(start_paused = true)]
async fn group_of_a_cancelled_incarnation_is_begun_anew_by_the_next() {
    let intracom = Intracom::new();
    let token = CancellationToken::new();
    let topic = intracom.topic::<u32>("a").unwrap();
    let group = Group::named("g").capacity(4);
    let mut old = intracom.scoped(token.clone()).subscribe::<u32>("a", group).await.unwrap();
    topic.publish(1).await.unwrap();
    token.cancel();
    let mut new = intracom.subscribe::<u32>("a", group).await.unwrap();
    topic.publish(2).await.unwrap();
    assert_eq!(new.recv().await, Some(2));
    assert_eq!(old.recv().await, None);
    drop(old);
    topic.publish(3).await.unwrap();
    assert_eq!(new.recv().await, Some(3));
}

#[tokio::test(start_paused = true)]
async fn member_without_a_scope_beside_a_cancelled_one_is_waited_for() {
    let intracom = Intracom::new();
    let token = CancellationToken::new();
    let topic = intracom.topic::<u32>("a").unwrap();
    let group = Group::named("g").capacity(1);
    let _scoped = intracom.scoped(token.clone()).subscribe::<u32>("a", group).await.unwrap();
    let mut other = topic.subscribe(group).unwrap();
    token.cancel();
    topic.publish(1).await.unwrap();
    let mut waiting = Box::pin(topic.publish(2));
    assert!(poll(waiting.as_mut()).is_pending());
    assert_eq!(other.try_recv(), Ok(1));
    assert_eq!(waiting.await.unwrap().delivered(), 1);
    assert_eq!(other.try_recv(), Ok(2));
}
