//! Signals, reactions, and the requests of operators.

use super::next_state::Interrupt;
use super::{EngineState, Method};
use crate::board::{Reaction, signal};
use crate::core::{Reply, ServiceCommand, answer, has_room};
use crate::error::{Error, MethodFailure};
use crate::lifecycle::state::{Cause, State};
use crate::panic::emit;

impl EngineState {
    /// The interrupt that the signals mean for a service that is between methods.
    pub(super) fn pending_interrupt(&mut self) -> Option<Interrupt> {
        let signals = self.core.board.signals(self.id);
        if signals & !signal::GATE == 0 {
            return None;
        }
        self.core.board.service(self.id).latch();
        if signals & signal::SHUTDOWN != 0 {
            return Some(Interrupt::End(Cause::Shutdown));
        }
        if let Some(cause) = self.ending_reaction(signals) {
            return Some(Interrupt::End(cause));
        }
        if signals & signal::CHILD != 0 {
            // The panicked task is of this incarnation: the signal of the last one was cleared when
            // all of its tasks had ended. Its message is logged when the tasks of this one have.
            self.core.board.clear(self.id, signal::CHILD);
            return Some(Interrupt::Failed(Cause::Panic));
        }
        if signals & signal::REQUEST != 0 {
            return self.take_requests().or_else(|| self.is_reload_due().then_some(Interrupt::Reload));
        }
        None
    }

