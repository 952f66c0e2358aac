//! When a daemon is ready, and whether it is getting there.

use crate::board::{Condition, Id, ServiceStatus};
use crate::core::Core;
use crate::lifecycle::backoff::later;
use crate::lifecycle::options::{OnFailure, Options, slot};
use crate::lifecycle::state::{Action, Cause, State, Transition};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// The services that have not entered Run yet: looked at until there are none, and never again.
#[derive(Debug)]
pub(crate) struct Missing(Vec<Late>);

#[derive(Debug)]
struct Late {
    id: Id,
    options: Options,
    /// How far it has come at best: a service that fails over and over makes no progress.
    furthest: u8,
    /// The number of its last transition.
    seq: u64,
    /// Until when its own limits let it stay where it is.
    until: Option<Instant>,
    /// The extension of its limit that it has asked for, and has not been given yet.
    extension: u64,
}

impl Missing {
    pub(crate) fn new(services: impl Iterator<Item = Options>) -> Self {
        let late = |(id, options): (usize, Options)| Late {
            id: id as Id,
            furthest: 0,
            seq: 0,
            until: Some(later(options.startup_delay)),
            options,
            extension: 0,
        };
        Missing(services.enumerate().map(late).collect())
    }

    /// Whether every service has entered Run, or has ended in a way that is no failure of the daemon.
    pub(crate) fn none(&mut self, statuses: &[ServiceStatus]) -> bool {
        self.0.retain(|late| !counts(&statuses[late.id as usize], late.options.on_failure));
        self.0.is_empty()
    }

    /// Whether one of them has come further than ever since the last look, or is within a limit
    /// that was declared for where it is.
    pub(crate) fn progress(&mut self, core: &Core, statuses: &[ServiceStatus]) -> bool {
        let now = Instant::now();
        // Each is to be looked at, so no `any`.
        self.0.iter_mut().fold(false, |progress, late| late.progress(core, &statuses[late.id as usize], now) | progress)
    }
}

impl Late {
    fn progress(&mut self, core: &Core, status: &ServiceStatus, now: Instant) -> bool {
        let reached = if status.state == State::Stop || status.state == State::Exit { 0 } else { status.state as u8 };
        let further = reached > self.furthest;
        self.furthest = self.furthest.max(reached);
        let extension: u64 = core.board.service(self.id).extension.load(Ordering::Acquire).into();
        if status.seq != self.seq {
            self.seq = status.seq;
            self.until = self.limit(status).map(later);
        } else if extension == 0 && self.extension > 0 && self.until.is_some() {
            // It has reached its limit, and was given what it had asked for.
            self.until = Some(later(Duration::from_millis(self.extension)));
        }
        self.extension = extension;
        let more = Duration::from_millis(extension);
        further || self.until.is_some_and(|until| until.checked_add(more).is_none_or(|until| now <= until))
    }

    /// How long it may stay where it is: what is declared about it.
    fn limit(&self, status: &ServiceStatus) -> Option<Duration> {
        let slot = slot(status.state)?;
        match status.transition {
            Transition::Entering => self.options.timeouts[slot],
            Transition::Exited => self.options.delays.get(slot + 1).copied().filter(|delay| !delay.is_zero()),
        }
    }
}

/// Whether a service does not hold up READY: it has been in Run, or it ended and nobody minds.
fn counts(status: &ServiceStatus, on_failure: OnFailure) -> bool {
    let run = |action| Condition::State(action, State::Run).holds(status);
    // One that was told to end before it began says nothing about the daemon's being ready.
    let ended = status.state == State::Exit
        && !matches!(status.cause, Cause::Shutdown | Cause::Abandoned)
        && (!status.failed_for_good || on_failure == OnFailure::Ignore);
    run(Action::Entering) || run(Action::Exited) || ended
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{Board, TransitionBatch};
    use crate::core::names::ServiceNames;
    use crate::core::stop_order::StopOrder;
    use tokio::time::advance;

    fn core(services: usize) -> Core {
        let names = (0..services).map(|id| format!("s{id}"));
        let board = Board::new(vec![Vec::new(); services], 16);
        Core::new("d".into(), ServiceNames::of_names(names), board, StopOrder::new(&vec![Vec::new(); services]))
    }

    fn go(core: &Core, id: Id, state: State, transition: Transition) -> Vec<ServiceStatus> {
        core.board.publish(id, state, transition, Cause::Normal);
        core.board.statuses().1
    }

    #[tokio::test(start_paused = true)]
    async fn g27_ready_when_each_has_been_in_run_or_has_ended_well() {
        let core = core(3);
        let options = [Options::DEFAULT, Options::DEFAULT, Options::DEFAULT.on_failure(OnFailure::Ignore)];
        let mut missing = Missing::new(options.into_iter());
        assert!(!missing.none(&go(&core, 0, State::Run, Transition::Entering)));
        assert!(!missing.none(&go(&core, 0, State::Run, Transition::Exited)), "0 was in Run, the others were not");
        core.board.publish_exit(1, &TransitionBatch::default(), (Cause::Normal, false), (true, false), |_, _| {});
        assert!(!missing.none(&core.board.statuses().1));
        core.board.publish_exit(2, &TransitionBatch::default(), (Cause::Error, false), (false, true), |_, _| {});
        assert!(missing.none(&core.board.statuses().1), "nobody minds that 2 failed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_gave_up_is_not_ready() {
        let core = core(1);
        let mut missing = Missing::new([Options::DEFAULT].into_iter());
        core.board.publish_exit(0, &TransitionBatch::default(), (Cause::Error, false), (false, true), |_, _| {});
        assert!(!missing.none(&core.board.statuses().1));
    }

    #[tokio::test(start_paused = true)]
    async fn f92_progress_is_to_come_further_or_to_be_within_a_limit() {
        let core = core(1);
        let options = Options::DEFAULT.timeout_of(State::Idle, Duration::from_secs(3));
        let mut missing = Missing::new([options].into_iter());
        advance(Duration::from_millis(1)).await;
        assert!(!missing.progress(&core, &core.board.statuses().1));
        assert!(missing.progress(&core, &go(&core, 0, State::Init, Transition::Entering)));
        assert!(!missing.progress(&core, &core.board.statuses().1), "Init has no limit of its own");
        go(&core, 0, State::Init, Transition::Exited);
        assert!(missing.progress(&core, &go(&core, 0, State::Idle, Transition::Entering)));
        advance(Duration::from_secs(2)).await;
        assert!(missing.progress(&core, &core.board.statuses().1), "within its limit");
        core.board.service(0).extension.store(5_000, Ordering::Release);
        assert!(missing.progress(&core, &core.board.statuses().1));
        advance(Duration::from_secs(2)).await;
        core.board.service(0).extension.store(0, Ordering::Release);
        assert!(missing.progress(&core, &core.board.statuses().1), "it was given more time");
        advance(Duration::from_secs(6)).await;
        assert!(!missing.progress(&core, &core.board.statuses().1));
        go(&core, 0, State::Stop, Transition::Exited);
        assert!(!missing.progress(&core, &go(&core, 0, State::Init, Transition::Entering)), "it has been there before");
    }
}
