//! A user's own daemon under test.

use super::behavior::Behavior;
use super::call_log::CallLog;
use super::expect::no_service;
use super::fake::{FakeService, ReloadingFake};
use super::rules::DeclaredRules;
use super::trace::Trace;
use crate::daemon::Daemon;
use crate::daemon::service::Service;
use crate::error::Error;
use crate::graph::{Edge, Keyword, Kind};
use crate::handle::DaemonHandle;
use crate::lifecycle::state::{Action, State};
use crate::report::Report;
use crate::service::runner::Runner;
use std::time::Duration;
use tokio::time::Instant;

/// How many transitions are kept of a daemon under test.
const HISTORY: usize = 200_000;
/// In paused time nobody waits this long for something that comes.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// A daemon under test: its declarations as they are, some of its services replaced.
///
/// What stands in for a service keeps its name, watches, manager, delays and limits; only its
/// methods are others. Run it in paused time:
///
/// ```
/// use rxd::testing::{Behavior, Harness};
/// use rxd::{Context, Runner, State};
///
/// #[rxd::service]
/// struct Health;
/// # impl Runner for Health {
/// #     async fn run(&mut self, _: &Context) -> rxd::Result { unreachable!("a fake stands in for it") }
/// # }
///
/// #[rxd::service]
/// #[needs("health")]
/// struct Poller;
/// # impl Runner for Poller {
/// #     async fn run(&mut self, cx: &Context) -> rxd::Result { cx.cancelled().await; Ok(()) }
/// # }
///
/// #[rxd::daemon]
/// struct EdgeAgent { health: Health, poller: Poller }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// // in a test: #[tokio::test(start_paused = true)]
/// let daemon = EdgeAgent { health: Health, poller: Poller }.into_daemon();
/// let test = Harness::new(daemon).fake_all_except("poller").start().await;
/// test.until("poller", State::Run).await;
///
/// test.set_behavior("health", Behavior::Fail);
/// test.until("poller", State::Idle).await;
/// test.until("poller", State::Run).await; // and health has come back
///
/// let ended = test.shutdown().await;
/// ended.trace.expect("poller").enters(State::Run).after("health").times(2);
/// assert!(ended.report.is_ok());
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing runs until it is started"]
pub struct Harness {
    daemon: Daemon,
    probe: CallLog,
    fakes: Vec<String>,
}

impl Harness {
    /// This daemon, which nothing outside reaches: signals are left alone.
    ///
    /// Its [prestart](Daemon::prestart) stages and its admin route are real: leave them to `main`,
    /// or to tests that are about them.
    pub fn new(daemon: Daemon) -> Self {
        let daemon = daemon.signals([]).history(HISTORY).blocking_threshold(None);
        Harness { daemon, probe: CallLog::new(), fakes: Vec::new() }
    }

    /// This service, and a fake for each that it watches: by the name it is watched by, or by that
    /// of its type. Those that must end by themselves for the service to get anywhere stay in Run
    /// until they are told [`Behavior::Ok`].
    ///
    /// ```
    /// use rxd::testing::{Behavior, Harness, FakeService};
    /// use rxd::{Service, State};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let api = Service::new("api", FakeService::new()).needs(["db"]).after(["migrate"]);
    /// let test = Harness::isolated(api).start().await;
    /// test.until("migrate", State::Run).await;
    /// test.set_behavior("migrate", Behavior::Ok);
    /// test.until("api", State::Run).await;
    /// # test.shutdown().await;
    /// # }
    /// ```
    pub fn isolated(service: impl Into<Service>) -> Self {
        let service = service.into();
        let mut harness = Harness::new(Daemon::new(service.shared_name()));
        for (edge, targets) in service.targets() {
            for target in targets {
                let name = target.text.to_owned();
                if name == service.name() || harness.fakes.contains(&name) {
                    continue;
                }
                let mut neighbour = Service::new(name.clone(), FakeService::new().call_log(&harness.probe));
                if ends(&edge) {
                    neighbour = neighbour.manager(crate::lifecycle::manager::until_success);
                }
                if target.by_type {
                    neighbour = neighbour.of_kind(Kind { id: target.id, ..Kind::new("", "fake") });
                }
                harness.fakes.push(name);
                harness.daemon = harness.daemon.add(neighbour);
            }
        }
        harness.daemon = harness.daemon.add(service);
        harness
    }

    /// A fake in place of this service. Untold it does [nothing wrong](FakeService::new).
    ///
    /// # Panics
    ///
    /// If no service has the name, or it is switched off.
    #[track_caller]
    pub fn fake(mut self, service: &str, fake: FakeService) -> Self {
        let fake = fake.call_log(&self.probe);
        self = match fake.reloads {
            true => self.replace(service, ReloadingFake(fake)),
            false => self.replace(service, fake),
        };
        self.fakes.push(service.to_owned());
        self
    }

    /// These methods in place of the service's: a fake of your own.
    ///
    /// # Panics
    ///
    /// If no service has the name, or it is switched off.
    #[track_caller]
    pub fn replace(mut self, service: &str, runner: impl Runner) -> Self {
        let services = self.daemon.services_mut();
        let Some(at) = services.iter().position(|known| known.name() == service) else {
            no_service(service, self.daemon.services().iter().map(Service::name));
        };
        assert!(!services[at].is_off(), "service `{service}` is switched off");
        let replaced = services.remove(at).replaced(runner);
        services.insert(at, replaced);
        self.fakes.retain(|name| name != service);
        self
    }

