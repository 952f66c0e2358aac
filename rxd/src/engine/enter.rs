//! Going where the service is to go: each state with its delay and its gates.

use super::next_state::Leave;
use super::{Call, First, Outcome, Seat};
use crate::board::signal;
use crate::core::Command;
use crate::error::{Error, Failure};
use crate::lifecycle::backoff::{Pace, later};
use crate::lifecycle::state::{Cause, State, Transition};
use std::future::Future;
use std::num::NonZeroU64;
use std::pin::pin;
use std::task::{Context as TaskContext, Poll, ready};
use std::time::Duration;

/// How far it has come on its way to the next method.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Stage {
    /// It is to set out for the next state.
    #[default]
    Start,
    /// It waits for a free turn of the runtime.
    Turn,
    /// It waits for the delay before the state.
    Delay,
    /// It waits for the gates before the state.
    Gates,
    /// It ends its tasks, to leave where it waited.
    Leave(Leave),
    /// It ends its tasks before Stop.
    Stop,
    /// It is in Exit.
    Exit,
    /// It has woken others, and lets them have its thread before code of the user's runs on it: the method
    /// to call, or none to end.
    Yield(Option<Call>),
}

impl Seat {
    /// The method to call next, its state entered; none when the daemon is over.
    pub(crate) fn poll_next(&mut self, task: &mut TaskContext<'_>) -> Poll<Option<Call>> {
        let next = self.poll_departure(task);
        if next.is_pending() {
            self.woke = false;
        }
        next
    }

    fn poll_departure(&mut self, task: &mut TaskContext<'_>) -> Poll<Option<Call>> {
        loop {
            let arrived = match self.stage {
                Stage::Yield(call) => {
                    self.stage = Stage::Start;
                    return Poll::Ready(call);
                }
                Stage::Start if self.is_reload_due() => {
                    self.reload_asked = false;
                    return self.depart(Some(Call::Reload), task);
                }
                Stage::Start => match self.set_out() {
                    Some(arrived) => arrived,
                    None => continue,
                },
                Stage::Turn => {
                    // A service without pauses is not to keep its thread from all others.
                    if pin!(tokio::task::coop::consume_budget()).poll(task).is_pending() {
                        self.flush();
                        return Poll::Pending;
                    }
                    self.stage = Stage::Delay;
                    continue;
                }
                Stage::Delay => {
                    let waited = ready!(self.poll_delay(task));
                    match (self.to, waited) {
                        (State::Init | State::Run, Ok(())) => {
                            self.stage = Stage::Gates;
                            continue;
                        }
                        (State::Init | State::Run, Err(leave)) => self.passed(Err(leave)),
                        (State::Stop, waited) => {
                            // Whatever it is told, it is on its way to Stop already.
                            if let Err(leave) = waited {
                                self.divert(leave);
                            }
                            Ok(self.enter_stop())
                        }
                        (_, waited) => waited.map(|()| self.enter_idle()),
                    }
                }
                Stage::Gates => {
                    let passed = ready!(self.poll_gates(task));
                    if passed.is_err() {
                        self.core.board.leave_gate(self.id);
                    }
                    self.passed(passed)
                }
                Stage::Leave(leave) => {
                    ready!(self.poll_tasks(task));
                    self.divert(leave);
                    self.stage = Stage::Start;
                    continue;
                }
                Stage::Stop => {
                    ready!(self.poll_tasks(task));
                    if self.ending.is_none() {
                        self.set_delay(self.options.delays[3]);
                        self.stage = Stage::Delay;
                        continue;
                    }
                    Ok(self.enter_stop())
                }
                Stage::Exit => {
                    if !ready!(self.poll_exit(task)) {
                        return self.depart(None, task);
                    }
                    self.stage = Stage::Start;
                    continue;
                }
            };
            // Who asks again for what is under way already does not put it off.
            let goes_on = match arrived {
                Err(Leave::Reload) => true,
                Err(Leave::Round(_)) => !self.begun && self.interrupted.is_some(),
                _ => false,
            };
            if !goes_on {
                self.wait = None;
            }
            self.stage = match arrived {
                Ok(call) if self.own.has(call) => {
                    self.stage = Stage::Start;
                    return self.depart(Some(call), task);
                }
                // A method that is not the service's own does nothing, and is not called.
                Ok(call) => {
                    self.stage = Stage::Start;
                    self.ended(call, Outcome::WELL);
                    continue;
                }
                Err(Leave::Reload) => Stage::Start,
                Err(leave) => Stage::Leave(leave),
            };
        }
    }

    /// Code of the user's runs next: all that is pending is published before.
    ///
    /// Should that code block, a task that was woken in this poll could wait for it: the runtime keeps the last
    /// one in a place of this thread from which no other thread takes it. So the service yields once.
    fn depart(&mut self, call: Option<Call>, task: &TaskContext<'_>) -> Poll<Option<Call>> {
        self.flush();
        if !std::mem::take(&mut self.woke) {
            return Poll::Ready(call);
        }
        self.stage = Stage::Yield(call);
        task.waker().wake_by_ref();
        Poll::Pending
    }

