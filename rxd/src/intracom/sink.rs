//! The bridge to the `Sink` trait.

use super::error::PublishError;
use super::stats::Delivery;
use super::topic::Topic;
use futures_sink::Sink;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

type Publishing<T> = Pin<Box<dyn Future<Output = Result<Delivery, PublishError<T>>> + Send>>;

/// A topic as a [`Sink`] of messages; from [`Topic::into_sink`].
///
/// It holds one message at most: it is ready for the next when the last has been published, and
/// flushing waits for that. To close the sink is to flush it; the topic stays open.
pub struct TopicSink<T> {
    topic: Topic<T>,
    /// The message on its way. The lock is never taken: it makes this `Sync`.
    publishing: Mutex<Option<Publishing<T>>>,
}

impl<T: Clone + Send + 'static> Topic<T> {
    /// This topic as a [`Sink`].
    ///
    /// ```
    /// # use rxd::intracom::{Group, Intracom};
    /// use futures_util::{SinkExt, StreamExt, stream};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let squares = Intracom::new().topic::<u32>("squares")?;
    /// let printer = squares.subscribe(Group::own())?;
    /// let mut sink = squares.into_sink();
    /// sink.send_all(&mut stream::iter([1, 4, 9]).map(Ok)).await?;
    /// drop(sink);
    /// assert_eq!(printer.collect::<Vec<_>>().await, [1, 4, 9]);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn into_sink(self) -> TopicSink<T> {
        TopicSink { topic: self, publishing: Mutex::new(None) }
    }
}

impl<T: Clone + Send + 'static> TopicSink<T> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), PublishError<T>>> {
        let slot = self.publishing.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(publishing) = slot else { return Poll::Ready(Ok(())) };
        let published = std::task::ready!(publishing.as_mut().poll(cx));
        *slot = None;
        Poll::Ready(published.map(drop))
    }
}

impl<T: Clone + Send + 'static> Sink<T> for TopicSink<T> {
    type Error = PublishError<T>;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), PublishError<T>>> {
        self.poll(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, message: T) -> Result<(), PublishError<T>> {
        let topic = self.topic.clone();
        *self.publishing.get_mut().unwrap_or_else(PoisonError::into_inner) =
            Some(Box::pin(async move { topic.publish(message).await }));
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), PublishError<T>>> {
        self.poll(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), PublishError<T>>> {
        self.poll(cx)
    }
}

impl<T> fmt::Debug for TopicSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicSink").field("topic", &self.topic).finish_non_exhaustive()
    }
}
