//! What notes the calls of fakes, and tells them meanwhile what to do.

use super::behavior::Behavior;
use crate::service::context::Context;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Notes every call of a [`FakeService`](super::FakeService)'s methods: what a trace cannot show. And tells
/// fakes what to do while they run.
///
/// ```
/// use rxd::testing::{Behavior, CallLog, FakeService};
/// use rxd::{Daemon, Service, State};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> rxd::Result {
/// let probe = CallLog::new();
/// let db = Service::new("db", FakeService::new().call_log(&probe));
/// let handle = Daemon::new("agent").signals([]).add(db).start().await?;
/// handle.wait_for("db", State::Run).await?;
///
/// probe.set_behavior("db", Behavior::Fail);
/// handle.wait_for("db", State::Stop).await?;
/// assert_eq!(probe.calls("db"), ["init", "idle", "run", "stop"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct CallLog(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    noted: Mutex<Noted>,
    /// Somebody was told something.
    told: Notify,
}

#[derive(Debug, Default)]
struct Noted {
    calls: Vec<(String, &'static str)>,
    running: Vec<(String, &'static str, CancellationToken)>,
    faults: Vec<String>,
    told: VecDeque<(String, Behavior)>,
}

impl CallLog {
    /// A probe that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        CallLog::default()
    }

    fn noted<T>(&self, look: impl FnOnce(&mut Noted) -> T) -> T {
        look(&mut self.0.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has the method of this service in which it waits do this instead; if it is in none, the next
    /// in which it does. (A method that returns at once, as `init` of a [`FakeService::new`] does, waits for
    /// nothing.) Told several things, it does them one after another.
    ///
    /// [`FakeService::new`]: super::Fake::new
    pub fn set_behavior(&self, service: &str, act: Behavior) {
        self.noted(|noted| noted.told.push_back((service.to_owned(), act)));
        self.0.told.notify_waiters();
    }

    /// What this service is told.
    pub(super) async fn told(&self, service: &str) -> Behavior {
        loop {
            let more = self.0.told.notified();
            let told = self.noted(|noted| {
                let at = noted.told.iter().position(|(name, _)| name == service)?;
                noted.told.remove(at)
            });
            match told {
                Some((_, act)) => return act,
                None => more.await,
            }
        }
    }

    /// The methods of this service that were called, in order.
    #[must_use]
    pub fn calls(&self, service: &str) -> Vec<&'static str> {
        self.noted(|noted| noted.calls.iter().filter(|(name, _)| name == service).map(|(_, method)| *method).collect())
    }

    /// How often this method of this service was called.
    #[must_use]
    pub fn count(&self, service: &str, method: &str) -> usize {
        self.calls(service).iter().filter(|called| **called == method).count()
    }

    /// The method of this service that runs.
    #[must_use]
    pub fn running(&self, service: &str) -> Option<&'static str> {
        self.noted(|noted| noted.running.iter().find(|(name, ..)| name == service).map(|(_, method, _)| *method))
    }

    /// Whether that method has been told to return.
    pub(super) fn is_told_to_return(&self, service: &str) -> bool {
        self.noted(|noted| noted.running.iter().any(|(name, _, token)| name == service && token.is_cancelled()))
    }

    /// What no engine may do: two methods of one service at once (G4), a Stop that is told to
    /// return before it has begun (G16).
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.noted(|noted| noted.faults.clone())
    }

    pub(super) fn begin(&self, cx: &Context, method: &'static str) -> Calling {
        let name = cx.name().to_owned();
        self.noted(|noted| {
            if noted.running.iter().any(|(running, ..)| *running == name) {
                noted.faults.push(format!("G4: `{method}` of `{name}` is called while another method runs"));
            }
            if method == "stop" && cx.is_cancelled() {
                noted.faults.push(format!("G16: `stop` of `{name}` is called with a dead context"));
            }
            noted.calls.push((name.clone(), method));
            noted.running.push((name.clone(), method, cx.token()));
        });
        Calling { probe: self.clone(), name }
    }
}

/// A method that runs; dropped when it has ended, however.
pub(super) struct Calling {
    probe: CallLog,
    name: String,
}

impl Drop for Calling {
    fn drop(&mut self) {
        self.probe.noted(|noted| {
            if let Some(at) = noted.running.iter().position(|(name, ..)| *name == self.name) {
                noted.running.swap_remove(at);
            }
        });
    }
}