    /// Sets out for the next state; something if it is there, or has to leave, at once.
    fn set_out(&mut self) -> Option<Result<Call, Leave>> {
        self.stage = match self.to {
            State::Init => {
                let Some(delay) = self.restart_delay() else {
                    return Some(Err(Leave::End(self.failed.unwrap_or(Cause::Error))));
                };
                self.set_delay(delay.max(self.options.delays[0]));
                Stage::Turn
            }
            State::Idle | State::Run if self.paused => {
                // It is in the state: what fired while it reloaded takes it out before the method is called again.
                let run = self.to == State::Run;
                return Some(match self.told_to_leave().or_else(|| run.then(|| self.stop_reaction()).flatten()) {
                    Some(leave) => Err(leave),
                    None => {
                        self.paused = false;
                        Ok(if run { Call::Run } else { Call::Idle })
                    }
                });
            }
            State::Idle => {
                self.set_delay(self.options.delays[1]);
                Stage::Delay
            }
            State::Run => {
                let delay = self.options.delays[2];
                self.set_delay(delay);
                if !delay.is_zero() {
                    self.core.note(self.id, |detail| detail.enters_run = Some(later(delay)));
                }
                Stage::Delay
            }
            State::Stop => Stage::Stop,
            State::Exit | State::Unknown => {
                self.publish_exit();
                Stage::Exit
            }
        };
        None
    }

    /// Whether the service is to reload now: only one that has begun and is not on its way out.
    pub(super) fn is_reload_due(&self) -> bool {
        self.reload_asked
            && self.begun
            && self.to != State::Stop
            && self.core.board.signals(self.id) & signal::SHUTDOWN == 0
    }

    /// The gates were passed, or are waited for no more.
    fn passed(&mut self, passed: Result<u64, Leave>) -> Result<Call, Leave> {
        if self.to == State::Run {
            self.run_since = NonZeroU64::new(passed? + 1);
            return Ok(Call::Run);
        }
        if !matches!(passed, Err(Leave::End(_) | Leave::Round(_))) {
            self.pace.restarted();
        }
        passed?;
        self.begun = true;
        self.failed = None;
        self.interrupted = None;
        self.run_since = None;
        self.ended_well = false;
        self.core.note_if_any(self.id, |detail| detail.next_attempt = None);
        self.reply(&[Command::Start, Command::Restart], || Ok(()));
        Ok(Call::Init)
    }

    /// How long to wait before this Init; none if there are to be no more.
    fn restart_delay(&mut self) -> Option<Duration> {
        match self.first.take() {
            Some(First::Start) => return Some(self.options.startup_delay),
            Some(First::Again) => return Some(Duration::ZERO),
            None => {}
        }
        if self.interrupted.is_some_and(|cause| !cause.is_failure()) {
            self.pace.leave_out();
            return Some(Duration::ZERO);
        }
        let Some(delay) = self.pace.restart(&self.options.backoff, self.options.restarts) else {
            if let Some(limit) = self.options.restarts.filter(|_| self.failed.is_none()) {
                let text = format!("restarted more than {} times within {:?}", limit.max, limit.within);
                self.fail("restart", Cause::Error, &Failure::msg(text));
            }
            self.give_up(self.failed.unwrap_or(Cause::Error));
            return None;
        };
        self.owed.comes_round = true;
        if !delay.is_zero() {
            self.core.note(self.id, |detail| detail.next_attempt = Some(later(delay)));
        }
        Some(delay)
    }

    fn enter_idle(&mut self) -> Call {
        self.core.note_if_any(self.id, |detail| detail.enters_run = None);
        self.inside = Some(State::Idle);
        self.publish(State::Idle, Transition::Entering, Cause::Normal);
        Call::Idle
    }

    fn enter_stop(&mut self) -> Call {
        let cause = self.ending.or(self.interrupted).or(self.failed).unwrap_or_default();
        self.inside = Some(State::Stop);
        self.publish(State::Stop, Transition::Entering, cause);
        Call::Stop
    }

    fn publish_exit(&mut self) {
        let cause = self.ending.take().unwrap_or(Cause::Normal);
        let well = self.ended_well && cause == Cause::Normal;
        let owed = std::mem::take(&mut self.owed);
        let for_good = is_for_good(self.core.board.signals(self.id));
        let core = &self.core;
        let woke = core.board.publish_exit(self.id, &owed, (cause, for_good), (well, self.gave_up), |first, seq| {
            self.trace_owed(&owed, first);
            self.trace(State::Exit, Transition::Entering, seq);
        });
        core.note_if_any(self.id, |detail| detail.next_attempt = None);
        self.woke |= core.exited(self.id) | woke;
        self.forgotten = for_good;
        self.reload_asked = false;
        if self.replies.is_some() {
            let name = self.core.name(self.id).clone();
            self.reply(&[Command::Stop], || Ok(()));
            self.reply(&[Command::Start, Command::Restart, Command::Reload], || {
                Err(Error::msg(format_args!("service `{name}` has exited ({cause})")))
            });
        }
    }

    /// In Exit, until the daemon is over or an operator starts the service again; whether that is so.
    fn poll_exit(&mut self, task: &mut TaskContext<'_>) -> Poll<bool> {
        self.register(task);
        let signals = self.core.board.signals(self.id);
        if signals & signal::REQUEST != 0 && self.answer_in_exit() {
            self.live_again();
            return Poll::Ready(true);
        }
        if !is_for_good(signals) {
            return Poll::Pending;
        }
        self.over = true;
        Poll::Ready(false)
    }

    /// An operator has started it again.
    fn live_again(&mut self) {
        self.core.board.revive(self.id);
        self.core.forget_failure(self.id);
        self.to = State::Init;
        self.at = State::Unknown;
        self.first = Some(First::Again);
        self.failed = None;
        self.interrupted = None;
        self.gave_up = false;
        self.ended_well = false;
        self.pace = Pace::default();
    }
}

/// Once its turn to stop has come there is nobody to start a service again.
fn is_for_good(signals: u32) -> bool {
    signals & (signal::OVER | signal::SHUTDOWN) != 0
}
