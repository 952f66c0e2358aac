//! Going where the service is to go: each state with its delay and its gates.

use super::decide::Leave;
use super::{Call, Seat};
use crate::board::signal;
use crate::core::Command;
use crate::error::Error;
use crate::pace::{Pace, later};
use crate::state::{Cause, State, Transition};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

impl Seat {
    /// The method to call next, its state entered; none when the daemon is over.
    pub(crate) async fn next(&mut self) -> Option<Call> {
        loop {
            if self.is_reload_due() {
                self.reload_asked = false;
                return Some(Call::Reload);
            }
            let entered = match self.to {
                State::Init => self.enter_init().await,
                State::Idle => self.enter_idle().await,
                State::Run => self.enter_run().await,
                State::Stop => Ok(self.enter_stop().await),
                State::Exit | State::Unknown => {
                    if !self.exit().await {
                        return None;
                    }
                    continue;
                }
            };
            // Who asks again for what is under way already does not put it off.
            let goes_on = match entered {
                Err(Leave::Reload) => true,
                Err(Leave::Round(_)) => !self.begun && self.interrupted.is_some(),
                _ => false,
            };
            if !goes_on {
                self.waits_since = None;
            }
            match entered {
                Ok(call) => return Some(call),
                Err(Leave::Reload) => {}
                Err(leave) => {
                    // What it has spawned is part of the state it leaves.
                    self.end_children().await;
                    self.divert(leave);
                }
            }
        }
    }

    /// Whether the service is to reload now: only one that has begun and is not on its way out.
    pub(super) fn is_reload_due(&self) -> bool {
        self.reload_asked
            && self.begun
            && self.to != State::Stop
            && self.core.board.signals(self.id) & signal::SHUTDOWN == 0
    }

    async fn enter_init(&mut self) -> Result<Call, Leave> {
        let Some(delay) = self.restart_delay() else {
            return Err(Leave::End(self.failed.unwrap_or(Cause::Error)));
        };
        // A service without pauses is not to keep its thread from all others.
        let mut turn = pin!(tokio::task::coop::consume_budget());
        poll_fn(|task| {
            let polled = turn.as_mut().poll(task);
            if polled.is_pending() {
                self.flush();
            }
            polled
        })
        .await;
        let held = self.hold(State::Init, delay.max(self.options.delays[0])).await;
        if !matches!(held, Err(Leave::End(_) | Leave::Round(_))) {
            self.pace.restarted();
        }
        held?;
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
        if let Some(delay) = self.first.take() {
            return Some(delay);
        }
        if self.interrupted.is_some_and(|cause| !cause.is_failure()) {
            self.pace.leave_out();
            return Some(Duration::ZERO);
        }
        let Some(delay) = self.pace.restart(&self.options.backoff, self.options.restarts) else {
            if let Some(limit) = self.options.restarts.filter(|_| self.failed.is_none()) {
                let text = format!("came round more than {} times within {:?}", limit.max, limit.within);
                self.fail("restart", Cause::Error, &Error::msg(text));
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

    async fn enter_idle(&mut self) -> Result<Call, Leave> {
        self.delay(self.options.delays[1]).await?;
        self.inside = Some(State::Idle);
        self.publish(State::Idle, Transition::Entering, Cause::Normal);
        Ok(Call::Idle)
    }

    async fn enter_run(&mut self) -> Result<Call, Leave> {
        if self.paused {
            // It is in Run: what fired while it reloaded takes it out before `run` is called again.
            if let Some(leave) = self.told_to_leave().or_else(|| self.stop_reaction()) {
                return Err(leave);
            }
            self.paused = false;
            return Ok(Call::Run);
        }
        self.run_since = Some(self.hold(State::Run, self.options.delays[2]).await?);
        Ok(Call::Run)
    }

    async fn enter_stop(&mut self) -> Call {
        self.end_children().await;
        if self.ending.is_none() {
            // Whatever it is told, it is on its way to Stop already.
            if let Err(leave) = self.delay(self.options.delays[3]).await {
                self.divert(leave);
            }
        }
        let cause = self.ending.or(self.interrupted).or(self.failed).unwrap_or_default();
        self.inside = Some(State::Stop);
        self.publish(State::Stop, Transition::Entering, cause);
        Call::Stop
    }

    /// In Exit: publishes it, and stays until the daemon is over or an operator starts the service
    /// again; whether that is so.
    async fn exit(&mut self) -> bool {
        let cause = self.ending.take().unwrap_or(Cause::Normal);
        let (core, id) = (self.core.clone(), self.id);
        let well = self.ended_well && cause == Cause::Normal;
        self.flush();
        core.board.publish_exit(id, cause, well, self.gave_up, |seq| {
            self.trace(State::Exit, Transition::Entering, seq);
        });
        core.note_if_any(id, |detail| detail.next_attempt = None);
        core.exited(id);
        self.reload_asked = false;
        self.reply(&[Command::Stop], || Ok(()));
        self.reply(&[Command::Start, Command::Restart, Command::Reload], || {
            Err(Error::msg(format_args!("service `{}` has exited ({cause})", core.name(id))))
        });
        let again = poll_fn(|task| {
            self.register(task);
            let signals = core.board.signals(id);
            if signals & signal::REQUEST != 0 && self.answer_in_exit() {
                return Poll::Ready(true);
            }
            // Once its turn to stop has come there is nobody to start it again.
            if signals & (signal::OVER | signal::SHUTDOWN) != 0 { Poll::Ready(false) } else { Poll::Pending }
        })
        .await;
        if again {
            core.board.revive(id);
            core.forget_failure(id);
            self.to = State::Init;
            self.at = State::Unknown;
            self.first = Some(Duration::ZERO);
            self.failed = None;
            self.interrupted = None;
            self.gave_up = false;
            self.ended_well = false;
            self.pace = Pace::default();
        } else {
            self.over = true;
        }
        again
    }
}
