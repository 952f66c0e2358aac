//! Reads the board and queues what systemd is to know of it: `READY=1`, the status, more time.
//!
//! `Systemd` calls it for what the daemon itself does (a prestart stage, a reload, the stop), and
//! the thread of `notify` calls [`StatusReporter::look`] after each change of the board. It sends
//! nothing itself: it fills the outbox behind a [`Notifier`].
//!
//! # Invariants
//!
//! 1. `READY=1` is queued after every service that counts is ready and no [`ReadinessHold`] is
//!    left. A daemon that stops does not wait for the holds.
//! 2. The status that is queued last was read last: reading and queueing happen under one lock.
//!
//! # Lock order
//!
//! This module's lock comes first, then those of the core and the board, then the outbox's.
//!
//! [`ReadinessHold`]: super::ReadinessHold

use super::notify::{EXTENSION_INTERVAL, NextLook, Notifier};
use super::outbox::Outbox;
use super::readiness::PendingServices;
use super::status;
use crate::core::Core;
use crate::lifecycle::backoff::later;
use crate::sync::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How much more time is asked for, once per [`EXTENSION_INTERVAL`]. systemd counts it from when
/// the message arrives (sd_notify(3), `EXTEND_TIMEOUT_USEC=`), so four messages in a row may be
/// late.
const EXTENSION_LENGTH: Duration = Duration::from_secs(5);

/// The least time between two looks at the board until the daemon is ready. A look is O(services).
const LOOK_PAUSE_STARTING: Duration = Duration::from_millis(20);

/// The least time between two looks at the board once the daemon is ready.
const LOOK_PAUSE_READY: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(crate) struct StatusReporter {
    core: Arc<Core>,
    notifier: Arc<Notifier>,
    state: Mutex<ReportState>,
}

#[derive(Debug)]
struct ReportState {
    pending: PendingServices,
    /// The status before any service starts, in place of where the services are; empty once they
    /// start.
    before_services: String,
    /// How many parts besides the services are not ready yet.
    holds: usize,
    is_ready: bool,
    /// By when what the daemon does now must be over; `None` if there is no limit.
    deadline: Option<Instant>,
    /// When more time was asked for last.
    extended_at: Option<Instant>,
    /// What the last reload said if it failed, otherwise empty.
    reload_failed: String,
}

impl StatusReporter {
    pub(crate) fn new(core: Arc<Core>, notifier: Arc<Notifier>, pending: PendingServices) -> Self {
        let state = ReportState {
            pending,
            before_services: String::new(),
            holds: 0,
            is_ready: false,
            deadline: None,
            extended_at: None,
            reload_failed: String::new(),
        };
        StatusReporter { core, notifier, state: Mutex::new(state) }
    }

    /// Reads the board, and queues what is new about it. Returns when to look again.
    pub(crate) fn look(&self) -> NextLook {
        self.look_with(&|state| state.holds == 0)
    }

    /// As [`look`](StatusReporter::look). Once all services are ready, `may_be_ready` decides
    /// whether `READY=1` is queued.
    fn look_with(&self, may_be_ready: &dyn Fn(&ReportState) -> bool) -> NextLook {
        // Held to the end, or a status that was read earlier could be queued later.
        let state = &mut *self.state.lock();
        let (_, statuses) = self.core.board.statuses();
        let is_ready_now = !state.is_ready && state.pending.is_empty_after(&statuses) && may_be_ready(state);
        state.is_ready |= is_ready_now;
        let extension = state.extension(&self.core, &statuses);
        let mut line = match state.before_services.as_str() {
            "" => status::line(&self.core, &statuses),
            text => text.to_owned(),
        };
        if !state.reload_failed.is_empty() {
            line += &format!("; {}", state.reload_failed);
        }
        self.notifier.update(|outbox| {
            if is_ready_now {
                outbox.ready();
            }
            outbox.set_status(&line);
            if let Some(by) = extension {
                outbox.extend_timeout(by);
            }
        });
        NextLook {
            pause: if state.is_ready { LOOK_PAUSE_READY } else { LOOK_PAUSE_STARTING },
            even_without_change: !state.is_ready || state.deadline.is_some(),
        }
    }

    /// One more part must be ready before `READY=1`.
    pub(crate) fn add_hold(&self) {
        self.state.lock().holds += 1;
    }

    /// A part that [`add_hold`](StatusReporter::add_hold) was called for is ready.
    pub(crate) fn remove_hold(&self) {
        self.state.lock().holds -= 1;
        self.core.changed.notify_one();
    }

    /// A prestart stage begins, which may take this long at most; `None`: no limit is declared.
    pub(crate) fn prestart_stage(&self, stage: &str, limit: Option<Duration>) {
        // Reaching a stage is progress, even if nothing is known of how long it takes.
        self.set_before_services(format!("prestart: {stage}"), Some(limit.unwrap_or(EXTENSION_LENGTH)));
    }

    /// A prestart stage has failed, and the first begins after this delay.
    pub(crate) fn prestart_restarts(&self, error: &str, delay: Duration) {
        self.set_before_services(format!("{error}; prestart begins again in {delay:?}"), Some(delay));
    }

