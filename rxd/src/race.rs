//! Two futures, of which the first to be ready ends the wait for both.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Which of two futures was ready.
pub(crate) enum Winner<A, B> {
    First(A),
    Second(B),
}

/// Waits until one of the futures is ready, and drops the other. If both are, the first one counts.
pub(crate) async fn race<A: Future, B: Future>(first: A, second: B) -> Winner<A::Output, B::Output> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|task| match first.as_mut().poll(task) {
        Poll::Ready(output) => Poll::Ready(Winner::First(output)),
        Poll::Pending => second.as_mut().poll(task).map(Winner::Second),
    })
    .await
}
