//! When a daemon is ready, and whether its start makes progress.
//!
//! `reporter` asks at each look at the board. Nothing here waits, and nothing is looked at any more
//! once the daemon is ready. It answers for systemd only: `/readyz` of the admin route follows
//! every service, at any time.

use crate::board::{Id, ServiceStatus, Statuses};
use crate::core::Core;
use crate::core::readiness::has_been_ready;
use crate::lifecycle::backoff::later;
use crate::lifecycle::options::{OnFailure, Options, slot};
use crate::lifecycle::state::{State, Transition};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// The services that are not ready yet. A service that has been ready once never comes back here.
#[derive(Debug)]
pub(crate) struct PendingServices(Vec<PendingService>);

#[derive(Debug)]
struct PendingService {
    id: Id,
    options: Options,
    /// The furthest state it has reached. A service that fails over and over makes no progress.
    furthest: u8,
    /// The sequence number of its last transition.
    seq: u64,
    /// Until when its declared limits let it stay where it is.
    until: Option<Instant>,
    /// The extension of its limit, in milliseconds, that it has asked for and that its engine has
    /// not granted yet.
    extension: u64,
}

impl PendingServices {
    pub(crate) fn new(services: impl Iterator<Item = Options>) -> Self {
        let mut pending = Vec::with_capacity(services.size_hint().0);
        let counts = |(_, options): &(usize, Options)| options.counts_for_readiness();
        for (id, options) in services.enumerate().filter(counts) {
            pending.push(PendingService {
                id: id as Id,
                furthest: 0,
                seq: 0,
                until: Some(later(options.startup_delay)),
                options,
                extension: 0,
            });
        }
        PendingServices(pending)
    }

    /// Removes the services that are ready. Returns whether none is left.
    pub(crate) fn is_empty_after(&mut self, statuses: &Statuses) -> bool {
        self.0.retain(|service| !service.has_been_ready(statuses.of(service.id)));
        self.0.is_empty()
    }

    /// Whether a service has come further than ever since the last look, or is within a limit that
    /// was declared for where it is.
    pub(crate) fn has_progress(&mut self, core: &Core, statuses: &Statuses) -> bool {
        let now = Instant::now();
        // Not `any`, which stops at the first: each service must note how far it has come.
        let services = self.0.iter_mut();
        services.fold(false, |any, service| service.has_progress(core, statuses.of(service.id), now) | any)
    }
}

impl PendingService {
    /// Whether the service does not hold up READY.
    fn has_been_ready(&self, status: &ServiceStatus) -> bool {
        has_been_ready(status, status.failed_for_good && self.options.on_failure != OnFailure::Ignore)
    }

    fn has_progress(&mut self, core: &Core, status: &ServiceStatus, now: Instant) -> bool {
        let reached = if status.state == State::Stop || status.state == State::Exit { 0 } else { status.state as u8 };
        let is_further = reached > self.furthest;
        self.furthest = self.furthest.max(reached);
        let extension: u64 = core.board.service(self.id).extension.load(Ordering::Acquire).into();
        if status.seq != self.seq {
            self.seq = status.seq;
            self.until = self.limit(status).map(later);
        } else if extension == 0 && self.extension > 0 && self.until.is_some() {
            // Its limit was over, and the engine has granted the extension: it counts from now.
            self.until = Some(later(Duration::from_millis(self.extension)));
        }
        self.extension = extension;
        let more = Duration::from_millis(extension);
        is_further || self.until.is_some_and(|until| until.checked_add(more).is_none_or(|until| now <= until))
    }