    /// The start has failed before any service was started.
    pub(crate) fn start_failed(&self, error: &str) {
        self.set_before_services(format!("start failed: {error}"), Some(EXTENSION_LENGTH));
    }

    /// The services start: from here on the status says where they are.
    pub(crate) fn services_start(&self) {
        self.set_before_services(String::new(), None);
    }

    fn set_before_services(&self, text: String, limit: Option<Duration>) {
        {
            let mut state = self.state.lock();
            state.before_services = text;
            state.deadline = limit.map(later);
            state.extended_at = None;
        }
        self.core.changed.notify_one();
    }

    /// A reload begins, which may take this long at most.
    pub(crate) fn reloading(&self, within: Duration) {
        let Ok(monotonic) = sd_notify::NotifyState::monotonic_usec_now() else { return };
        if self.notifier.update(|outbox| outbox.reloading(&monotonic.to_string())) {
            self.state.lock().deadline = Some(later(within));
            self.core.changed.notify_one();
        }
    }

    /// The reload is over; `failures` is what failed of it.
    pub(crate) fn reloaded(&self, failures: &[String]) {
        {
            let mut state = self.state.lock();
            state.deadline = None;
            state.reload_failed = failures.join(", ");
        }
        self.notifier.update(|outbox| outbox.is_reloading() && outbox.ready());
        self.look();
    }

    /// The daemon stops, which may take this long at most.
    pub(crate) fn stopping(&self, within: Duration) {
        if !self.state.lock().is_ready {
            // A daemon whose services have all completed was ready too: systemd calls a notify
            // service that ends without READY=1 a protocol error. `start` may still hold READY
            // back: the services run before it returns, and may end before it does.
            self.look_with(&|_| true);
        }
        // STOPPING=1 before the deadline is set: a look by the other thread in between must not
        // extend the timeout of the start by what the stop may take.
        self.notifier.update(Outbox::stopping);
        {
            let mut state = self.state.lock();
            state.deadline = Some(later(within));
            state.extended_at = None;
            state.is_ready = true;
        }
        self.look();
    }
}

impl ReportState {
    /// How much more time to ask systemd for now, if any.
    fn extension(&mut self, core: &Core, statuses: &crate::board::Statuses) -> Option<Duration> {
        let now = Instant::now();
        // Half of the interval: a look that is a little early must not skip its turn.
        if self.extended_at.is_some_and(|at| now < at + EXTENSION_INTERVAL / 2) {
            return None;
        }
        let by = match self.deadline {
            Some(deadline) => {
                EXTENSION_LENGTH.min(deadline.checked_duration_since(now)?.saturating_add(EXTENSION_INTERVAL))
            }
            None if !self.is_ready && self.pending.has_progress(core, statuses) => EXTENSION_LENGTH,
            None => return None,
        };
        self.extended_at = Some(now);
        Some(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::{Board, TransitionBatch};
    use crate::core::names::ServiceNames;
    use crate::core::stop_order::StopOrder;
    use crate::lifecycle::options::Options;
    use crate::lifecycle::state::Cause;

    fn reporter() -> StatusReporter {
        let (board, order) = (Board::new(vec![Vec::new()], 16), StopOrder::new(&[Vec::new()]));
        let core = Arc::new(Core::new("d".into(), ServiceNames::of_names(["a"]), board, order));
        StatusReporter::new(core, Arc::default(), PendingServices::new([Options::DEFAULT].into_iter()))
    }

    fn sent(reporter: &StatusReporter) -> Vec<String> {
        let take = |outbox: &mut Outbox| outbox.take(std::time::Instant::now());
        let notifications = std::iter::from_fn(|| reporter.notifier.update(take));
        notifications.map(|notification| notification.text().to_owned()).collect()
    }

    fn end(reporter: &StatusReporter, cause: Cause) {
        let batch = TransitionBatch::default();
        reporter.core.board.publish_exit(0, &batch, (cause, false), (cause == Cause::Normal, false), |_, _| {});
    }

    #[tokio::test(start_paused = true)]
    async fn g27_ready_waits_for_the_hold() {
        let reporter = reporter();
        reporter.add_hold();
        end(&reporter, Cause::Normal);
        reporter.look();
        assert!(!sent(&reporter).contains(&"READY=1".to_owned()));
        reporter.remove_hold();
        reporter.look();
        assert_eq!(sent(&reporter)[0], "READY=1");
    }

    #[tokio::test(start_paused = true)]
    async fn g27_ready_of_a_daemon_that_ends_before_the_hold_comes_before_stopping() {
        let reporter = reporter();
        reporter.add_hold();
        end(&reporter, Cause::Normal);
        reporter.stopping(Duration::from_secs(1));
        assert_eq!(sent(&reporter)[..2], ["READY=1", "STOPPING=1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn g27_ready_is_not_sent_by_a_daemon_that_stops_before_its_services_run() {
        let reporter = reporter();
        reporter.add_hold();
        end(&reporter, Cause::Shutdown);
        reporter.stopping(Duration::from_secs(1));
        assert_eq!(sent(&reporter)[0], "STOPPING=1");
    }
}
