//! A ticker that ends with a context; made by [`Context::every`](crate::Context::every).

use crate::lifecycle::backoff::{later, later_than};
use crate::watch::cancellation::Cancellation;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

/// Ticks once each period, until its context is cancelled. See
/// [`Context::every`](crate::Context::every).
///
/// ```
/// use rxd::Context;
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let cx = Context::detached("sweeper");
/// let mut every = cx.every(Duration::from_secs(60));
/// let mut swept = 0;
/// while every.tick().await {
///     swept += 1;
///     if swept == 3 {
///         cx.token().cancel(); // in a service, the daemon does
///     }
/// }
/// assert_eq!(swept, 3);
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a ticker does nothing unless its `tick` is awaited"]
pub struct Ticker {
    cancellation: Cancellation,
    period: Duration,
    next: TickerWait,
}

/// When the next tick is due.
#[derive(Debug)]
enum TickerWait {
    Now,
    /// After the other tasks have had a turn; whether they have.
    Yield(bool),
    Timer(Pin<Box<Sleep>>),
}

impl Ticker {
    pub(crate) fn new(token: CancellationToken, period: Duration) -> Self {
        Ticker { cancellation: Cancellation::new(token), period, next: TickerWait::Now }
    }

    /// Waits for the next tick. Returns `true` for a tick, and `false` from the cancellation of the
    /// context on, even if a tick is due.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe: dropping its future loses no tick.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with its timer enabled.
    pub async fn tick(&mut self) -> bool {
        poll_fn(|task| self.poll_tick(task)).await
    }

    fn poll_tick(&mut self, task: &mut Context<'_>) -> Poll<bool> {
        if self.cancellation.is_cancelled() {
            return Poll::Ready(false);
        }
        if self.poll_due(task).is_ready() {
            return Poll::Ready(true);
        }
        self.cancellation.poll(task).map(|()| false)
    }

    fn poll_due(&mut self, task: &mut Context<'_>) -> Poll<()> {
        match &mut self.next {
            TickerWait::Now if self.period.is_zero() => self.next = TickerWait::Yield(false),
            TickerWait::Now => self.next = TickerWait::Timer(Box::pin(tokio::time::sleep_until(later(self.period)))),
            TickerWait::Yield(has_yielded) if *has_yielded => *has_yielded = false,
            TickerWait::Yield(has_yielded) => {
                // A task that wakes itself while it runs goes to the end of its runtime's queue.
                *has_yielded = true;
                task.waker().wake_by_ref();
                return Poll::Pending;
            }
            TickerWait::Timer(timer) => {
                ready!(timer.as_mut().poll(task));
                let now = Instant::now();
                let next = later_than(now, left(timer.deadline(), now, self.period));
                timer.as_mut().reset(next);
            }
        }
        Poll::Ready(())
    }
}

/// The time from `now` to the next multiple of the period after `due`, which has passed.
fn left(due: Instant, now: Instant, period: Duration) -> Duration {
    let late = now.saturating_duration_since(due).as_nanos() % period.as_nanos();
    // It is at most the time since `due`, which fits for 584 years.
    period.saturating_sub(Duration::from_nanos(u64::try_from(late).unwrap_or(u64::MAX)))
}
