//! Runs a user's daemon in paused time, with fakes in place of some services.

use super::behavior::Behavior;
use super::call_log::CallLog;
use super::expect::no_service;
use super::fake::{FakeService, ReloadingFake};
use crate::daemon::Daemon;
use crate::daemon::service::Service;
use crate::error::{AnyError, Error};
use crate::graph::{Edge, Keyword, ServiceType};
use crate::handle::DaemonHandle;
use crate::lifecycle::state::{Action, Filter, State};
use crate::report::Report;
use crate::service::runner::Runner;
use crate::service::thread::clock;
use crate::trace::Trace;
use crate::trace::added::AddedRules;
use crate::trace::rules::DeclaredRules;
use std::time::Duration;
use tokio::time::Instant;

/// How many transitions a daemon under test keeps.
const HISTORY: usize = 200_000;
/// How long a test waits, in paused time. What has not happened by then never will.
const WAIT_LIMIT: Duration = Duration::from_secs(24 * 3600);

/// A daemon under test: its declarations as they are, some of its services replaced by fakes.
///
/// A replaced service keeps its name, watches, manager, delays and limits. Only its methods are
/// replaced. Run the test in paused time:
///
/// ```
/// use rxd::testing::{Behavior, Harness};
/// use rxd::{Context, Runner, State};
///
/// #[rxd::service]
/// struct Health;
/// # impl Runner for Health {
/// #     async fn run(&mut self, _: &Context) -> rxd::Result { unreachable!("a fake replaces it") }
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
/// // In a test: #[tokio::test(start_paused = true)]
/// let daemon = EdgeAgent { health: Health, poller: Poller }.into_daemon();
/// let test = Harness::new(daemon).fake_all_except("poller").start().await;
/// test.until("poller", State::Run).await;
///
/// test.set_behavior("health", Behavior::Fail);
/// test.until("poller", State::Idle).await;
/// test.until("poller", State::Run).await; // `health` was restarted
///
/// let ended = test.shutdown().await;
/// ended.trace.expect("poller").enters(State::Run).after("health").times(2);
/// assert!(ended.report.is_ok());
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a harness runs nothing until it is started"]
pub struct Harness {
    daemon: Daemon,
    call_log: CallLog,
    fakes: Vec<String>,
    /// The services that have a fake, or a runner of the test's own.
    replaced: Vec<String>,
}

impl Harness {
    /// Puts this daemon under test. It listens to no signals, keeps 200,000 transitions, and does
    /// not look for blocking code.
    ///
    /// Its [prestart](Daemon::prestart) stages and its admin route are real. Add them in `main`, or
    /// in tests that are about them.
    pub fn new(daemon: Daemon) -> Self {
        let daemon = daemon.signals([]).history(HISTORY).blocking_threshold(None);
        Harness { daemon, call_log: CallLog::new(), fakes: Vec::new(), replaced: Vec::new() }
    }

