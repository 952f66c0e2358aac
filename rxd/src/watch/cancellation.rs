//! The cancellation of a context, as seen by what was made through it and is polled later: watches,
//! streams of transitions, tickers.
//!
//! [`Context`](crate::Context) makes one from its token; the holder polls it in its own `poll`.
//! Unlike the token, it cannot cancel anything.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// See the [module](self). It allocates when its holder first has to wait, not before.
#[derive(Debug)]
pub(crate) struct Cancellation {
    token: CancellationToken,
    waiting: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Cancellation {
    pub(crate) fn new(token: CancellationToken) -> Self {
        Cancellation { token, waiting: None }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Ready once the context is cancelled; until then the task is woken when it is.
    pub(crate) fn poll(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(self.token.clone().cancelled_owned()));
        waiting.as_mut().poll(task)
    }
}
