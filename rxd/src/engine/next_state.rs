//! Which state follows when a method has ended, and when a service fails for good.

use super::method::RunStage;
use super::{EngineState, Method, Outcome};
use crate::core::ServiceCommand;
use crate::error::{Error, MethodFailure};
use crate::lifecycle::backoff::pause;
use crate::lifecycle::manager::{Ended, Table};
use crate::lifecycle::options::OnFailure;
use crate::lifecycle::state::{Cause, State};
use crate::panic;
use crate::panic::emit;
use crate::report::ShutdownReason;
use std::num::NonZeroU64;
use std::time::Duration;

/// The record about a service that is not restarted because its restart limit is reached.
pub(super) const RESTART_LIMIT_REACHED: &str = "not restarted: restart limit reached";

/// Why a wait before a state ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupt {
    /// It ends.
    End(Cause),
    /// It is restarted.
    Restart(Cause),
    /// It reloads, and then continues where it is.
    Reload,
    /// It failed while it waited: a gate exceeded its limit, or one of its tasks panicked.
    Failed(Cause),
}

impl EngineState {
    /// Handles the outcome of a method: publishes that its state was exited, and decides what
    /// follows.
    pub(crate) fn ended(&mut self, call: Method, outcome: Outcome) {
        if self.limit.run == RunStage::Again {
            // It stays in the state, and in the epoch.
            return;
        }
        let Outcome { cause, failure } = outcome;
        if let Some(failure) = &failure {
            self.fail(call.name(), cause, failure);
        }
        if call == Method::Reload {
            let failed = match failure {
                Some(failure) => Some(format!("failed to reload service `{}`: {}", self.name(), failure.text)),
                None if cause == Cause::Normal => None,
                None => Some(format!("service `{}` is stopping ({cause})", self.name())),
            };
            if failed.is_none() {
                self.core.forget_failed_reload(self.id);
                self.end_back_off();
            }
            self.reply(&[ServiceCommand::Reload], &|| failed.as_deref().map_or(Ok(()), |text| Err(Error::msg(text))));
            return;
        }
        let has_other_reason = self.exit_cause.is_some() || self.interrupt_cause.is_some();
        if call.returns_for_reload() && self.reload_asked && cause == Cause::Operator && !has_other_reason {
            // It returned for a reload: the state is not exited.
            self.reloads_in_place = true;
            self.last_state = call.state();
            return;
        }
        if cause.is_failure() {
            self.first_failure = self.first_failure.or(Some(cause));
            // Without restarts one failure is enough, whatever Stop does. The failure counts now
            // and not after Stop, which may block its thread. With restarts, that is decided
            // after Stop: the window may have moved on by then.
            let never_restarts = self.options.restarts.is_some_and(|limit| limit.max == 0);
            if never_restarts && call != Method::Stop {
                self.fail_for_good(cause, RESTART_LIMIT_REACHED);
            }
        }
        if call == Method::Run {
            let lasted = self.ran();
            if cause == Cause::Reaction {
                self.log_reaction(lasted);
            }
            self.completed = cause == Cause::Normal;
        }
        self.last_state = call.state();
        if call == Method::Stop {
            self.init_entered = false;
        }
        self.to = self.decide(cause);
        // After a successful Idle the service stays in it until the gates before Run open.
        if self.to != State::Run {
            self.leave_state(cause);
        }
    }

    /// Decides which state follows the one whose method ended last.
    #[inline]
    fn decide(&mut self, cause: Cause) -> State {
        let stopped = self.last_state == State::Stop;
        if self.exit_cause.is_some() {
            return if stopped { State::Exit } else { State::Stop };
        }
        if self.interrupt_cause.is_some() && !stopped {
            return State::Stop;
        }
        if self.interrupt_cause == Some(Cause::Operator) {
            return State::Init;
        }
        match self.consult(cause) {
            State::Exit => {
                let cause = if stopped { self.first_failure.unwrap_or(cause) } else { cause };
                self.end_by_manager(cause);
                if stopped { State::Exit } else { State::Stop }
            }
            to => to,
        }
    }

    /// Asks the manager, and refuses what the lifecycle forbids.
    fn consult(&mut self, cause: Cause) -> State {
        let state = self.last_state;
        let ended = Ended { state, cause, failures: self.restart_history.failures() };
        // Only code of the user's has to be caught, or may be wrong.
        if let Some(to) = self.manager.look_up(ended) {
            return to;
        }
        let (cause, text) = match panic::catch(|| self.manager.decide(ended)) {
            Ok(to) if Table::may_follow(state, to) => return to,
            Ok(to) => (Cause::Error, format!("its manager goes from {state} to {to}, which may not follow")),
            Err(caught) => (Cause::Panic, format!("its manager panicked: {caught}")),
        };
        self.fail("manager", cause, &MethodFailure::msg(text));
        self.fail_for_good(cause, "not restarted: its manager failed");
        if state == State::Stop { State::Exit } else { State::Stop }
    }

