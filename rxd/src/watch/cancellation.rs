//! The cancellation of a context, for what is taken through one and polled later: watches, streams
//! of transitions, tickers.
//!
//! [`Context`](crate::Context) makes one from its token; each holder asks it in its own `poll`. It
//! is not the token: that can be handed to users and be cancelled by them, this only listens.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// See the module. It allocates once its holder has to wait, and not before.
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

    /// Ready once the context is cancelled; until then the task is woken for that.
    pub(crate) fn poll(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(self.token.clone().cancelled_owned()));
        waiting.as_mut().poll(task)
    }
}