    /// How long it may stay where it is, if that is declared.
    fn limit(&self, status: &ServiceStatus) -> Option<Duration> {
        let slot = slot(status.state)?;
        match status.transition {
            Transition::Entering => self.options.timeouts[slot],
            // Between two states it waits for the delay of the next.
            Transition::Exited => self.options.delays.get(slot + 1).copied().filter(|delay| !delay.is_zero()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{Board, TransitionBatch};
    use crate::core::names::ServiceNames;
    use crate::core::stop_order::StopOrder;
    use crate::lifecycle::options::Readiness;
    use crate::lifecycle::state::Cause;
    use tokio::time::advance;

    fn core(services: usize) -> Core {
        let names = (0..services).map(|id| format!("s{id}"));
        let board = Board::new(vec![Vec::new(); services], 16);
        Core::new("d".into(), ServiceNames::of_names(names), board, StopOrder::new(&vec![Vec::new(); services]))
    }

    fn go(core: &Core, id: Id, state: State, transition: Transition) -> Statuses {
        core.board.publish(id, state, transition, Cause::Normal);
        core.board.statuses().1
    }

    #[tokio::test(start_paused = true)]
    async fn g27_daemon_is_ready_when_each_service_has_been_in_run_or_has_completed() {
        let core = core(3);
        let options = [Options::DEFAULT, Options::DEFAULT, Options::DEFAULT.on_failure(OnFailure::Ignore)];
        let mut pending = PendingServices::new(options.into_iter());
        assert!(!pending.is_empty_after(&go(&core, 0, State::Run, Transition::Entering)));
        assert!(
            !pending.is_empty_after(&go(&core, 0, State::Run, Transition::Exited)),
            "0 was in Run, the others were not"
        );
        core.board.publish_exit(1, &TransitionBatch::default(), (Cause::Normal, false), (true, false), |_, _| {});
        assert!(!pending.is_empty_after(&core.board.statuses().1));
        core.board.publish_exit(2, &TransitionBatch::default(), (Cause::Error, false), (false, true), |_, _| {});
        assert!(pending.is_empty_after(&core.board.statuses().1), "the failure of 2 is ignored");
    }

    #[tokio::test(start_paused = true)]
    async fn g27_optional_service_does_not_hold_up_the_daemon() {
        let core = core(3);
        let manual = Options::DEFAULT.autostart(false);
        let options = [Options::DEFAULT, Options::DEFAULT.readiness(Readiness::Optional), manual];
        let mut pending = PendingServices::new(options.into_iter());
        assert!(!pending.is_empty_after(&core.board.statuses().1));
        assert!(pending.is_empty_after(&go(&core, 0, State::Run, Transition::Entering)));
    }

    #[tokio::test(start_paused = true)]
    async fn service_that_failed_for_good_is_not_ready() {
        let core = core(1);
        let mut pending = PendingServices::new([Options::DEFAULT].into_iter());
        core.board.publish_exit(0, &TransitionBatch::default(), (Cause::Error, false), (false, true), |_, _| {});
        assert!(!pending.is_empty_after(&core.board.statuses().1));
    }

    #[tokio::test(start_paused = true)]
    async fn f92_start_that_comes_further_or_is_within_a_limit_makes_progress() {
        let core = core(1);
        let options = Options::DEFAULT.timeout_of(State::Idle, Duration::from_secs(3));
        let mut pending = PendingServices::new([options].into_iter());
        advance(Duration::from_millis(1)).await;
        assert!(!pending.has_progress(&core, &core.board.statuses().1));
        assert!(pending.has_progress(&core, &go(&core, 0, State::Init, Transition::Entering)));
        assert!(!pending.has_progress(&core, &core.board.statuses().1), "no limit is declared for Init");
        go(&core, 0, State::Init, Transition::Exited);
        assert!(pending.has_progress(&core, &go(&core, 0, State::Idle, Transition::Entering)));
        advance(Duration::from_secs(2)).await;
        assert!(pending.has_progress(&core, &core.board.statuses().1), "within its limit");
        core.board.service(0).extension.store(5_000, Ordering::Release);
        assert!(pending.has_progress(&core, &core.board.statuses().1));
        advance(Duration::from_secs(2)).await;
        core.board.service(0).extension.store(0, Ordering::Release);
        assert!(pending.has_progress(&core, &core.board.statuses().1), "it was granted more time");
        advance(Duration::from_secs(6)).await;
        assert!(!pending.has_progress(&core, &core.board.statuses().1));
        go(&core, 0, State::Stop, Transition::Exited);
        assert!(
            !pending.has_progress(&core, &go(&core, 0, State::Init, Transition::Entering)),
            "it has been there before"
        );
    }
}
