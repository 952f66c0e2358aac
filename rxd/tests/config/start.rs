//! The start: the first value, and what fails it.

use crate::kit::*;
use rxd::prestart::Stage;
use rxd::testing::{FakeService, Harness};
use rxd::{Configure, Context, Daemon, Error, Runner, Service, State};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

async fn failure(load: impl Fn() -> rxd::Result<Config> + Send + Sync + 'static) -> (Error, Log) {
    let log = Log::default();
    let stage = Stage::new("later", async || panic!("it runs after the configuration"));
    let daemon = Daemon::new("agent").add_all(chain(&log)).prestart(stage).config(load).signals([]);
    (daemon.start().await.map(drop).unwrap_err(), log)
}

/// An error with a cause.
#[derive(Debug)]
struct Unreadable(std::num::ParseIntError);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed to read /etc/agent.toml")
    }
}

impl std::error::Error for Unreadable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn load_that_fails_at_the_start_is_a_prestart_failure_with_its_chain() {
    let (error, log) = failure(|| Err(Unreadable("eighty".parse::<u16>().unwrap_err()).into())).await;
    assert_eq!(
        error.to_string(),
        "prestart stage `config` failed: failed to read /etc/agent.toml: invalid digit found in string"
    );
    assert!(error.is_prestart() && error.find::<std::num::ParseIntError>().is_some());
    assert_eq!(log.count("init"), 0);
}

