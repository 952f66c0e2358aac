//! The records about reactions that take the service out of Run.
//!
//! Services that evict each other would fill the log: each of them leaves Run, pauses and is in Run
//! again, up to a hundred times a second. So the log tells of some of them only, and of how many.

use super::EngineState;
use crate::core::describe::describe_reaction;
use crate::lifecycle::backoff::{RECORD_WINDOW, pause};
use crate::panic::emit;
use std::time::Duration;

impl EngineState {
    /// Logs that a reaction has ended a Run of this length: which one, and whose transition made it
    /// fire.
    pub(super) fn log_reaction(&mut self, lasted: Duration) {
        let mut times = Some(1);
        if lasted < RECORD_WINDOW {
            self.core.note(self.id, |detail| times = detail.reaction_records.add());
        }
        // Without this record there is none about the pause and the next Run either.
        let Some(times) = times else { return };
        self.recovers = true;
        let times = (times > 1).then_some(times);
        emit!(INFO, target: "rxd", times, "left run by a reaction{}", self.reaction(": ", "`"));
    }

    /// The reaction that was taken last, in words; empty if there is none.
    fn reaction(&self, before: &str, quote: &str) -> String {
        let reaction = self.core.board.last_reaction(self.id);
        reaction.map_or_else(String::new, |(watch, by)| {
            format!("{before}{}", describe_reaction(&self.core, &watch, by, quote))
        })
    }

    /// The delay before the Init of a service that a `then(stop)` took out of Run soon after it had
    /// entered.
    pub(super) fn pause(&self) -> Duration {
        let pause = pause(&self.options.backoff);
        if self.recovers {
            emit!(
                INFO, target: "rxd", attempt = self.next_attempt(),
                "restarting in {pause:?}: a reaction took it out of run soon after it entered"
            );
        }
        let reaction = self.reaction("", "");
        self.note_next_attempt(pause, Some(reaction));
        pause
    }
}
