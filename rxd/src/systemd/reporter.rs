//! Looks at the board, and says what of it the service manager is to know.
//!
//! The thread that talks to the service manager does the looking: a task would wait behind whatever
//! blocks the thread it was woken on, and one service that blocks is to keep nobody from being told.

use super::notify::Notifier;
use super::readiness::Missing;
use super::status;
use crate::core::Core;
use crate::lifecycle::backoff::later;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How often time is asked for while there is a reason to.
pub(crate) const ASK_EVERY: Duration = Duration::from_secs(1);

/// How much time is asked for: enough to miss a few turns.
const ASK_FOR: Duration = Duration::from_secs(5);

/// How often the board is looked at, at most: until the daemon is ready, and after.
const LOOK_EVERY: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(200)];

#[derive(Debug)]
pub(crate) struct Teller {
    core: Arc<Core>,
    notifier: Notifier,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    missing: Missing,
    /// What is done before the services start; empty once they do.
    before: String,
    /// How many parts besides the services are not ready yet.
    holds: usize,
    ready: bool,
    /// Until when the daemon may take to do what it does now.
    deadline: Option<Instant>,
    asked: Option<Instant>,
    /// What the last reload said, if it failed.
    reload_failed: String,
}

impl Teller {
    pub(crate) fn new(core: Arc<Core>, missing: Missing) -> Self {
        let progress = Progress {
            missing,
            before: String::new(),
            holds: 0,
            ready: false,
            deadline: None,
            asked: None,
            reload_failed: String::new(),
        };
        Teller { core, notifier: Notifier::default(), progress: Mutex::new(progress) }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// How long to wait after a look for what changes meanwhile, and whether to look again without
    /// a change, every [`ASK_EVERY`].
    pub(crate) fn pace(&self) -> (Duration, bool) {
        let progress = self.progress();
        (LOOK_EVERY[usize::from(progress.ready)], !progress.ready || progress.deadline.is_some())
    }

    /// Looks at the board, and tells what is new about it.
    pub(crate) fn look(&self) {
        // First: what is told last was seen last.
        let progress = &mut *self.progress();
        let (_, statuses) = self.core.board.statuses();
        let now_ready = !progress.ready && progress.missing.none(&statuses) && progress.holds == 0;
        progress.ready |= now_ready;
        let more_time = progress.more_time(&self.core, &statuses);
        let mut line = match progress.before.as_str() {
            "" => status::line(&self.core, &statuses),
            stage => format!("before the services: {stage}"),
        };
        if !progress.reload_failed.is_empty() {
            line += &format!("; {}", progress.reload_failed);
        }
        self.notifier.tell(|mail| {
            if now_ready {
                mail.ready();
            }
            mail.status(&line);
            if let Some(by) = more_time {
                mail.extend(by);
            }
        });
    }

    /// One more part that is not ready yet; true, or it is.
    pub(crate) fn hold(&self, holds: bool) {
        let progress = &mut *self.progress();
        progress.holds = if holds { progress.holds + 1 } else { progress.holds - 1 };
        self.core.changed.notify_one();
    }

    pub(crate) fn before(&self, stage: &str, limit: Option<Duration>) {
        {
            let mut progress = self.progress();
            progress.before = stage.into();
            // To have come to it is progress, if nothing is known of how long it takes.
            let limit = if stage.is_empty() { None } else { Some(limit.unwrap_or(ASK_FOR)) };
            progress.deadline = limit.map(later);
            progress.asked = None;
        }
        self.core.changed.notify_one();
    }

    pub(crate) fn reloading(&self, within: Duration) {
        let Ok(monotonic) = sd_notify::NotifyState::monotonic_usec_now() else { return };
        if self.notifier.tell(|mail| mail.reloading(&monotonic.to_string())) {
            self.progress().deadline = Some(later(within));
            self.core.changed.notify_one();
        }
    }

    pub(crate) fn reloaded(&self, failures: &[String]) {
        {
            let mut progress = self.progress();
            progress.deadline = None;
            progress.reload_failed = failures.join(", ");
        }
        self.notifier.tell(|mail| mail.is_reloading() && mail.ready());
        self.look();
    }

    pub(crate) fn stopping(&self, within: Duration) {
        if !self.progress().ready {
            // A daemon whose work is done at once was ready too.
            self.look();
        }
        // First: whoever looks meanwhile asks for time to stop, not to start.
        self.notifier.tell(|mail| mail.stopping());
        {
            let mut progress = self.progress();
            progress.deadline = Some(later(within));
            progress.asked = None;
            progress.ready = true;
        }
        self.look();
    }
}

impl Progress {
    /// How much more time the service manager is to give.
    fn more_time(&mut self, core: &Core, statuses: &[crate::board::ServiceStatus]) -> Option<Duration> {
        let now = Instant::now();
        // Half of it: a tick that comes a little early is not to be missed.
        if self.asked.is_some_and(|asked| now < asked + ASK_EVERY / 2) {
            return None;
        }
        let by = match self.deadline {
            Some(deadline) => ASK_FOR.min(deadline.checked_duration_since(now)?.saturating_add(ASK_EVERY)),
            None if !self.ready && self.missing.progress(core, statuses) => ASK_FOR,
            None => return None,
        };
        self.asked = Some(now);
        Some(by)
    }
}