    fn end_by_manager(&mut self, cause: Cause) {
        if cause.is_failure() {
            self.fail_for_good(cause, "not restarted: its manager ends it after a failure");
        } else {
            self.exit_cause.get_or_insert(Cause::Normal);
        }
    }

    /// Handles an interrupt of a wait.
    pub(super) fn interrupt(&mut self, interrupt: Interrupt) {
        let cause = match interrupt {
            Interrupt::Reload => return,
            Interrupt::End(cause) | Interrupt::Restart(cause) | Interrupt::Failed(cause) => cause,
        };
        self.waits_for_init = false;
        // An interrupt ends the pause before Init, as it ends a back-off; that of an operator, also one
        // that has not begun.
        self.is_evicted &= self.init_entered && cause != Cause::Operator;
        match interrupt {
            Interrupt::End(_) => self.end(cause),
            Interrupt::Restart(_) => self.interrupt_cause = Some(cause),
            Interrupt::Failed(_) | Interrupt::Reload => self.first_failure = self.first_failure.or(Some(cause)),
        }
        if std::mem::take(&mut self.reloads_in_place) && self.to == State::Run {
            let lasted = self.ran();
            if cause == Cause::Reaction {
                self.log_reaction(lasted);
            }
        }
        self.to = match (self.init_entered, interrupt) {
            (true, Interrupt::Failed(_)) => self.decide(cause),
            (true, _) => State::Stop,
            (false, Interrupt::End(_)) => State::Exit,
            (false, Interrupt::Restart(_)) => State::Init,
            (false, Interrupt::Failed(_) | Interrupt::Reload) => self.decide_before_init(cause),
        };
        if self.to != State::Run {
            self.leave_state(cause);
        }
    }

    /// Handles a failure before Init was entered. There is nothing to stop: the manager's answers
    /// for a failed Init, and then for a Stop, say whether the service is restarted.
    fn decide_before_init(&mut self, cause: Cause) -> State {
        self.interrupt_cause = None;
        for &(state, cause) in &[(State::Init, cause), (State::Stop, Cause::Normal)] {
            self.last_state = state;
            if self.consult(cause) == State::Exit || self.exit_cause.is_some() {
                self.end_by_manager(self.first_failure.unwrap_or(Cause::Error));
                return State::Exit;
            }
        }
        State::Init
    }

    /// Handles the end of a Run. If it was a sustained one, the next failure counts as the first. If
    /// it was a short one that a `then(stop)` ended, the service pauses before its next Init. Returns
    /// how long it lasted.
    fn ran(&mut self) -> Duration {
        let now = self.core.board.now();
        let lasted = self.run_since.map_or(0, |since| (now + 1).saturating_sub(since.get()));
        let lasted = Duration::from_nanos(lasted);
        self.restart_history.ran(lasted, &self.options.backoff);
        self.is_evicted = self.is_evicted && lasted < pause(&self.options.backoff);
        // The transitions that follow are of the same instant: the clock is not read again.
        self.batch.at = NonZeroU64::new(now);
        lasted
    }

    // ---- failing and ending --------------------------------------------------------------------

    pub(super) fn end(&mut self, cause: Cause) {
        if self.exit_cause.is_none() {
            self.exit_cause = Some(cause);
            if cause == Cause::Dependency {
                let error = self.core.detail(self.id, |detail| detail.error.clone());
                let root = error.as_deref().unwrap_or("a service that it depends on failed");
                self.count_failure(cause, &format!("ended: {root}"));
            }
        }
    }

    /// Logs a failure, and keeps it for `why` and the report.
    pub(super) fn fail(&self, method: &'static str, cause: Cause, failure: &MethodFailure) {
        if failure.is_done {
            emit!(DEBUG, target: "rxd", method, "lifecycle done");
            return;
        }
        self.core.note_error(self.id, method, cause, failure.text.clone());
        emit!(ERROR, target: "rxd", method, cause = cause.as_str(), "{}", failure.text);
        crate::output::hint_no_log(&self.name(), &failure.text);
    }

    /// Ends the service because of a failure; `text` is the record about it.
    pub(super) fn fail_for_good(&mut self, cause: Cause, text: &'static str) {
        if self.exit_cause.is_none() {
            self.exit_cause = Some(cause);
            self.count_failure(cause, text);
        }
    }

    /// Logs that the service has failed for good, and does what `on_failure` says.
    pub(super) fn count_failure(&mut self, cause: Cause, text: &str) {
        self.failed_for_good = true;
        emit!(ERROR, target: "rxd", cause = cause.as_str(), "{text}");
        match self.options.on_failure {
            OnFailure::Exit => self.core.note_failure(self.id),
            OnFailure::Shutdown => {
                self.core.note_failure(self.id);
                self.core.shut_down(ShutdownReason::Service(self.id));
                // This wakes the supervisor, which must not wait in this thread for code that
                // blocks.
                self.has_woken = true;
            }
            OnFailure::Ignore => {}
        }
    }
}
