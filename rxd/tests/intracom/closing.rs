//! Closing drains a topic. A topic without registry and handles ends as well.

use super::{now, poll, topic};
use futures_util::StreamExt;
use rxd::intracom::{Group, Intracom, TryRecvError};

#[tokio::test]
async fn f57_topic_closed_with_items_buffered_drains_and_ends() {
    let topic = topic::<u32>();
    let mut one = topic.subscribe(Group::named("a")).unwrap();
    let two = topic.subscribe(Group::named("b")).unwrap();
    for message in 0..5 {
        topic.publish(message).await.unwrap();
    }
    topic.close();
    for message in 0..5 {
        assert_eq!(one.recv().await, Some(message));
    }
    assert_eq!(one.recv().await, None);
    assert_eq!(two.collect::<Vec<_>>().await, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn f57_publisher_dropped_loses_no_buffered_message() {
    let intracom = Intracom::new();
    let publisher = intracom.topic::<u32>("a").unwrap();
    let mut sub = intracom.subscribe::<u32>("a", Group::private()).await.unwrap();
    publisher.publish(1).await.unwrap();
    drop(publisher);
    assert_eq!(sub.recv().await, Some(1));
    // The topic is still there, for the publisher's next incarnation.
    assert_eq!(sub.try_recv(), Err(TryRecvError::Empty));
    intracom.topic::<u32>("a").unwrap().publish(2).await.unwrap();
    assert_eq!(sub.recv().await, Some(2));
    // Nothing can publish without the registry.
    intracom.topic::<u32>("a").unwrap().publish(3).await.unwrap();
    drop(intracom);
    assert_eq!(sub.recv().await, Some(3));
    assert_eq!(sub.recv().await, None);
}

#[tokio::test]
async fn f57_registry_closed_closes_typed_topics() {
    let intracom = Intracom::new();
    let numbers = intracom.topic::<u32>("numbers").unwrap();
    let words = intracom.topic::<String>("words").unwrap();
    let (numbers_sub, words_sub) =
        (numbers.subscribe(Group::private()).unwrap(), words.subscribe(Group::private()).unwrap());
    numbers.publish(1).await.unwrap();
    words.publish("one".into()).await.unwrap();
    intracom.close();
    assert_eq!(numbers_sub.collect::<Vec<_>>().await, [1]);
    assert_eq!(words_sub.collect::<Vec<_>>().await, ["one"]);
}

#[tokio::test]
async fn close_wakes_waiting_receivers() {
    let topic = topic::<u32>();
    let receiving: Vec<_> = (0..3)
        .map(|i| {
            let mut sub = topic.subscribe(Group::named("g")).unwrap();
            tokio::spawn(async move { if i == 0 { sub.recv().await } else { StreamExt::next(&mut sub).await } })
        })
        .collect();
    tokio::task::yield_now().await;
    topic.close();
    for receiving in receiving {
        assert_eq!(receiving.await.unwrap(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_publisher_of_a_closed_topic_gets_its_message_back() {
    let topic = topic::<u32>();
    let _full = topic.subscribe(Group::named("full").capacity(1)).unwrap();
    topic.publish(1).await.unwrap();
    let mut waiting = Box::pin(topic.publish(2));
    assert!(poll(waiting.as_mut()).is_pending());
    topic.close();
    let error = waiting.await.unwrap_err();
    assert!(error.is_closed());
    assert_eq!(error.into_message(), 2);
}

#[tokio::test(start_paused = true)]
async fn message_delivered_in_part_when_closed_counts_as_abandoned() {
    let topic = topic::<u32>();
    let full = topic.subscribe(Group::named("full").capacity(1)).unwrap();
    topic.publish(1).await.unwrap();
    let mut other = topic.subscribe(Group::named("other")).unwrap();
    let mut waiting = Box::pin(topic.publish(2));
    assert!(poll(waiting.as_mut()).is_pending());
    topic.close();
    let delivery = waiting.await.unwrap();
    assert_eq!((delivery.delivered(), delivery.dropped()), (1, 1));
    assert_eq!(other.try_recv(), Ok(2));
    assert_eq!(full.stats().dropped.abandoned, 1);
}

#[tokio::test(start_paused = true)]
async fn publish_to_a_closed_topic_gives_the_message_back() {
    let topic = topic::<String>();
    topic.close();
    assert_eq!(topic.publish("a".into()).await.unwrap_err().into_message(), "a");
    assert_eq!(topic.try_publish("b".into()).unwrap_err().into_message(), "b");
    assert!(topic.subscribe(Group::private()).unwrap_err().is_closed());
}

#[test]
fn publisher_waiting_for_subscribers_is_woken_by_the_close() {
    let topic =
        Intracom::new().topic_with::<u32>("a", rxd::intracom::TopicOptions::DEFAULT.subscriber_aware()).unwrap();
    let mut waiting = Box::pin(topic.publish(1));
    assert!(poll(waiting.as_mut()).is_pending());
    topic.close();
    assert_eq!(now(waiting).unwrap().unwrap_err().into_message(), 1);
}
