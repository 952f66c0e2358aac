//! The way into the next state: its delay, its gates, and what interrupts the wait.

use super::next_state::{Interrupt, RESTART_LIMIT_REACHED};
use super::{EngineState, FirstDelay, Method, Outcome};
use crate::board::signal;
use crate::core::ServiceCommand;
use crate::error::{Error, MethodFailure};
use crate::lifecycle::backoff::{RestartHistory, later};
use crate::lifecycle::state::{Cause, State, Transition};
use crate::panic::emit;
use std::future::Future;
use std::num::NonZeroU64;
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

/// The step on the way to the next method.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum EnterStage {
    /// Begin the transition to the next state.
    #[default]
    Start,
    /// Wait for the runtime's cooperative budget.
    Budget,
    /// Wait for the delay before the state.
    Delay,
    /// Wait for the gates before the state.
    Gates,
    /// End the service's tasks, to interrupt the state in which it waited.
    Interrupt(Interrupt),
    /// End the service's tasks before Stop.
    Stop,
    /// In Exit.
    Exit,
    /// The service has woken other tasks, and yields its thread to them before code of the user's
    /// runs on it. Then: call this method, or end.
    Yield(Option<Method>),
}

impl EngineState {
    /// Returns the method to call next, once its state is entered; `None` once the daemon has
    /// stopped.
    pub(crate) fn poll_next(&mut self, task: &mut TaskContext<'_>) -> Poll<Option<Method>> {
        let next = self.poll_enter(task);
        if next.is_pending() {
            self.has_woken = false;
        }
        next
    }

    fn poll_enter(&mut self, task: &mut TaskContext<'_>) -> Poll<Option<Method>> {
        loop {
            let reached = match self.stage {
                EnterStage::Yield(call) => {
                    self.stage = EnterStage::Start;
                    return Poll::Ready(call);
                }
                EnterStage::Start if self.is_reload_due() => {
                    self.reload_asked = false;
                    return self.flush_and_yield(Some(Method::Reload), task);
                }
                EnterStage::Start => match self.start_transition() {
                    Some(reached) => reached,
                    None => continue,
                },
                EnterStage::Budget => {
                    // A service that restarts without a delay must not keep other tasks from
                    // running.
                    if pin!(tokio::task::coop::consume_budget()).poll(task).is_pending() {
                        self.flush();
                        return Poll::Pending;
                    }
                    self.stage = EnterStage::Delay;
                    continue;
                }
                EnterStage::Delay => {
                    let waited = ready!(self.poll_delay(task));
                    match (self.to, waited) {
                        (State::Init | State::Run, Ok(())) => {
                            self.stage = EnterStage::Gates;
                            continue;
                        }
                        (State::Init | State::Run, Err(interrupt)) => self.gates_passed(Err(interrupt)),
                        (State::Stop, waited) => {
                            // It is on its way to Stop already, whatever the interrupt asks for.
                            if let Err(interrupt) = waited {
                                self.interrupt(interrupt);
                            }
                            Ok(self.enter_stop())
                        }
                        (_, waited) => waited.map(|()| self.enter_idle()),
                    }
                }
                EnterStage::Gates => {
                    let passed = ready!(self.poll_gates(task));
                    if passed.is_err() {
                        self.core.board.leave_gate(self.id);
                    }
                    self.gates_passed(passed)
                }
                EnterStage::Interrupt(interrupt) => {
                    ready!(self.poll_tasks(task));
                    self.interrupt(interrupt);
                    self.stage = EnterStage::Start;
                    continue;
                }
                EnterStage::Stop => {
                    ready!(self.poll_tasks(task));
                    if self.exit_cause.is_none() {
                        self.set_delay(self.options.delays[3]);
                        self.stage = EnterStage::Delay;
                        continue;
                    }
                    Ok(self.enter_stop())
                }
                EnterStage::Exit => {
                    if !ready!(self.poll_exit(task)) {
                        return self.flush_and_yield(None, task);
                    }
                    self.stage = EnterStage::Start;
                    continue;
                }
            };
            // A reload, and repeating a request that is already in progress, keep the current delay
            // or gate wait.
            let keeps_wait = match reached {
                Err(Interrupt::Reload) => true,
                Err(Interrupt::Restart(_)) => !self.init_entered && self.interrupt_cause.is_some(),
                _ => false,
            };
            if !keeps_wait && self.wait.is_some() {
                self.wait = None;
            }
            self.stage = match reached {
                Ok(call) if self.overridden.has(call) => {
                    self.stage = EnterStage::Start;
                    return self.flush_and_yield(Some(call), task);
                }
                // A method that the service does not override does nothing, and is not called.
                Ok(call) => {
                    self.stage = EnterStage::Start;
                    self.ended(call, Outcome::OK);
                    continue;
                }
                Err(Interrupt::Reload) => EnterStage::Start,
                Err(interrupt) => EnterStage::Interrupt(interrupt),
            };
        }
    }

