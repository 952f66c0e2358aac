//! While a method runs: telling it to return, its limits, its end and that of its tasks.

use super::{Call, Outcome, Seat};
use crate::board::signal;
use crate::context::Context;
use crate::error::{Error, Result, is_cancelled};
use crate::options::slot;
use crate::pace::later;
use crate::round::Round;
use crate::state::{Cause, State};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Sleep;

/// The limit that applies to a method at the moment. Its timer is made once the method waits.
struct Limit {
    length: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Limit {
    fn new(length: Option<Duration>) -> Self {
        Limit { length, timer: None }
    }

    fn timer(&mut self) -> Option<&mut Pin<Box<Sleep>>> {
        let length = self.length?;
        Some(self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(length))))
    }
}

impl Seat {
    /// Runs one method to its end: its own, or the one that is made for it.
    pub(crate) async fn supervise(
        &mut self,
        call: Call,
        cx: &Context,
        mut method: Pin<&mut (dyn Future<Output = Result> + Send)>,
    ) -> Outcome {
        let own = match call {
            Call::Stop | Call::Reload => Some(self.stop_limit()),
            Call::Init | Call::Idle | Call::Run => slot(call.state()).and_then(|slot| self.options.timeouts[slot]),
        };
        let mut limit = Limit::new(own);
        // Why the method was told to return, and whether that was because its own limit is over.
        let mut told: Option<Cause> = None;
        let mut late = false;
        let extension =
            |seat: &Seat| Duration::from_millis(seat.core.board.ear(seat.id).extension.swap(0, Ordering::AcqRel));
        extension(self);
        poll_fn(|task| {
            self.register(task);
            let signals = self.core.board.signals(self.id);
            if signals != 0 && told.is_none() {
                told = self.interruption(call, signals);
                if told.is_some() {
                    cx.tell();
                    limit = Limit::new(Some(self.stop_limit()));
                    extension(self);
                }
            }
            let polled = self.guarded(|| method.as_mut().poll(task));
            match polled {
                Err(caught) => return Poll::Ready(Outcome::panicked(&caught)),
                Ok(Poll::Ready(_)) if late => return Poll::Ready(self.overran(call, None, own)),
                Ok(Poll::Ready(result)) => return Poll::Ready(self.returned(call, told, result)),
                Ok(Poll::Pending) => {}
            }
            if self.is_killed(call) {
                cx.tell();
                return Poll::Ready(self.dropped(call, told, Some(Duration::ZERO)));
            }
            while let Some(timer) = limit.timer() {
                if timer.as_mut().poll(task).is_pending() {
                    return Poll::Pending;
                }
                let more = extension(self);
                if !more.is_zero() {
                    timer.as_mut().reset(later(more));
                } else if told.is_some() || late {
                    return Poll::Ready(self.dropped(call, told, own));
                } else {
                    // Its own limit: it is told, and polled once more before it is dropped.
                    late = true;
                    cx.tell();
                    task.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Whether all limits are over for this method: what was not asked to stop goes on until it is.
    fn is_killed(&self, call: Call) -> bool {
        let signals = self.core.board.signals(self.id);
        signals & signal::KILL != 0 && (call == Call::Stop || signals & signal::SHUTDOWN != 0)
    }

    fn returned(&mut self, call: Call, told: Option<Cause>, result: Result) -> Outcome {
        match (told, result) {
            (None, Ok(())) => Outcome { cause: Cause::Normal, error: None },
            (None, Err(error)) => Outcome { cause: Cause::Error, error: Some(error) },
            (Some(cause), Ok(())) => Outcome { cause, error: None },
            (Some(cause), Err(error)) => {
                if !is_cancelled(&error) {
                    tracing::warn!(target: "rxd", method = call.name(), "returned an error when it was told to: {error:#}");
                }
                Outcome { cause, error: None }
            }
        }
    }

    /// The method did not return in time, and its future goes.
    fn dropped(&mut self, call: Call, told: Option<Cause>, own: Option<Duration>) -> Outcome {
        if self.core.board.signals(self.id) & signal::SHUTDOWN != 0 {
            let state = self.inside.unwrap_or_else(|| call.state());
            self.core.note(self.id, |detail| detail.overrun = Some(state));
        }
        self.overran(call, told, own)
    }

    fn overran(&mut self, call: Call, told: Option<Cause>, own: Option<Duration>) -> Outcome {
        let method = call.name();
        match told {
            Some(cause) => {
                let limit = self.stop_limit();
                tracing::error!(target: "rxd", method, "did not return within {limit:?} of being told to, and was dropped");
                Outcome { cause, error: None }
            }
            None => {
                let limit = own.unwrap_or_default();
                let error = Error::msg(format_args!("{method} did not return within {limit:?}"));
                Outcome { cause: Cause::Timeout, error: Some(error) }
            }
        }
    }

    // ---- its tasks -----------------------------------------------------------------------------

    /// Ends what the method has spawned, where its round does not go on; a panic in it is the method's.
    pub(crate) async fn settle(&mut self, cx: &Context, call: Call, ended: Outcome) -> Outcome {
        let goes_on = match call {
            Call::Init | Call::Idle => {
                ended.cause == Cause::Normal && self.ending.is_none() && self.interrupted.is_none()
            }
            Call::Reload => true,
            Call::Run | Call::Stop => false,
        };
        if goes_on {
            return ended;
        }
        // Whoever was handed the token, a subscription say, is to know that the round is over.
        self.round.tell();
        cx.tell();
        // Held by the seat and `cx`, and by nobody else.
        if self.is_alone(2) {
            return ended;
        }
        match self.wind_up().await {
            Some(text) if ended.error.is_none() => Outcome { cause: Cause::Panic, error: Some(Error::msg(text)) },
            Some(text) => {
                tracing::error!(target: "rxd", "{text}");
                ended
            }
            None => ended,
        }
    }

    /// As [`settle`](Seat::settle), for a service that waits between methods.
    pub(super) async fn end_children(&mut self) {
        if !self.is_alone(1) {
            if let Some(text) = self.wind_up().await {
                self.failed = self.failed.or(Some(Cause::Panic));
                self.fail("task", Cause::Panic, &Error::msg(text));
            }
        }
    }

    /// Whether there are no tasks, and no context that could still spawn one.
    fn is_alone(&self, holders: usize) -> bool {
        !self.round.children.is_used() && Arc::strong_count(&self.round) <= holders
    }

    /// Cancels the tasks of this round, waits for them, and aborts those that stay; what the first
    /// panic among them said.
    async fn wind_up(&mut self) -> Option<String> {
        self.flush();
        self.round.tell();
        let round = std::mem::replace(&mut self.round, Arc::new(Round::new(self.task)));
        let children = &round.children;
        children.close();
        let mut limit = Limit::new(Some(self.stop_limit()));
        let mut aborted = false;
        {
            let mut ended = pin!(children.ended());
            poll_fn(|task| {
                self.register(task);
                if ended.as_mut().poll(task).is_ready() {
                    return Poll::Ready(());
                }
                let signals = self.core.board.signals(self.id);
                let killed = signals & signal::KILL != 0 && signals & signal::SHUTDOWN != 0;
                let over = killed || limit.timer().is_none_or(|timer| timer.as_mut().poll(task).is_ready());
                if over && !aborted {
                    aborted = true;
                    let limit = if killed { Duration::ZERO } else { self.stop_limit() };
                    tracing::error!(target: "rxd", "tasks of the service did not end within {limit:?} of being cancelled, and were aborted");
                    if signals & signal::SHUTDOWN != 0 {
                        let state = self.inside.unwrap_or(State::Run);
                        self.core.note(self.id, |detail| detail.overrun = Some(state));
                    }
                    children.abort();
                }
                // A task that blocks its thread is waited for: two rounds never overlap.
                Poll::Pending
            })
            .await;
        }
        self.core.board.clear(self.id, signal::CHILD);
        children.panicked()
    }
}