    /// Fakes in place of all services but this one.
    ///
    /// # Panics
    ///
    /// If no service has the name.
    #[track_caller]
    pub fn fake_all_except(mut self, service: &str) -> Self {
        if !self.daemon.services().iter().any(|known| known.name() == service) {
            no_service(service, self.daemon.services().iter().map(Service::name));
        }
        let on = self.daemon.services().iter().filter(|known| known.name() != service && !known.is_off());
        let others: Vec<String> = on.map(|known| known.name().to_owned()).collect();
        for other in others.iter().filter(|name| !self.fakes.contains(name)).collect::<Vec<_>>() {
            self = self.fake(other, FakeService::new());
        }
        self
    }

    pub(super) fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// If it does not start, or time is not paused; see [`try_start`](Harness::try_start).
    pub async fn start(self) -> Running {
        self.try_start().await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`start`](Harness::start), for a daemon that may not.
    ///
    /// # Errors
    ///
    /// As [`Daemon::start`].
    ///
    /// # Panics
    ///
    /// If time is not paused.
    pub async fn try_start(self) -> Result<Running, Error> {
        assert!(is_paused(), "time goes on; write #[tokio::test(start_paused = true)]");
        let rules = DeclaredRules::of(&self.daemon).exact();
        let began = Instant::now();
        let handle = self.daemon.start().await?;
        Ok(Running { handle, rules, probe: self.probe, fakes: self.fakes, began })
    }
}

/// Whether this is about a service that ends by itself.
fn ends(edge: &Edge<'_>) -> bool {
    edge.keyword == Keyword::After
        || (edge.keyword == Keyword::Watch && edge.action == Action::Entering && edge.state == State::Exit)
}

/// Whether tokio's clock stands still while the world's goes on.
fn is_paused() -> bool {
    let (before, real) = (Instant::now(), std::time::Instant::now());
    while real.elapsed() < Duration::from_micros(10) {}
    Instant::now() == before
}

/// A daemon under test that runs.
#[derive(Debug)]
pub struct Running {
    handle: DaemonHandle,
    rules: DeclaredRules,
    probe: CallLog,
    fakes: Vec<String>,
    began: Instant,
}

/// A daemon under test that has ended, and broke no guarantee.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished {
    /// All its transitions.
    pub trace: Trace,
    /// What became of it.
    pub report: Report,
    /// How long it took, from the start.
    pub took: Duration,
}

impl Running {
    /// The daemon from outside, as `main` has it.
    pub fn handle(&self) -> &DaemonHandle {
        &self.handle
    }

    /// Has this fake do this instead of what it does; see [`CallLog::set_behavior`].
    ///
    /// # Panics
    ///
    /// If no fake stands in for a service of this name.
    #[track_caller]
    pub fn set_behavior(&self, fake: &str, act: Behavior) {
        let known = self.fakes.iter().any(|name| name == fake);
        assert!(known, "`{fake}` is no fake; those are: {:?}", self.fakes);
        self.probe.set_behavior(fake, act);
    }

    /// What the fakes' methods were called.
    #[must_use]
    pub fn call_log(&self) -> &CallLog {
        &self.probe
    }

    /// What its trace is judged by: what an operator does breaks no promise.
    pub(super) fn rules(&self) -> DeclaredRules {
        let core = self.handle.core();
        let operated = core.operated().into_iter().map(|id| core.name(id));
        operated.fold(self.rules.clone(), |rules, name| rules.operator(name, 1))
    }

    /// Its transitions up to now.
    #[must_use]
    pub fn trace(&self) -> Trace {
        Trace::of(&self.handle)
    }

    /// Waits until the service is in this state, if only for an instant.
    ///
    /// # Panics
    ///
    /// If no service has the name, if it can be in that state no more, or if it is not within a day
    /// of the paused time: with what it waits for, and the [timeline](Trace::timeline).
    pub async fn until(&self, service: &str, state: State) {
        if let Err(error) = self.handle.wait_for(service, state).within(PATIENCE).await {
            let trace = self.trace();
            panic!("{error}\n{}", trace.around(trace.steps.len() as u64));
        }
    }

    /// Waits until nobody has anything left to do at this instant. A millisecond passes.
    pub async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    /// Asks the daemon to stop, and [waits](Running::wait).
    pub async fn shutdown(self) -> Finished {
        self.handle.shutdown();
        self.wait().await
    }

    /// Waits for the daemon to end, and [judges](super::judge) what it did.
    ///
    /// # Panics
    ///
    /// If it does not end within a day of the paused time, or a guarantee was broken: with each
    /// violation, and the [timeline](Trace::timeline) around it.
    pub async fn wait(self) -> Finished {
        let report = tokio::time::timeout(PATIENCE, self.handle.wait()).await;
        let trace = self.trace();
        let Ok(report) = report else {
            panic!("daemon `{}` does not end\n{}", self.handle.name(), trace.around(trace.steps.len() as u64));
        };
        trace.assert(&self.rules());
        let faults = self.probe.faults();
        assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), trace.timeline());
        Finished { trace, report, took: self.began.elapsed() }
    }
}
