//! Waiting before a state: for a delay, for gates, and for whatever ends the wait.

use super::EngineState;
use super::next_state::Interrupt;
use crate::error::Failure;
use crate::lifecycle::backoff::later_than;
use crate::lifecycle::state::{Cause, Transition};
use std::future::Future;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// A wait for what is before a state. There is none until the service has to wait.
pub(super) struct Wait {
    /// Since when. A reload in between does not begin it anew.
    since: Instant,
    delay: Duration,
    /// Since when the gates are waited for: from the end of the delay.
    gates: Option<Instant>,
    /// Of the delay; then of the gates' limit.
    timer: Option<Pin<Box<Sleep>>>,
}

impl EngineState {
    /// It is to wait this long before it looks at the gates. A zero delay uses no timer.
    pub(super) fn set_delay(&mut self, delay: Duration) {
        if delay.is_zero() && self.wait.is_none() {
            return;
        }
        if !delay.is_zero() {
            // It has to wait, so this is published now or soon. What it waits after is not to be stamped later
            // than the wait begins, however long this thread is kept from going on in between.
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
        if let Some(leave) = self.pending_interrupt() {
            return Poll::Ready(Err(leave));
        }
        let polled = self.poll_timer(task);
        if polled.is_pending() {
            self.flush();
        }
        polled.map(Ok)
    }

    /// Waits for the gates before `to`, and enters it; when, as the board tells time.
    pub(super) fn poll_gates(&mut self, task: &mut TaskContext<'_>) -> Poll<Result<u64, Interrupt>> {
        self.register(task);
        if let Some(leave) = self.pending_interrupt() {
            return Poll::Ready(Err(leave));
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
            // Until a method is called or it waits, the clock need not be read again.
            self.batch.at = NonZeroU64::new(passed.at);
            return Poll::Ready(Ok(passed.at));
        }
        let wait = self.wait_mut();
        let is_new = wait.gates.is_none();
        let since = *wait.gates.get_or_insert(later_than(wait.since, wait.delay));
        // A reload may have taken all the time there was.
        let mut look = is_new;
        loop {
            if look {
                if let Some(unmet) = self.timed_out_gate(since) {
                    self.fail("gate", Cause::Timeout, &Failure::msg(unmet));
                    return Poll::Ready(Err(Interrupt::Failed(Cause::Timeout)));
                }
                let limit = self.next_limit(since);
                self.wait_mut().timer = limit;
            }
            match self.wait_mut().timer {
                Some(_) => ready!(self.poll_timer(task)),
                None => return Poll::Pending,
            }
            look = true;
        }
    }

    /// When the next gate that is shut will have been so for too long.
    fn next_limit(&self, since: Instant) -> Option<Pin<Box<Sleep>>> {
        let unmet = self.core.board.unmet(self.id, self.to);
        let within = unmet.iter().filter_map(|gate| gate.within).filter(|within| since.elapsed() < *within).min()?;
        Some(Box::pin(tokio::time::sleep_until(later_than(since, within))))
    }

    /// What is said when a gate has been shut for too long.
    fn timed_out_gate(&self, since: Instant) -> Option<String> {
        let unmet = self.core.board.unmet(self.id, self.to);
        let gate = unmet.iter().find(|gate| gate.within.is_some_and(|within| since.elapsed() >= within))?;
        let within = gate.within.unwrap_or_default();
        Some(format!("waited {within:?} for {}", crate::watch::describe(&self.core, gate)))
    }
}
