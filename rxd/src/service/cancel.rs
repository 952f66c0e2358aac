//! Why and until when a method is to return, and what else may cancel it.

use crate::error::Cancelled;
use crate::lifecycle::cancel_cause::CancelCause;
use crate::race::race;
use crate::service::context::Context;
use crate::service::part::Part;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

impl Context {
    /// Why this context is cancelled; `None` while it is not.
    ///
    /// It is known, on every thread, from the instant of the cancellation on. A server can linger
    /// at a shutdown, and not at a reload:
    ///
    /// ```
    /// use rxd::{CancelCause, Context};
    /// use std::time::Duration;
    ///
    /// async fn run(cx: &Context) -> rxd::Result {
    ///     cx.cancelled().await;
    ///     if cx.cause() == Some(CancelCause::Shutdown) {
    ///         // The load balancer still sends requests for a while.
    ///         tokio::time::sleep(Duration::from_secs(5)).await;
    ///     }
    ///     Ok(())
    /// }
    /// # let _ = run;
    /// ```
    #[must_use]
    pub fn cause(&self) -> Option<CancelCause> {
        let part = self.part.as_ref().and_then(|part| part.cause());
        part.or_else(|| self.core.board.service(self.id).cause(self.epoch))
            .or_else(|| self.is_cancelled().then_some(CancelCause::Token))
    }

    /// How long the running method has until its limit; `None` if it has none, or if no method
    /// runs.
    ///
    /// * Once the method is cancelled, it is the time until the limit of Stop, after which the
    ///   method's future is dropped. In [`Runner::stop`](crate::Runner::stop) it always is.
    /// * Once it has exceeded its own limit, none is left: it is polled once more, and then dropped.
    /// * The time begins when the method first waits: until then the whole limit is left.
    /// * It includes what the method has [added](Context::extend).
    /// * At a shutdown, the daemon's `shutdown_timeout` may come first.
    /// * Resolution: one millisecond. A limit of more than 24 days is always shown in full.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        let is_reload = self.part.as_ref().is_some_and(|part| part.is_of_reload());
        self.core.time_left(self.id, self.epoch, is_reload)
    }

    /// Waits this long, or until this context is cancelled.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] if the context is cancelled first, which a method may return by `?` as a clean
    /// end:
    ///
    /// ```
    /// # use rxd::Context;
    /// # use std::time::Duration;
    /// async fn run(cx: &Context) -> rxd::Result {
    ///     loop {
    ///         println!("polling");
    ///         cx.sleep(Duration::from_secs(1)).await?;
    ///     }
    /// }
    /// # let _ = run;
    /// ```
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its timer enabled.
    pub async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        self.or_cancelled(tokio::time::sleep(duration)).await
    }

    /// A context that is also cancelled when this token is. Its name is that of this one.
    ///
    /// For work that two sides may end: a request that ends with its connection, a job that its
    /// client withdraws. Cancelling the token of the new context cancels neither this context nor
    /// `token`. The type of the token is in the crate `tokio-util`, version 0.7.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use rxd::{CancelCause, Context};
    /// use tokio_util::sync::CancellationToken;
    ///
    /// let cx = Context::detached("api");
    /// let connection = CancellationToken::new();
    /// let request = cx.with_token(connection.clone());
    ///
    /// connection.cancel();
    /// assert!(request.is_cancelled() && !cx.is_cancelled());
    /// assert_eq!((request.name(), request.cause()), ("api", Some(CancelCause::Token)));
    /// # }
    /// ```
    ///
    /// It takes a small task of the service. That ends when either is cancelled, or when the new
    /// context and its children are dropped, unless a [`token`](Context::token) of them was taken,
    /// also by a ticker, a watch or a subscription.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    #[must_use]
    pub fn with_token(&self, token: CancellationToken) -> Context {
        let own = self.own_token().child_token();
        let (from, to) = (token.clone(), own.clone());
        let forwarder = self.spawn_contained("with_token", async move {
            race(from.cancelled(), to.cancelled()).await;
            to.cancel();
        });
        self.with_part(Part::with_other(own, token, forwarder.abort_handle(), self.part.clone()))
    }
}
