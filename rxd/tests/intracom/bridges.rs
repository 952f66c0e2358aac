//! `Stream` and `Sink`.

use super::{poll, topic};
use futures_util::{SinkExt, StreamExt, stream};
use rxd::intracom::Group;

#[tokio::test(start_paused = true)]
async fn a_sink_publishes_with_back_pressure() {
    let topic = topic::<u32>();
    let mut sub = topic.subscribe(Group::named("g").capacity(1)).unwrap();
    let mut sink = topic.clone().into_sink();
    sink.send(1).await.unwrap();
    let mut sending = Box::pin(sink.send(2));
    assert!(poll(sending.as_mut()).is_pending());
    assert_eq!(sub.recv().await, Some(1));
    sending.await.unwrap();
    assert_eq!(sub.recv().await, Some(2));
    sink.close().await.unwrap();
    assert!(!topic.is_closed());
    topic.close();
    let error = sink.send(3).await.unwrap_err();
    assert!(error.is_closed());
    assert_eq!(error.into_message(), 3);
    // An error is reported once; the sink itself is none the worse.
    sink.flush().await.unwrap();
}

#[tokio::test]
async fn a_sink_and_a_stream_make_a_pipe() {
    let topic = topic::<u32>();
    let sub = topic.subscribe(Group::named("g").capacity(2)).unwrap();
    let all = tokio::spawn(sub.collect::<Vec<_>>());
    stream::iter(0..100).map(Ok).forward(topic.clone().into_sink()).await.unwrap();
    topic.close();
    assert_eq!(all.await.unwrap(), (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_member_polled_as_a_stream_and_left_alone_does_not_keep_a_message_from_the_others() {
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