    /// Publishes the batch before code of the user's runs.
    ///
    /// If this poll has woken another task, the service yields once first: tokio keeps the task
    /// that was woken last in a slot of this thread (the LIFO slot), from which no other thread
    /// steals it. Code that blocks would otherwise hold up that task.
    fn flush_and_yield(&mut self, call: Option<Method>, task: &TaskContext<'_>) -> Poll<Option<Method>> {
        self.flush();
        if !std::mem::take(&mut self.has_woken) {
            return Poll::Ready(call);
        }
        self.stage = EnterStage::Yield(call);
        task.waker().wake_by_ref();
        Poll::Pending
    }

    /// Begins the transition to the next state. If nothing has to be waited for, returns the method
    /// to call, or the interrupt to handle.
    fn start_transition(&mut self) -> Option<Result<Method, Interrupt>> {
        self.stage = match self.to {
            // A reaction or a shutdown came during a reload, after which the service ends.
            State::Init | State::Idle | State::Run if self.exit_cause.is_some() => {
                return self.exit_cause.map(|cause| Err(Interrupt::End(cause)));
            }
            // After a reload the wait for this Init continues.
            State::Init if self.waits_for_init => {
                self.set_delay(self.wait.as_ref().map_or(Duration::ZERO, |wait| wait.delay()));
                EnterStage::Budget
            }
            State::Init => {
                let Some(delay) = self.restart_delay() else {
                    return Some(Err(Interrupt::End(self.first_failure.unwrap_or(Cause::Error))));
                };
                self.waits_for_init = true;
                self.set_delay(delay.max(self.options.delays[0]));
                EnterStage::Budget
            }
            State::Idle | State::Run if self.reloads_in_place => {
                // It is in the state already. A reaction that fired during the reload takes it out
                // before the method is called again.
                let run = self.to == State::Run;
                return Some(match self.pending_interrupt().or_else(|| run.then(|| self.stop_reaction()).flatten()) {
                    Some(interrupt) => Err(interrupt),
                    None => {
                        self.reloads_in_place = false;
                        Ok(if run { Method::Run } else { Method::Idle })
                    }
                });
            }
            State::Idle => {
                self.set_delay(self.options.delays[1]);
                EnterStage::Delay
            }
            State::Run => {
                let delay = self.options.delays[2];
                self.set_delay(delay);
                if !delay.is_zero() {
                    self.core.note(self.id, |detail| detail.enters_run = Some(later(delay)));
                }
                EnterStage::Delay
            }
            State::Stop => EnterStage::Stop,
            State::Exit | State::Unknown => {
                self.publish_exit();
                EnterStage::Exit
            }
        };
        None
    }

    /// Whether the service reloads now: between Init and Stop, or while it waits for its next Init.
    pub(super) fn is_reload_due(&self) -> bool {
        self.reload_asked
            && (self.init_entered && self.to != State::Stop || self.waits_for_init)
            && self.core.board.signals(self.id) & signal::SHUTDOWN == 0
    }

    /// Ends the back-off of a failed service after a successful reload: it may have failed because
    /// it lacked the new configuration. The restart counts as it did before.
    pub(super) fn end_back_off(&mut self) {
        if self.waits_for_init && self.first_failure.is_some() {
            self.wait = None;
            self.core.note_if_any(self.id, |detail| detail.next_attempt = None);
        }
    }

    /// Handles the end of the wait before Init or Run.
    fn gates_passed(&mut self, passed: Result<u64, Interrupt>) -> Result<Method, Interrupt> {
        if self.to == State::Run {
            self.run_since = NonZeroU64::new(passed? + 1);
            if std::mem::take(&mut self.recovers) {
                emit!(INFO, target: "rxd", "in run again");
            }
            return Ok(Method::Run);
        }
        if !matches!(passed, Err(Interrupt::End(_) | Interrupt::Restart(_) | Interrupt::Reload)) {
            self.restart_history.restarted();
        }
        passed?;
        self.waits_for_init = false;
        self.init_entered = true;
        self.first_failure = None;
        self.interrupt_cause = None;
        self.is_evicted = false;
        self.run_since = None;
        self.completed = false;
        self.core.note_if_any(self.id, |detail| detail.next_attempt = None);
        self.reply(&[ServiceCommand::Start, ServiceCommand::Restart], &|| Ok(()));
        Ok(Method::Init)
    }

