//! The wait before a state: for its delay, for its gates, or until an interrupt.

use super::EngineState;
use super::next_state::Interrupt;
use crate::error::MethodFailure;
use crate::lifecycle::backoff::later_than;
use crate::lifecycle::state::{Cause, Transition};
use std::future::Future;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// The wait before a state. It is made when the service first has to wait.
pub(super) struct Wait {
    /// When the wait began. A reload in between does not restart it.
    since: Instant,
    delay: Duration,
    /// When the wait for the gates began: at the end of the delay.
    gates: Option<Instant>,
    /// The timer of the delay, and later of the gates' limit.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Wait {
    /// The delay before the gates.
    pub(super) fn delay(&self) -> Duration {
        self.delay
    }
}

impl EngineState {
    /// Sets the delay before the state. A zero delay uses no timer.
    pub(super) fn set_delay(&mut self, delay: Duration) {
        if delay.is_zero() && self.wait.is_none() {
            return;
        }
        if !delay.is_zero() {
            // The service has to wait, so the batch has to be published anyway. Published here, its
            // transitions cannot get a later time than the begin of the wait, however long this
            // thread is descheduled in between.
            self.flush();
        }
        let wait = self.wait_mut();
        wait.delay = delay;
        wait.gates = None;
        let until = later_than(wait.since, delay);
        wait.timer = (!delay.is_zero()).then(|| Box::pin(tokio::time::sleep_until(until)));
    }

    fn wait_mut(&mut self) -> &mut Wait {
        self.wait.get_or_insert_with(|| {
            Box::new(Wait { since: Instant::now(), delay: Duration::ZERO, gates: None, timer: None })
        })
    }

    fn poll_timer(&mut self, task: &mut TaskContext<'_>) -> Poll<()> {
        if let Some(wait) = &mut self.wait {
            if let Some(timer) = &mut wait.timer {
                ready!(timer.as_mut().poll(task));
                wait.timer = None;
            }
        }
        Poll::Ready(())
    }

    /// Waits for the delay.
    pub(super) fn poll_delay(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<(), Interrupt>> {
        self.register(task);
        if let Some(interrupt) = self.pending_interrupt() {
            return Poll::Ready(Err(interrupt));
        }
        let polled = self.poll_timer(task);
        if polled.is_pending() {
            self.flush();
        }
        polled.map(Ok)
    }

    /// Waits for the gates before `to`, and enters it. Returns the time of that, by the board's
    /// clock.
    pub(super) fn poll_gates(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<u64, Interrupt>> {
        self.register(task);
        if let Some(interrupt) = self.pending_interrupt() {
            return Poll::Ready(Err(interrupt));
        }
        let (from, to) = (self.current_state, self.to);
        let batch = std::mem::take(&mut self.batch);
        let passed = self.core.board.publish_and_try_enter(self.id, &batch, from, to, |passed| {
            self.trace_batch(&batch, passed.first);
            let Some((left, entered)) = passed.entered else { return };
            if let Some(state) = from {
                self.trace(state, Transition::Exited, left);
            }
            self.trace(to, Transition::Entering, Some(entered));
        });
        self.has_woken |= passed.woke;
        if passed.entered.is_some() {
            self.current_state = Some(to);
            // Until a method is called or the service waits, the clock is not read again.
            self.batch.at = NonZeroU64::new(passed.at);
            return Poll::Ready(Ok(passed.at));
        }
        let wait = self.wait_mut();
        let is_new = wait.gates.is_none();
        let since = *wait.gates.get_or_insert(later_than(wait.since, wait.delay));
        // At the begin too: a reload in between may have taken all of the limit.
        let mut is_due = is_new;
        loop {
            if is_due {
                if let Some(unmet) = self.timed_out_gate(since) {
                    self.fail("gate", Cause::Timeout, &MethodFailure::msg(unmet));
                    return Poll::Ready(Err(Interrupt::Failed(Cause::Timeout)));
                }
                let limit = self.next_limit(since);
                self.wait_mut().timer = limit;
            }
            match self.wait_mut().timer {
                Some(_) => ready!(self.poll_timer(task)),
                None => return Poll::Pending,
            }
            is_due = true;
        }
    }

    /// A timer for the earliest limit of the closed gates.
    fn next_limit(&self, since: Instant) -> Option<Pin<Box<Sleep>>> {
        let unmet = self.core.board.unmet(self.id, self.to);
        let within = unmet.iter().filter_map(|gate| gate.within).filter(|within| since.elapsed() < *within).min()?;
        Some(Box::pin(tokio::time::sleep_until(later_than(since, within))))
    }

    /// The message about a gate that has exceeded its limit.
    fn timed_out_gate(&self, since: Instant) -> Option<String> {
        let unmet = self.core.board.unmet(self.id, self.to);
        let gate = unmet.iter().find(|gate| gate.within.is_some_and(|within| since.elapsed() >= within))?;
        let within = gate.within.unwrap_or_default();
        Some(format!("waited {within:?} for {}", crate::watch::describe(&self.core, gate)))
    }
}
