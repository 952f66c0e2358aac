//! A user's own daemon under test.

use super::behavior::Act;
use super::expect::no_service;
use super::fake::{Puppet, Reloading};
use super::probe::Probe;
use super::rules::Rules;
use super::trace::Trace;
use crate::daemon::Daemon;
use crate::daemon::service::{Runner, Service};
use crate::error::Error;
use crate::graph::{Edge, Keyword, Kind};
use crate::handle::DaemonHandle;
use crate::lifecycle::state::{Action, State};
use crate::report::Report;
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
/// use rxd::testing::{Act, Harness};
/// use rxd::{Context, Runner, State};
///
/// #[rxd::service]
/// struct Health;
/// # impl Runner for Health {
/// #     async fn run(&mut self, _: &Context) -> rxd::Result { unreachable!("a puppet stands in for it") }
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
/// let test = Harness::new(daemon).only("poller").start().await;
/// test.until("poller", State::Run).await;
///
/// test.tell("health", Act::Fail);
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
    probe: Probe,
    puppets: Vec<String>,
}

impl Harness {
    /// This daemon, which nothing outside reaches: signals are left alone.
    ///
    /// Its [prestart](Daemon::prestart) stages and its admin route are real: leave them to `main`,
    /// or to tests that are about them.
    pub fn new(daemon: Daemon) -> Self {
        let daemon = daemon.signals([]).history(HISTORY).blocking_threshold(None);
        Harness { daemon, probe: Probe::new(), puppets: Vec::new() }
    }

    /// This service, and a puppet for each that it watches: by the name it is watched by, or by that
    /// of its type. Those that must end by themselves for the service to get anywhere stay in Run
    /// until they are told [`Act::Ok`].
    ///
    /// ```
    /// use rxd::testing::{Act, Harness, Puppet};
    /// use rxd::{Service, State};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let api = Service::new("api", Puppet::new()).needs(["db"]).after(["migrate"]);
    /// let test = Harness::alone(api).start().await;
    /// test.until("migrate", State::Run).await;
    /// test.tell("migrate", Act::Ok);
    /// test.until("api", State::Run).await;
    /// # test.shutdown().await;
    /// # }
    /// ```
    pub fn alone(service: impl Into<Service>) -> Self {
        let service = service.into();
        let mut harness = Harness::new(Daemon::new(service.shared_name()));
        for (edge, targets) in service.targets() {
            for target in targets {
                let name = target.text.to_owned();
                if name == service.name() || harness.puppets.contains(&name) {
                    continue;
                }
                let mut neighbour = Service::new(name.clone(), Puppet::new().probe(&harness.probe));
                if ends(&edge) {
                    neighbour = neighbour.manager(crate::lifecycle::manager::until_success);
                }
                if target.by_type {
                    neighbour = neighbour.of_kind(Kind { id: target.id, ..Kind::new("", "puppet") });
                }
                harness.puppets.push(name);
                harness.daemon = harness.daemon.add(neighbour);
            }
        }
        harness.daemon = harness.daemon.add(service);
        harness
    }

    /// A puppet in place of this service. Untold it does [nothing wrong](Puppet::new).
    ///
    /// # Panics
    ///
    /// If no service has the name, or it is switched off.
    #[track_caller]
    pub fn puppet(mut self, service: &str, puppet: Puppet) -> Self {
        let puppet = puppet.probe(&self.probe);
        self = match puppet.reloads {
            true => self.replace(service, Reloading(puppet)),
            false => self.replace(service, puppet),
        };
        self.puppets.push(service.to_owned());
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
        self.puppets.retain(|name| name != service);
        self
    }

    /// Puppets in place of all services but this one.
    ///
    /// # Panics
    ///
    /// If no service has the name.
    #[track_caller]
    pub fn only(mut self, service: &str) -> Self {
        if !self.daemon.services().iter().any(|known| known.name() == service) {
            no_service(service, self.daemon.services().iter().map(Service::name));
        }
        let on = self.daemon.services().iter().filter(|known| known.name() != service && !known.is_off());
        let others: Vec<String> = on.map(|known| known.name().to_owned()).collect();
        for other in others.iter().filter(|name| !self.puppets.contains(name)).collect::<Vec<_>>() {
            self = self.puppet(other, Puppet::new());
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
        let rules = Rules::of(&self.daemon).exact();
        let began = Instant::now();
        let handle = self.daemon.start().await?;
        Ok(Running { handle, rules, probe: self.probe, puppets: self.puppets, began })
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
    rules: Rules,
    probe: Probe,
    puppets: Vec<String>,
    began: Instant,
}

/// A daemon under test that has ended, and broke no guarantee.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ended {
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

    /// Has this puppet do this instead of what it does; see [`Probe::tell`].
    ///
    /// # Panics
    ///
    /// If no puppet stands in for a service of this name.
    #[track_caller]
    pub fn tell(&self, puppet: &str, act: Act) {
        let known = self.puppets.iter().any(|name| name == puppet);
        assert!(known, "`{puppet}` is no puppet; those are: {:?}", self.puppets);
        self.probe.tell(puppet, act);
    }

    /// What the puppets' methods were called.
    #[must_use]
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// What its trace is judged by: what an operator does breaks no promise.
    pub(super) fn rules(&self) -> Rules {
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
    pub async fn shutdown(self) -> Ended {
        self.handle.shutdown();
        self.wait().await
    }

    /// Waits for the daemon to end, and [judges](super::judge) what it did.
    ///
    /// # Panics
    ///
    /// If it does not end within a day of the paused time, or a guarantee was broken: with each
    /// violation, and the [timeline](Trace::timeline) around it.
    pub async fn wait(self) -> Ended {
        let report = tokio::time::timeout(PATIENCE, self.handle.wait()).await;
        let trace = self.trace();
        let Ok(report) = report else {
            panic!("daemon `{}` does not end\n{}", self.handle.name(), trace.around(trace.steps.len() as u64));
        };
        trace.assert(&self.rules());
        let faults = self.probe.faults();
        assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), trace.timeline());
        Ended { trace, report, took: self.began.elapsed() }
    }
}