    /// The delay before this Init; none if the restart limit is reached.
    fn restart_delay(&mut self) -> Option<Duration> {
        match self.first_delay.take() {
            Some(FirstDelay::Declared) => return Some(self.options.startup_delay),
            Some(FirstDelay::Zero) => return Some(Duration::ZERO),
            None => {}
        }
        if self.interrupt_cause.is_some_and(|cause| !cause.is_failure()) {
            self.withdraw_restart();
            return Some(if self.is_evicted { self.pause() } else { Duration::ZERO });
        }
        let Some(delay) = self.restart_history.restart(&self.options.backoff, self.options.restarts) else {
            if let Some(limit) = self.options.restarts.filter(|_| self.first_failure.is_none()) {
                let text = format!("restarted more than {} times within {:?}", limit.max, limit.within);
                self.fail("restart", Cause::Error, &MethodFailure::msg(text));
            }
            self.fail_for_good(self.first_failure.unwrap_or(Cause::Error), RESTART_LIMIT_REACHED);
            return None;
        };
        self.batch.restarts += 1;
        if self.first_failure.is_some() {
            self.recovers = true;
            emit!(
                INFO, target: "rxd", attempt = self.next_attempt(),
                "restarting in {:?}", Duration::from_millis(delay.as_millis() as u64)
            );
        }
        if !delay.is_zero() {
            self.note_next_attempt(delay, None);
        }
        Some(delay)
    }

    /// The number of the next attempt, as `why` counts them.
    pub(super) fn next_attempt(&self) -> u32 {
        self.core.board.status(self.id).incarnation.saturating_add(1)
    }

    /// Notes for `why` when the next attempt begins, and by which reaction, if there was one.
    pub(super) fn note_next_attempt(&self, delay: Duration, reaction: Option<String>) {
        self.core.note(self.id, |detail| {
            (detail.next_attempt, detail.reaction) = (Some(later(delay)), reaction);
        });
    }

    /// A restart that was counted when its back-off began is not made.
    fn withdraw_restart(&mut self) {
        if self.restart_history.withdraw() {
            self.batch.restarts -= 1;
        }
    }

    fn enter_idle(&mut self) -> Method {
        self.core.note_if_any(self.id, |detail| detail.enters_run = None);
        self.current_state = Some(State::Idle);
        self.publish(State::Idle, Transition::Entering, Cause::Normal);
        Method::Idle
    }

    fn enter_stop(&mut self) -> Method {
        let cause = self.exit_cause.or(self.interrupt_cause).or(self.first_failure).unwrap_or_default();
        self.current_state = Some(State::Stop);
        self.publish(State::Stop, Transition::Entering, cause);
        Method::Stop
    }

    fn publish_exit(&mut self) {
        let cause = self.exit_cause.take().unwrap_or(Cause::Normal);
        let completed = self.completed && cause == Cause::Normal;
        self.withdraw_restart();
        let batch = std::mem::take(&mut self.batch);
        let for_good = is_for_good(self.core.board.signals(self.id));
        let core = &self.core;
        let has_woken = core.board.publish_exit(
            self.id,
            &batch,
            (cause, for_good),
            (completed, self.failed_for_good),
            |first, seq| {
                self.trace_batch(&batch, first);
                self.trace(State::Exit, Transition::Entering, seq);
            },
        );
        core.note_if_any(self.id, |detail| detail.next_attempt = None);
        self.has_woken |= core.exited(self.id, cause) | has_woken;
        self.waker_removed = for_good;
        self.reload_asked = false;
        if self.pending_replies.is_some() {
            let name = self.core.name(self.id).clone();
            self.reply(&[ServiceCommand::Stop], &|| Ok(()));
            self.reply(&[ServiceCommand::Start, ServiceCommand::Restart, ServiceCommand::Reload], &|| {
                Err(Error::msg(format_args!("service `{name}` has exited ({cause})")))
            });
        }
    }

    /// Waits in Exit. Returns true once an operator starts the service, and false once it will not
    /// be started again: the daemon has stopped, or has asked the service to.
    fn poll_exit(&mut self, task: &mut TaskContext<'_>) -> Poll<bool> {
        self.register(task);
        let signals = self.core.board.signals(self.id);
        if signals & signal::REQUEST != 0 && self.answer_in_exit() {
            self.restart_from_exit();
            return Poll::Ready(true);
        }
        if !is_for_good(signals) {
            return Poll::Pending;
        }
        self.has_ended = true;
        Poll::Ready(false)
    }

    /// Begins anew: an operator has started the service.
    fn restart_from_exit(&mut self) {
        self.core.board.revive(self.id);
        self.core.forget_failure(self.id);
        self.to = State::Init;
        self.last_state = State::Unknown;
        self.first_delay = Some(FirstDelay::Zero);
        self.first_failure = None;
        self.interrupt_cause = None;
        self.is_evicted = false;
        self.failed_for_good = false;
        self.completed = false;
        self.restart_history = RestartHistory::default();
        self.recovers = false;
        self.forget_runs();
    }
}

/// Whether a service in Exit stays there: once it has been asked to shut down, no operator can
/// start it again.
fn is_for_good(signals: u32) -> bool {
    signals & (signal::OVER | signal::SHUTDOWN) != 0
}