    /// Puts one service under test, with a fake for each service that it watches.
    ///
    /// A fake has the name that the watch gives. Where the watch names a type, it has the name that
    /// a service of the type has by default: `udp` for `Udp`.
    ///
    /// A service that is watched for its end (`after`, or `entering Exit`) gets a fake with the
    /// manager `until_success`. The fake stays in Run until a test sets [`Behavior::Ok`] for it.
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
        let mut harness = Harness::new(Daemon::new(service.name().to_owned()));
        // Several watches may be about one service: each adds to what its fake has to be.
        let mut watched: Vec<(String, bool, Option<ServiceType>)> = Vec::new();
        for (edge, targets) in service.targets() {
            for target in targets {
                let name = if target.by_type { default_name(target.text) } else { target.text.to_owned() };
                if name == service.name() {
                    continue;
                }
                let known = watched.iter().position(|(known, ..)| *known == name);
                let at = known.unwrap_or_else(|| {
                    watched.push((name, false, None));
                    watched.len() - 1
                });
                watched[at].1 |= waits_for_end(&edge);
                if target.by_type {
                    watched[at].2 =
                        Some(ServiceType { id: target.id, type_id: target.type_id, ..ServiceType::new("", "fake") });
                }
            }
        }
        for (name, ends, service_type) in watched {
            let mut fake = Service::new(name.clone(), FakeService::new().call_log(&harness.call_log));
            if ends {
                fake = fake.manager(crate::lifecycle::manager::until_success);
            }
            if let Some(service_type) = service_type {
                fake = fake.of_type(service_type);
            }
            harness.replaced.push(name.clone());
            harness.fakes.push(name);
            harness.daemon = harness.daemon.add(fake);
        }
        harness.daemon = harness.daemon.add(service);
        harness
    }

    /// Replaces this service by a fake, which works unless it is scripted otherwise: see
    /// [`FakeService::new`]. The fake of a [periodic](crate::Every) service is not periodic: it is in
    /// Run for as long as its script says.
    ///
    /// # Panics
    ///
    /// If no service has the name, or the service is switched off.
    #[track_caller]
    pub fn fake(mut self, service: &str, fake: FakeService) -> Self {
        let fake = fake.call_log(&self.call_log);
        self = match fake.reloads {
            true => self.replace(service, ReloadingFake(fake)),
            false => self.replace(service, fake),
        };
        self.daemon.service_mut(service).into_iter().for_each(Service::run_once);
        self.fakes.push(service.to_owned());
        self
    }

    /// Replaces the methods of this service by those of your own fake. Its behavior cannot be set
    /// by [`Running::set_behavior`].
    ///
    /// # Panics
    ///
    /// If no service has the name, or the service is switched off.
    #[track_caller]
    pub fn replace(mut self, service: &str, runner: impl Runner) -> Self {
        if !self.daemon.all_services().any(|known| known.name() == service) {
            no_service(service, self.daemon.all_services().map(Service::name));
        }
        if let Some(known) = self.daemon.service_mut(service) {
            assert!(!known.is_off(), "service `{service}` is switched off, so nothing can replace it");
            let before = std::mem::replace(known, Service::blank("".into()));
            *known = before.replaced(runner);
        }
        self.fakes.retain(|name| name != service);
        self.replaced.push(service.to_owned());
        self
    }

    /// Replaces by a fake every service that is not replaced yet, except those that are switched
    /// off. Members that a family gets later are fakes, too. Script some with [`fake`](Harness::fake) before:
    ///
    /// ```
    /// use rxd::testing::{Behavior, FakeService, Harness};
    /// use rxd::{Daemon, Service, State};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let service = |name| Service::new(name, FakeService::new());
    /// # let daemon = Daemon::new("agent").add(service("db")).add(service("api").needs(["db"]));
    /// let slow = FakeService::new().on(State::Init, [Behavior::Hang]);
    /// let test = Harness::new(daemon).fake("db", slow).fake_all().start().await;
    /// test.settle().await;
    /// assert!(test.handle().states()["api"].is_in(State::Idle));
    /// # }
    /// ```
    pub fn fake_all(self) -> Self {
        self.fake_others(None)
    }

    /// Replaces all services but this one by fakes. Services that are switched off, and those that
    /// are replaced already, stay as they are.
    ///
    /// # Panics
    ///
    /// If no service has the name.
    #[track_caller]
    pub fn fake_all_except(self, service: &str) -> Self {
        if !self.daemon.all_services().any(|known| known.name() == service) {
            no_service(service, self.daemon.all_services().map(Service::name));
        }
        self.fake_others(Some(service))
    }

    fn fake_others(mut self, real: Option<&str>) -> Self {
        let on = self.daemon.all_services().filter(|known| !known.is_off());
        let names: Vec<String> = on.map(|known| known.name().to_owned()).collect();
        for name in names {
            if Some(&*name) != real && !self.replaced.contains(&name) {
                self = self.fake(&name, FakeService::new());
            }
        }
        let call_log = self.call_log.clone();
        self.daemon.replace_made(move |made| made.replaced(FakeService::new().call_log(&call_log)));
        self
    }

    /// Has `load` called for the configuration, in place of the daemon's own function: see
    /// [`Daemon::config`]. A daemon of an [isolated](Harness::isolated) service has none otherwise.
    ///
    /// Fakes take no configuration. To have a value reloaded, let `load` read what the test changes,
    /// and call [`DaemonHandle::reload_all`].
    ///
    /// ```
    /// # use rxd::testing::Harness;
    /// # use rxd::{Configure, Context, Runner, Service, State};
    /// use std::sync::atomic::{AtomicU16, Ordering};
    /// use std::sync::Arc;
    ///
    /// # struct Api;
    /// # impl Configure<u16> for Api {
    /// #     fn check(new: &u16) -> rxd::Result {
    /// #         if *new == 0 { Err("`port` must not be 0".into()) } else { Ok(()) }
    /// #     }
    /// #     async fn apply(&mut self, _: &u16, _: &Context) -> rxd::Result { Ok(()) }
    /// # }
    /// # impl Runner for Api {
    /// #     async fn run(&mut self, cx: &Context) -> rxd::Result { cx.cancelled().await; Ok(()) }
    /// # }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let port = Arc::new(AtomicU16::new(8080));
    /// let source = port.clone();
    /// let api = Service::configured::<u16>("api", Api);
    /// let test = Harness::isolated(api)
    ///     .config(move || -> rxd::Result<u16> { Ok(source.load(Ordering::Relaxed)) })
    ///     .start()
    ///     .await;
    /// test.until("api", State::Run).await;
    /// port.store(0, Ordering::Relaxed);
    /// let error = test.handle().reload_all().await.unwrap_err().to_string();
    /// assert!(error.contains("service `api` refuses the configuration: `port` must not be 0"));
    /// # test.shutdown().await;
    /// # }
    /// ```
    pub fn config<C, E>(mut self, load: impl Fn() -> Result<C, E> + Send + Sync + 'static) -> Self
    where
        C: Send + Sync + 'static,
        E: Into<AnyError>,
    {
        self.daemon = self.daemon.config(load);
        self
    }

    pub(super) fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Starts the daemon.
    ///
    /// # Panics
    ///
    /// If the daemon does not start, or time is not paused. See [`try_start`](Harness::try_start).
    pub async fn start(self) -> Running {
        crate::output::expect_no_log();
        self.try_start().await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts the daemon, and returns an error if it does not start.
    ///
    /// # Errors
    ///
    /// As [`Daemon::start`].
    ///
    /// # Panics
    ///
    /// If time is not paused.
    pub async fn try_start(self) -> Result<Running, Error> {
        assert!(
            clock::is_paused(),
            "tokio's clock is running, but a harness needs paused time; write #[tokio::test(start_paused = true)]"
        );
        let rules = DeclaredRules::of(&self.daemon).exact();
        let began = Instant::now();
        let handle = self.daemon.start().await?;
        AddedRules::keep(handle.core());
        Ok(Running { handle, rules, call_log: self.call_log, fakes: self.fakes, began })
    }
}

/// The name that `#[rxd::service]` gives the type of this path: in kebab-case, `http-server` for
/// `net::HTTPServer`.
fn default_name(path: &str) -> String {
    let path = path.split('<').next().unwrap_or_default();
    let letters: Vec<char> = path.rsplit("::").next().unwrap_or_default().trim().chars().collect();
    let mut name = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        let follows_capital = at > 0 && letters[at - 1].is_uppercase();
        let precedes_small = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        if letter == '_' || letter.is_uppercase() && (!follows_capital || precedes_small) {
            name.push('-');
        }
        name.extend(letter.to_lowercase().filter(|letter| *letter != '_'));
    }
    name.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// Whether this watch waits for the end of its targets.
fn waits_for_end(edge: &Edge<'_>) -> bool {
    edge.keyword == Keyword::After
        || (edge.keyword == Keyword::Watch && edge.action == Action::Entering && edge.state == State::Exit)
}

/// A running daemon under test.
#[derive(Debug)]
pub struct Running {
    handle: DaemonHandle,
    rules: DeclaredRules,
    call_log: CallLog,
    fakes: Vec<String>,
    began: Instant,
}

/// A daemon under test that has ended, and whose trace broke no guarantee.
#[derive(Debug)]
#[non_exhaustive]
pub struct Finished {
    /// All its transitions.
    pub trace: Trace,
    /// How its services ended.
    pub report: Report,
    /// How long the daemon ran, in paused time.
    pub took: Duration,
}

impl Running {
    /// The handle of the daemon, as `main` has it.
    pub fn handle(&self) -> &DaemonHandle {
        &self.handle
    }

    /// Replaces what this fake's running method does. If no method of the fake waits, the next one
    /// that waits takes the behavior. See [`CallLog::set_behavior`].
    ///
    /// # Panics
    ///
    /// If the service of this name is not a fake.
    #[track_caller]
    pub fn set_behavior(&self, fake: &str, behavior: Behavior) {
        let known = self.fakes.iter().any(|name| name == fake);
        assert!(known, "cannot set a behavior: `{fake}` is not a fake; the fakes are {:?}", self.fakes);
        self.call_log.set_behavior(fake, behavior);
    }

    /// The log of the calls of all fakes.
    #[must_use]
    pub fn call_log(&self) -> &CallLog {
        &self.call_log
    }

    /// The rules its trace is checked against. They allow for what operators have requested.
    pub(super) fn rules(&self) -> DeclaredRules {
        self.rules.clone().operated(self.handle.core())
    }

    /// The transitions up to now.
    #[must_use]
    pub fn trace(&self) -> Trace {
        Trace::of(&self.handle)
    }

    /// Waits until the service is in this state, even for an instant. A service that is added later is
    /// waited for, too.
    ///
    /// # Panics
    ///
    /// If no service has the name, if the service can no longer enter the state, or if it has not
    /// entered the state after 24 hours of paused time. The message says what the service waits
    /// for, and shows the [timeline](Trace::timeline).
    pub async fn until(&self, service: &str, state: State) {
        let added = async {
            if let Ok(mut states) = self.handle.watch_states(Filter::None) {
                while self.handle.states().get(service).is_none() && states.next().await.is_some() {}
            }
        };
        // Otherwise `wait_for` says that there is no such service.
        let _ = tokio::time::timeout(WAIT_LIMIT, added).await;
        if let Err(error) = self.handle.wait_for(service, state).within(WAIT_LIMIT).await {
            let trace = self.trace();
            panic!("{error}\n{}", trace.around(trace.steps.len() as u64));
        }
    }

    /// Waits until no task has work left at this instant. One millisecond of paused time passes.
    pub async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    /// Asks the daemon to stop, and [waits](Running::wait).
    pub async fn shutdown(self) -> Finished {
        self.handle.shutdown();
        self.wait().await
    }

    /// Waits for the daemon to end, and [checks](super::check_invariants) its trace.
    ///
    /// # Panics
    ///
    /// If the daemon does not end within 24 hours of paused time, or a guarantee was broken. The
    /// message names each violation, and shows the [timeline](Trace::timeline) around it.
    pub async fn wait(self) -> Finished {
        let report = tokio::time::timeout(WAIT_LIMIT, self.handle.wait()).await;
        let trace = self.trace();
        let Ok(report) = report else {
            let (name, last) = (self.handle.name(), trace.steps.len() as u64);
            panic!("daemon `{name}` did not end within {WAIT_LIMIT:?}; call `shutdown`\n{}", trace.around(last));
        };
        trace.assert(&self.rules());
        let faults = self.call_log.faults();
        assert!(faults.is_empty(), "{}\n{}", faults.join("\n"), trace.timeline());
        Finished { trace, report, took: self.began.elapsed() }
    }
}

impl DeclaredRules {
    /// The rules that this daemon declares.
    #[must_use]
    pub fn of(daemon: &Daemon) -> Self {
        daemon.declared_rules()
    }
}

#[cfg(test)]
mod tests {
    use super::default_name;

    #[test]
    fn u_names_of_fakes_are_those_that_the_macro_gives() {
        // As in the test of the macros.
        for (path, name) in [
            ("Udp", "udp"),
            ("HTTPServer", "http-server"),
            ("net::EdgeAgent", "edge-agent"),
            ("Worker2", "worker2"),
            ("S3Sync", "s3-sync"),
            ("Poll_Er", "poll-er"),
            ("_Hidden", "hidden"),
            ("DB", "db"),
            ("MyDB", "my-db"),
            ("A", "a"),
            ("Pool<net::Udp>", "pool"),
        ] {
            assert_eq!(default_name(path), name);
        }
    }
}
