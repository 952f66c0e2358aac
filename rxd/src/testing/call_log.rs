//! A log of the method calls of fakes, and the channel by which a test sets their behavior.

use super::behavior::Behavior;
use crate::service::context::Context;
use crate::sync::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Records every call of a [`FakeService`](super::FakeService)'s methods, which a trace does not
/// show, and sets what fakes do while they run.
///
/// Clones share one log. Give it to each fake by
/// [`FakeService::call_log`](super::FakeService::call_log); a [`Harness`](super::Harness) does so
/// by itself, and [`Running::call_log`](super::Running::call_log) returns its log.
///
/// ```
/// use rxd::testing::{Behavior, CallLog, FakeService};
/// use rxd::{Daemon, Service, State};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> rxd::Result {
/// let log = CallLog::new();
/// let db = Service::new("db", FakeService::new().call_log(&log));
/// let handle = Daemon::new("agent").signals([]).add(db).start().await?;
/// handle.wait_for("db", State::Run).await?;
///
/// log.set_behavior("db", Behavior::Fail);
/// handle.wait_for("db", State::Stop).await?;
/// assert_eq!(log.calls("db"), ["init", "idle", "run", "stop"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct CallLog(Arc<Recorder>);

#[derive(Debug, Default)]
struct Recorder {
    calls: Mutex<RecordedCalls>,
    /// Notified whenever `set_behavior` adds to `RecordedCalls::behaviors`.
    behavior_set: Notify,
}

#[derive(Debug, Default)]
struct RecordedCalls {
    /// Service and method of each call, oldest first.
    calls: Vec<(String, &'static str)>,
    /// The methods that have not returned yet.
    running: Vec<(String, &'static str, CancellationToken)>,
    faults: Vec<String>,
    /// Behaviors that were set and that no fake has taken yet, oldest first.
    behaviors: VecDeque<(String, Behavior)>,
}

impl CallLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        CallLog::default()
    }

    fn with_calls<T>(&self, read: impl FnOnce(&mut RecordedCalls) -> T) -> T {
        read(&mut self.0.calls.lock())
    }

    /// Replaces what this service's running method does. If no method of the service waits, the
    /// next one that waits takes the behavior.
    ///
    /// A method that returns at once, such as `init` of a [`FakeService::new`], does not wait and
    /// leaves the behavior to a later method. Several behaviors for one service are taken in the
    /// order in which they were set.
    ///
    /// [`FakeService::new`]: super::FakeService::new
    pub fn set_behavior(&self, service: &str, behavior: Behavior) {
        self.with_calls(|recorded| recorded.behaviors.push_back((service.to_owned(), behavior)));
        self.0.behavior_set.notify_waiters();
    }

    /// Waits for a behavior that is set for this service, and takes it.
    pub(super) async fn next_behavior(&self, service: &str) -> Behavior {
        loop {
            // Made before the queue is read, since a `Notified` counts `notify_waiters` from its
            // creation on: a behavior that is set after the read wakes it, so no wake-up is lost.
            let notified = self.0.behavior_set.notified();
            let next = self.with_calls(|recorded| {
                let at = recorded.behaviors.iter().position(|(name, _)| name == service)?;
                recorded.behaviors.remove(at)
            });
            match next {
                Some((_, behavior)) => return behavior,
                None => notified.await,
            }
        }
    }

    /// The methods of this service that were called, in order.
    #[must_use]
    pub fn calls(&self, service: &str) -> Vec<&'static str> {
        self.with_calls(|recorded| {
            recorded.calls.iter().filter(|(name, _)| name == service).map(|(_, method)| *method).collect()
        })
    }

    /// How many times this method of this service was called.
    #[must_use]
    pub fn count(&self, service: &str, method: &str) -> usize {
        self.calls(service).iter().filter(|called| **called == method).count()
    }

    /// The method of this service that is running.
    #[must_use]
    pub fn running(&self, service: &str) -> Option<&'static str> {
        self.with_calls(|recorded| {
            recorded.running.iter().find(|(name, ..)| name == service).map(|(_, method, _)| *method)
        })
    }

    /// Whether the running method of this service is cancelled.
    pub(super) fn is_cancelled(&self, service: &str) -> bool {
        self.with_calls(|recorded| {
            recorded.running.iter().any(|(name, _, token)| name == service && token.is_cancelled())
        })
    }

    /// What an engine must never do: run two methods of one service at once (G4), or call `stop`
    /// with a context that is already cancelled (G16).
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.with_calls(|recorded| recorded.faults.clone())
    }

    pub(super) fn begin(&self, cx: &Context, method: &'static str) -> RunningMethod {
        let (name, token) = (cx.name().to_owned(), cx.token());
        let cancelled = cx.is_cancelled();
        self.with_calls(|recorded| {
            if recorded.running.iter().any(|(running, ..)| *running == name) {
                recorded.faults.push(format!("G4: `{method}` of `{name}` is called while another method runs"));
            }
            if method == "stop" && cancelled {
                recorded.faults.push(format!("G16: `stop` of `{name}` is called with a cancelled context"));
            }
            recorded.calls.push((name.clone(), method));
            recorded.running.push((name.clone(), method, token));
        });
        RunningMethod { log: self.clone(), name }
    }
}

/// Marks a method as running until it is dropped: when the method returns, panics or is dropped.
pub(super) struct RunningMethod {
    log: CallLog,
    name: String,
}

impl Drop for RunningMethod {
    fn drop(&mut self) {
        self.log.with_calls(|recorded| {
            if let Some(at) = recorded.running.iter().position(|(name, ..)| *name == self.name) {
                recorded.running.swap_remove(at);
            }
        });
    }
}
