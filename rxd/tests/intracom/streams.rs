//! A subscription as a `Stream`, and a topic behind a `Sink`.

use super::{poll, topic};
use futures_util::{StreamExt, sink, stream};
use rxd::intracom::{Group, PublishError};

#[tokio::test]
async fn topic_fed_by_a_stream_through_a_sink_publishes_with_back_pressure() {
    let topic = topic::<u32>();
    let sink = sink::unfold(topic.clone(), |topic, message| async move {
        topic.publish(message).await?;
        Ok::<_, PublishError<u32>>(topic)
    });
    let sub = topic.subscribe(Group::named("g").capacity(2)).unwrap();
    let all = tokio::spawn(sub.collect::<Vec<_>>());
    stream::iter(0..100).map(Ok).forward(sink).await.unwrap();
    topic.close();
    assert_eq!(all.await.unwrap(), (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn stream_polled_once_and_left_alone_keeps_no_message_from_other_members() {
    let topic = topic::<u32>();
    let mut idle = topic.subscribe(Group::named("g")).unwrap();
    let mut other = topic.subscribe(Group::named("g")).unwrap();
    let mut waiting = Box::pin(StreamExt::next(&mut idle));
    assert!(poll(waiting.as_mut()).is_pending());
    let other = tokio::spawn(async move { StreamExt::next(&mut other).await });
    tokio::task::yield_now().await;
    topic.publish(1).await.unwrap();
    assert_eq!(other.await.unwrap(), Some(1));
}