#[tokio::test(start_paused = true)]
async fn first_value_that_services_refuse_fails_the_start() {
    let (error, log) = failure(|| Ok(Config { refused_by: vec![13, 2], ..Config::of(1) })).await;
    assert_eq!(
        error.to_string(),
        "prestart stage `config` failed: service `worker-2` refuses the configuration: `port` must not be 0, service \
         `worker-13` refuses the configuration: `port` must not be 0"
    );
    assert!(error.is_prestart());
    assert_eq!((log.count("apply"), log.count("init")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn load_that_panics_at_the_start_is_a_prestart_failure() {
    let (error, _) = failure(|| panic!("scripted panic of load")).await;
    assert!(error.to_string().starts_with("prestart stage `config` failed: panicked: scripted panic of load (at "));
}

#[tokio::test(start_paused = true)]
async fn value_is_applied_before_the_first_init_and_not_again_before_the_next() {
    let log = Log::default();
    let source = Source::of(Config::of(1));
    let test = Harness::isolated(worker::<1>(&log)).config(move || source.load()).start().await;
    test.until("worker-1", State::Run).await;
    test.handle().restart("worker-1").await.unwrap();
    test.until("worker-1", State::Run).await;
    test.settle().await;
    let expected = ["apply 1", "init 1", "run 1", "cancelled 1", "stop 1", "init 1", "run 1"];
    assert_eq!(log.of(1), expected);
    test.shutdown().await;
}

/// `stop` is called if and only if `init` was.
#[tokio::test(start_paused = true)]
async fn apply_that_fails_before_init_is_a_failure_of_init_without_a_stop() {
    let (log, source) = (Log::default(), Source::of(Config { fails_in: vec![1], ..Config::of(1) }));
    let load = source.clone();
    let test = Harness::isolated(worker::<1>(&log)).config(move || load.load()).start().await;
    test.until("worker-1", State::Stop).await;
    assert!(test.handle().why("worker-1").unwrap().to_string().contains("the port is taken"));
    // The next value that it can take is taken where it waits to be restarted.
    source.set(Config::of(2));
    test.handle().reload_all().await.unwrap();
    test.until("worker-1", State::Run).await;
    test.settle().await;
    assert_eq!(log.count("stop"), 0);
    assert_eq!(log.of(1)[log.of(1).len() - 2..], ["init 2", "run 2"]);
    test.shutdown().await;
}

#[tokio::test]
async fn service_whose_configuration_the_daemon_does_not_have_is_refused() {
    let service = || worker::<1>(&Log::default());
    let error = Daemon::new("agent").add(service()).check().unwrap_err();
    assert!(error.is_graph());
    assert_eq!(
        error.to_string(),
        "service `worker-1` of daemon `agent` takes a configuration `config::kit::Config`, and the daemon has none\n\
         help: give the daemon a function that returns a `Result<config::kit::Config, _>`: `.config(load)` in the \
         builder, `#[rxd::daemon(config = load)]`, `Harness::config` in a test"
    );
    let error = Daemon::new("agent").add(service()).config(|| -> rxd::Result<u16> { Ok(5) }).check().unwrap_err();
    assert_eq!(
        error.to_string(),
        "service `worker-1` of daemon `agent` takes a configuration `config::kit::Config`, which is not a part of the \
         daemon's, `u16`\n\
         help: say where it is, by `.config_part(|whole: &u16| &whole.field)`, or load a `config::kit::Config`"
    );
}

struct Part(u32);

struct Whole {
    part: Part,
}

#[derive(Default)]
struct TakesPart(Arc<AtomicU32>);

impl Configure<Part> for TakesPart {
    fn check(new: &Part) -> rxd::Result {
        if new.0 == 0 { Err("`part` must not be 0".into()) } else { Ok(()) }
    }

    async fn apply(&mut self, new: &Part, _: &Context) -> rxd::Result {
        self.0.store(new.0, Ordering::Relaxed);
        Ok(())
    }
}

impl Runner for TakesPart {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn service_takes_its_part_of_what_the_daemon_loads() {
    let taken = Arc::<AtomicU32>::default();
    let daemon = |value| {
        let service = Service::configured::<Part>("api", TakesPart(taken.clone()));
        let daemon = Daemon::new("agent").add(service).config_part(|whole: &Whole| &whole.part);
        daemon.config(move || -> rxd::Result<Whole> { Ok(Whole { part: Part(value) }) }).signals([])
    };
    let error = daemon(0).start().await.map(drop).unwrap_err().to_string();
    assert_eq!(error, "prestart stage `config` failed: service `api` refuses the configuration: `part` must not be 0");
    let test = Harness::new(daemon(5)).start().await;
    test.until("api", State::Run).await;
    assert_eq!(taken.load(Ordering::Relaxed), 5);
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn fake_in_place_of_a_service_takes_no_configuration() {
    let daemon = Daemon::new("agent").add(worker::<1>(&Log::default()));
    let test = Harness::new(daemon).fake("worker-1", FakeService::new()).start().await;
    test.until("worker-1", State::Run).await;
    test.shutdown().await;
}

#[cfg(feature = "systemd")]
#[test]
fn unit_of_a_daemon_with_a_configuration_says_how_its_reload_can_fail() {
    let daemon = || Daemon::new("agent").add(Service::new("plain", FakeService::new()));
    let text = daemon().config(|| -> rxd::Result<u16> { Ok(5) }).unit().to_string();
    assert!(text.contains("# ExecReload=/usr/bin/rxdctl --at unix:/run/agent/admin.sock reload\n"), "{text}");
    assert!(text.contains("No limit is declared on the start of plain, config."), "{text}");
    assert!(!daemon().unit().to_string().contains("rxdctl"));
}

/// All stages begin again, the configuration included, until they pass.
#[tokio::test(start_paused = true)]
async fn configuration_is_loaded_again_when_prestart_begins_again() {
    let (log, source) = (Log::default(), Source::of(Config { refused_by: vec![1], ..Config::of(1) }));
    let (load, fixed) = (source.clone(), source.clone());
    let rounds = AtomicU32::new(0);
    let stage = Stage::new("later", move || {
        let round = rounds.fetch_add(1, Ordering::Relaxed);
        // The second value passes, but this stage does not; the third is in force in the end.
        fixed.set(Config::of(3));
        async move { if round == 0 { Err("not yet".into()) } else { Ok(()) } }
    });
    let daemon = Daemon::new("agent").add(worker::<1>(&log)).config(move || load.load()).prestart(stage);
    let second = source.clone();
    tokio::spawn(async move {
        tokio::time::sleep(SECOND / 2).await;
        second.set(Config::of(2));
    });
    let test = Harness::new(daemon.prestart_restart(SECOND)).start().await;
    test.until("worker-1", State::Run).await;
    test.settle().await;
    assert_eq!((source.loads(), log.of(1)), (3, ["apply 3", "init 3", "run 3"].map(String::from).into()));
    test.shutdown().await;
}
