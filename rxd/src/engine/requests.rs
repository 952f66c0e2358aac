//! What others ask of a service: signals, reactions, operators' requests.

use super::next_state::Interrupt;
use super::{EngineState, Method};
use crate::board::{Reaction, signal};
use crate::core::{ServiceCommand, answer};
use crate::error::Error;
use crate::lifecycle::state::Cause;
use crate::panic::emit;

impl EngineState {
    /// What the signals say to a service that is between methods.
    pub(super) fn pending_interrupt(&mut self) -> Option<Interrupt> {
        let signals = self.core.board.signals(self.id);
        if signals & !signal::GATE == 0 {
            return None;
        }
        self.latch();
        if signals & signal::SHUTDOWN != 0 {
            return Some(Interrupt::End(Cause::Shutdown));
        }
        if let Some(cause) = self.ending_reaction(signals) {
            return Some(Interrupt::End(cause));
        }
        if signals & signal::CHILD != 0 {
            // It is of this round: the last one's is taken when all of its tasks have ended, and what
            // this one said is told then.
            self.core.board.clear(self.id, signal::CHILD);
            return Some(Interrupt::Failed(Cause::Panic));
        }
        if signals & signal::REQUEST != 0 {
            return self.take_requests().or_else(|| self.is_reload_due().then_some(Interrupt::Reload));
        }
        None
    }

    /// Cancels the epoch for good if a signal does, before the signal is taken back.
    fn latch(&self) {
        let service = self.core.board.service(self.id);
        if service.is_interrupted() {
            service.cancel();
        }
    }

    /// Whether, and why, the running method is to be interrupted.
    pub(super) fn interruption(&mut self, call: Method, signals: u32) -> Option<Cause> {
        if call == Method::Stop {
            return None;
        }
        self.latch();
        if signals & signal::SHUTDOWN != 0 {
            self.end(Cause::Shutdown);
            return Some(Cause::Shutdown);
        }
        if let Some(cause) = self.ending_reaction(signals) {
            self.end(cause);
            return Some(cause);
        }
        // The rest waits until a reload is done.
        if call == Method::Reload {
            return None;
        }
        if signals & signal::CHILD != 0 {
            self.core.board.clear(self.id, signal::CHILD);
            return Some(Cause::Panic);
        }
        if signals & signal::REQUEST != 0 {
            match self.take_requests() {
                Some(Interrupt::End(cause)) => {
                    self.end(cause);
                    return Some(cause);
                }
                Some(Interrupt::Restart(cause) | Interrupt::Failed(cause)) => {
                    self.interrupt_cause = Some(cause);
                    return Some(cause);
                }
                Some(Interrupt::Reload) | None if self.reload_asked && call.returns_for_reload() => {
                    return Some(Cause::Operator);
                }
                Some(Interrupt::Reload) | None => {}
            }
        }
        if call == Method::Run && signals & signal::STOP != 0 {
            self.core.board.take_reaction(self.id, Reaction::Stop);
            self.interrupt_cause = Some(Cause::Reaction);
            return Some(Cause::Reaction);
        }
        None
    }

    /// A `then(stop)` that fired.
    pub(super) fn stop_reaction(&mut self) -> Option<Interrupt> {
        if self.core.board.signals(self.id) & signal::STOP == 0 {
            return None;
        }
        self.core.board.take_reaction(self.id, Reaction::Stop);
        Some(Interrupt::Restart(Cause::Reaction))
    }

    fn ending_reaction(&mut self, signals: u32) -> Option<Cause> {
        if signals & signal::DEPENDENCY != 0 {
            self.core.board.take_reaction(self.id, Reaction::Dependency);
            return Some(Cause::Dependency);
        }
        if signals & signal::EXIT != 0 {
            self.core.board.take_reaction(self.id, Reaction::Exit);
            return Some(Cause::Reaction);
        }
        None
    }

    // ---- operators -----------------------------------------------------------------------------

    /// What operators asked for: the strongest of it. A reload is only noted.
    fn take_requests(&mut self) -> Option<Interrupt> {
        let mut leave = None;
        for (command, reply) in self.core.take_requests(self.id) {
            match command {
                // It is not in Exit, so it has started, or will be told once it has.
                ServiceCommand::Start if self.init_entered => {
                    self.has_woken = true;
                    answer(reply, Ok(()));
                    continue;
                }
                ServiceCommand::Start => {}
                ServiceCommand::Stop => leave = Some(Interrupt::End(Cause::Operator)),
                ServiceCommand::Restart if leave.is_none() => leave = Some(Interrupt::Restart(Cause::Operator)),
                ServiceCommand::Restart => {}
                ServiceCommand::Reload if self.overridden.has(Method::Reload) => self.reload_asked = true,
                ServiceCommand::Reload => {
                    emit!(DEBUG, target: "rxd", "has nothing to reload");
                    self.has_woken = true;
                    answer(reply, Ok(()));
                    continue;
                }
            }
            self.pending_replies.get_or_insert_default().push((command, reply));
        }
        leave
    }

    /// Answers operators while the service is in Exit; whether it is to start again.
    pub(super) fn answer_in_exit(&mut self) -> bool {
        let mut start = false;
        for (command, reply) in self.core.take_requests(self.id) {
            let reaction = match command {
                ServiceCommand::Start | ServiceCommand::Restart if start || self.core.stop_order.revive(self.id) => {
                    start = true;
                    // Told once Init is entered.
                    self.pending_replies.get_or_insert_default().push((command, reply));
                    continue;
                }
                command => self.core.answer_when_over(self.id, command),
            };
            self.has_woken = true;
            answer(reply, reaction);
        }
        start
    }

    pub(super) fn reply(&mut self, commands: &[ServiceCommand], with: impl Fn() -> Result<(), Error>) {
        let Some(replies) = &mut self.pending_replies else { return };
        let (mine, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut **replies).into_iter().partition(|(command, _)| commands.contains(command));
        match others.is_empty() {
            true => self.pending_replies = None,
            false => **replies = others,
        }
        // Those that wait are not to wait in this thread for code of the user's.
        self.has_woken |= !mine.is_empty();
        for (_, reply) in mine {
            answer(reply, with());
        }
    }
}
