//! A periodic service: it stays in Run, and its `run` is called once for each time it is due.
//!
//! The wait between two runs is a part of Run: what interrupts a running method interrupts it, at
//! once and with the same result. Tasks that a run has spawned continue during it.

use super::enter::EnterStage;
use super::method::RunStage;
use super::{EngineState, Method, Outcome};
use crate::core::NextRun;
use crate::lifecycle::options::service::{RunWait, ServiceOptions};
use crate::lifecycle::state::Cause;
use crate::race::race;
use crate::service::context::Context;
use std::sync::atomic::Ordering;
use std::task::{Context as TaskContext, Poll};
use tokio::time::{Instant, sleep_until};

impl EngineState {
    /// Whether `run`, which has ended, is to be called again when its next run is due. The tasks that
    /// it has spawned then continue.
    #[cold]
    pub(super) fn runs_again(&mut self, cx: &Context, ended: &Outcome) -> bool {
        if ended.cause != Cause::Normal {
            return false;
        }
        self.run_completed();
        // A signal that has come since is handled before the next run. Without one, code that holds
        // the token has cancelled it, and the service leaves Run.
        if cx.is_cancelled() && self.core.board.signals(self.id) == 0 {
            return false;
        }
        self.limit.run = RunStage::Again;
        self.stage = EnterStage::Yield(Some(Method::Run));
        true
    }

    /// The run, if it is one, has returned `Ok`.
    #[cold]
    pub(super) fn run_completed(&mut self) {
        if let (RunStage::Runs, ServiceOptions::Recurring(recurring)) = (self.limit.run, &mut self.options) {
            recurring.cadence().completed();
        }
    }

    /// Waits, in Run, until the next run is due. Returns the outcome of Run if that ends first.
    // Most services have none: the engine's poll must not grow by it.
    #[cold]
    pub(super) fn poll_due(&mut self, cx: &Context, task: &mut TaskContext<'_>) -> Poll<Option<Outcome>> {
        loop {
            let ServiceOptions::Recurring(recurring) = &mut self.options else { return Poll::Ready(None) };
            let mut wait = match recurring.wait.take() {
                Some(wait) => wait,
                None => {
                    let next = recurring.cadence().next(Instant::now());
                    let by_clock = recurring.cadence().due_text();
                    self.expect_run(next.due, by_clock);
                    RunWait(Box::pin(race(cx.wait_cancelled(), sleep_until(next.wake))))
                }
            };
            let is_pending = wait.0.as_mut().poll(task).is_pending();
            let ServiceOptions::Recurring(recurring) = &mut self.options else { return Poll::Ready(None) };
            if is_pending {
                recurring.wait = Some(wait);
                return Poll::Pending;
            }
            let now = Instant::now();
            if !cx.is_cancelled() && !recurring.cadence().begin(now) {
                continue;
            }
            self.core.note_if_any(self.id, |detail| detail.next_run = None);
            if cx.is_cancelled() {
                // A signal may have come since the engine looked. Without one, code that holds the
                // token has cancelled it: `run` would return, too.
                self.look_at_signals(cx, Method::Run);
                let cause = self.limit.cancelled.unwrap_or(Cause::Normal);
                return Poll::Ready(Some(Outcome { cause, failure: None }));
            }
            self.limit.run = RunStage::Runs;
            // It may begin before the time until which no heartbeat was required.
            let beat = self.core.uptime().as_millis() as u64;
            self.core.board.service(self.id).beat.fetch_min(beat.saturating_add(1), Ordering::Relaxed);
            return Poll::Ready(None);
        }
    }

    /// Begins anew, as if the service had never been in Run.
    #[cold]
    pub(super) fn forget_runs(&mut self) {
        if let ServiceOptions::Recurring(recurring) = &mut self.options {
            recurring.forget();
        }
    }

    /// Notes for `why` when the next run is due. Until then no heartbeat is.
    fn expect_run(&self, due: Instant, by_clock: Option<String>) {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        self.core.note(self.id, |detail| detail.next_run = Some(NextRun { at: due, by_clock }));
        let beat = self.core.uptime().saturating_add(left).as_millis() as u64;
        self.core.board.service(self.id).beat.store(beat.saturating_add(1), Ordering::Relaxed);
    }
}