    /// Why the signals interrupt the running method, if they do.
    pub(super) fn interruption(&mut self, call: Method, signals: u32) -> Option<Cause> {
        if call == Method::Stop {
            return None;
        }
        self.core.board.service(self.id).latch();
        if signals & signal::SHUTDOWN != 0 {
            self.end(Cause::Shutdown);
            return Some(Cause::Shutdown);
        }
        if let Some(cause) = self.ending_reaction(signals) {
            self.end(cause);
            return Some(cause);
        }
        // The other signals wait until the reload has ended.
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
                Some(Interrupt::Restart(cause)) => {
                    self.interrupt_cause = Some(cause);
                    return Some(cause);
                }
                Some(Interrupt::Failed(cause)) => {
                    let period = self.options.heartbeat.unwrap_or_default();
                    let text = format_args!("no heartbeat within {period:?}");
                    self.fail(call.name(), cause, &MethodFailure::msg(text));
                    return Some(cause);
                }
                Some(Interrupt::Reload) | None if self.reload_asked && call.returns_for_reload() => {
                    return Some(Cause::Operator);
                }
                Some(Interrupt::Reload) | None => {}
            }
        }
        if call == Method::Run && signals & signal::STOP != 0 {
            self.is_evicted = self.core.board.take_reaction(self.id, Reaction::Stop);
            self.interrupt_cause = Some(Cause::Reaction);
            return Some(Cause::Reaction);
        }
        None
    }

    /// Takes a reaction that has fired and takes the service out of Run.
    pub(super) fn stop_reaction(&mut self) -> Option<Interrupt> {
        if self.core.board.signals(self.id) & signal::STOP == 0 {
            return None;
        }
        let fired = self.core.board.take_reaction(self.id, Reaction::Stop);
        // It may have fired while the tasks end of an incarnation that an operator has ended.
        self.is_evicted = fired && self.interrupt_cause != Some(Cause::Operator);
        Some(Interrupt::Restart(Cause::Reaction))
    }

    fn ending_reaction(&mut self, signals: u32) -> Option<Cause> {
        if signals & signal::DEPENDENCY != 0 {
            self.note_failed_dependency();
            self.core.board.take_reaction(self.id, Reaction::Dependency);
            return Some(Cause::Dependency);
        }
        if signals & signal::EXIT != 0 {
            self.core.board.take_reaction(self.id, Reaction::Exit);
            return Some(Cause::Reaction);
        }
        None
    }

    /// Keeps which service has failed, and of what: the root of a chain of dependencies.
    fn note_failed_dependency(&self) {
        let describe = |dependency| {
            let name = self.core.name(dependency);
            match self.core.detail(dependency, |detail| (detail.cause, detail.error.clone())) {
                (Some(Cause::Dependency), Some(root)) => root,
                (_, Some(error)) => format!("service `{name}` failed: {error}"),
                (_, None) => format!("service `{name}` failed"),
            }
        };
        // An operator may have started it again meanwhile.
        let text = match self.core.board.failed_dependency(self.id) {
            Some(dependency) => describe(dependency),
            None => "a service that it depends on failed".into(),
        };
        self.core.note_error(self.id, "dependency", Cause::Dependency, text);
    }

    // ---- operators -----------------------------------------------------------------------------

    /// Takes the requests of operators. Returns the strongest: stop before restart. A reload is
    /// noted.
    fn take_requests(&mut self) -> Option<Interrupt> {
        let mut interrupt = None;
        for (command, reply) in self.core.take_requests(self.id) {
            match command {
                // The service is not in Exit, so it has started already, or is starting: then the
                // request is answered once Init is entered.
                ServiceCommand::Start if self.init_entered => {
                    self.has_woken = true;
                    answer(reply, Ok(()));
                    continue;
                }
                ServiceCommand::Start => {}
                ServiceCommand::Stop => interrupt = Some(Interrupt::End(Cause::Operator)),
                ServiceCommand::Restart if interrupt.is_none() => interrupt = Some(Interrupt::Restart(Cause::Operator)),
                ServiceCommand::Restart => {}
                // A service that has left Run meanwhile is not stale any more.
                ServiceCommand::RestartStale => {
                    let is_stale = self.current_state == Some(State::Run) && interrupt.is_none();
                    interrupt = interrupt.or(is_stale.then_some(Interrupt::Failed(Cause::Timeout)));
                    answer(reply, Ok(()));
                    continue;
                }
                ServiceCommand::Reload if self.overridden.has(Method::Reload) => self.reload_asked = true,
                ServiceCommand::Reload => {
                    emit!(DEBUG, target: "rxd", "reload skipped: not implemented");
                    self.has_woken = true;
                    answer(reply, Ok(()));
                    continue;
                }
            }
            self.keep(command, reply);
        }
        interrupt
    }

    /// Answers requests while the service is in Exit. Returns whether the service starts again.
    pub(super) fn answer_in_exit(&mut self) -> bool {
        let mut start = false;
        for (command, reply) in self.core.take_requests(self.id) {
            let result = match command {
                ServiceCommand::Start | ServiceCommand::Restart if start || self.core.stop_order.revive(self.id) => {
                    start = true;
                    // Answered once Init is entered.
                    self.keep(command, reply);
                    continue;
                }
                command => self.core.answer_when_over(self.id, command),
            };
            self.has_woken = true;
            answer(reply, result);
        }
        start
    }

    /// Keeps a request until it can be answered.
    fn keep(&mut self, command: ServiceCommand, reply: Reply) {
        let pending = self.pending_replies.get_or_insert_default();
        if has_room(pending) {
            return pending.push((command, reply));
        }
        // What it asks for is done all the same.
        self.has_woken = true;
        self.core.refuse_request(self.id, reply);
    }

    /// Answers the pending requests of these kinds.
    pub(super) fn reply(&mut self, commands: &[ServiceCommand], with: &dyn Fn() -> Result<(), Error>) {
        let Some(replies) = &mut self.pending_replies else { return };
        let (mut answered, mut others) = (Vec::new(), Vec::new());
        for (command, reply) in std::mem::take(&mut **replies) {
            match commands.contains(&command) {
                true => answered.push(reply),
                false => others.push((command, reply)),
            }
        }
        match others.is_empty() {
            true => self.pending_replies = None,
            false => **replies = others,
        }
        // An answer wakes a task, which must not wait in this thread for code that blocks.
        self.has_woken |= !answered.is_empty();
        for reply in answered {
            answer(reply, with());
        }
    }
}
