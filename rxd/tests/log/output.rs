//! What a process writes that ends, panics, fails, or logs by the crate `log`: G58.
//!
//! Each test runs this program again, with the name of a part in its environment, and checks what
//! that process writes and how it ends.

use rxd::log::Level;
use rxd::{Context, Daemon, OnFailure, Options, Runner, Service, State};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const PART: &str = "RXD_OUTPUT_TEST_PART";

/// What text from outside may try to look like.
const FORGED: &str = "2026-11-30T00:00:00.000000Z  INFO audit: login of root allowed";

fn run_part(part: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "output::part", "--nocapture", "--test-threads=1"]);
    for name in ["RUST_LOG", "RUST_BACKTRACE", "NO_COLOR", "JOURNAL_STREAM"] {
        command.env_remove(name);
    }
    command.env(PART, part).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// What the part writes to standard error.
fn written_by(part: &str) -> String {
    String::from_utf8(run_part(part).output().unwrap().stderr).unwrap()
}

/// How the process ends, whose standard error nobody reads.
fn status_of_unread(part: &str) -> ExitStatus {
    let mut child = run_part(part).spawn().unwrap();
    wait_within(&mut child, Duration::from_secs(60)).unwrap_or_else(|| panic!("`{part}` has not ended"))
}

fn wait_within(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + limit;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    None
}

/// Fails at once, and ends the daemon.
struct Fails;

impl Runner for Fails {
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Err(format!("no such device\n{FORGED}").into())
    }
}

fn failing_daemon() -> Daemon {
    let options = Options::DEFAULT.restarts(0, Duration::from_secs(1)).on_failure(OnFailure::Shutdown);
    Daemon::new("d").signals([]).add(Service::new("fails", Fails).options(options))
}

/// Panics each time.
struct Panics;

impl Runner for Panics {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        let task = tokio::spawn(async { panic!("in a task of the runtime") });
        assert!(task.await.is_err());
        assert!(cx.spawn_contained("worker", async { panic!("in a task of the service") }).await.is_err());
        assert!(std::panic::catch_unwind(|| panic!("caught by the service")).is_err());
        panic!("bad length\n{FORGED}")
    }
}

/// Fails three times, and then runs.
struct Recovers(u32);

impl Runner for Recovers {
    async fn init(&mut self, _: &Context) -> rxd::Result {
        self.0 += 1;
        if self.0 > 3 { Ok(()) } else { Err("refused".into()) }
    }
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        Ok(())
    }
}

/// Takes a while to stop.
struct Lingers;

impl Runner for Lingers {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        cx.cancelled().await;
        tokio::time::sleep(Duration::from_secs(12)).await;
        Ok(())
    }
}

/// What cannot be printed.
enum Unprintable {
    Fails,
    Panics,
}

impl std::fmt::Display for Unprintable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("part")?;
        match self {
            Unprintable::Fails => Err(std::fmt::Error),
            Unprintable::Panics => panic!("in Debug"),
        }
    }
}

impl std::fmt::Debug for Unprintable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Logs so often, and then waits.
struct Speaks(u32);

impl Runner for Speaks {
    async fn run(&mut self, cx: &Context) -> rxd::Result {
        (0..self.0).for_each(|_| tracing::info!("hello"));
        cx.cancelled().await;
        Ok(())
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs a daemon of one service until that is in this state, and then stops it.
async fn run_until(daemon: Daemon, service: &str, state: State) {
    let handle = daemon.start().await.unwrap();
    handle.wait_for(service, state).await.unwrap();
    handle.shutdown();
    let _ = handle.wait().await;
}

/// What the process that `run_part` starts does. As a test by itself it does nothing.
#[test]
fn part() {
    let Ok(part) = std::env::var(PART) else { return };
    let quick = Options::DEFAULT.backoff(rxd::Backoff::fixed(Duration::from_millis(20)));
    match &part[..] {
        "exit" => {
            let _log = rxd::log::init().unwrap();
            tracing::error!("out of licences");
            std::process::exit(0);
        }
        "abort" => {
            let _log = rxd::log::init().unwrap();
            tracing::error!("out of licences");
            std::process::abort();
        }
        "flush" => {
            let _log = rxd::log::init().unwrap();
            tracing::info!("configuration is valid");
            assert!(rxd::log::flush(Duration::from_secs(30)));
            std::process::exit(0);
        }
        "log" => {
            let _guard = rxd::log::init().unwrap();
            log::error!(target: "broker::client", "login\n{FORGED}");
            log::debug!(target: "broker::client", "too fine");
            rxd::log::level_handle().set(rxd::log::LevelTarget::Default, Level::Debug);
            log::debug!(target: "broker::client", "fine enough");
        }
        "panics" => {
            let _log = rxd::log::init().unwrap();
            let options = Options::DEFAULT.restarts(0, Duration::from_secs(1));
            let daemon = Daemon::new("d").signals([]).add(Service::new("panics", Panics).options(options));
            runtime().block_on(run_until(daemon, "panics", State::Exit));
        }
        "main" | "main without a log" => {
            let _log = (part == "main").then(|| rxd::log::init().unwrap());
            let status = runtime().block_on(failing_daemon().exit_code(7).main());
            drop(_log);
            std::process::exit(if status == std::process::ExitCode::from(7) { 7 } else { 0 });
        }
        "full" => {
            let _log = rxd::log::init().unwrap();
            // More than the pipe holds, and than the queue holds.
            (0..20_000).for_each(|n| tracing::info!(n, "{}", "x".repeat(100)));
            let _ = runtime().block_on(failing_daemon().exit_code(7).main());
            // The process is ended meanwhile.
            std::thread::sleep(Duration::from_secs(3600));
        }
        "full of panics" => {
            let _log = rxd::log::init().unwrap();
            (0..20_000).for_each(|n| tracing::info!(n, "{}", "x".repeat(100)));
            let daemon = Daemon::new("d").signals([]).shutdown_timeout(Duration::from_secs(30));
            let daemon =
                daemon.add(Service::new("a", Panics).options(quick)).add(Service::new("b", Panics).options(quick));
            let daemon = daemon.add(Service::new("recovers", Recovers(0)).options(quick));
            runtime().block_on(run_until(daemon, "recovers", State::Run));
            std::process::exit(7);
        }
        "full of errors" => {
            let _log = rxd::log::init().unwrap();
            // If each of them waited its 50 ms this took 1,000 s.
            (0..20_000).for_each(|n| tracing::error!(n, "{}", "x".repeat(100)));
            std::process::exit(7);
        }
        "no log" => {
            let daemon = Daemon::new("d").signals([]).add(Service::new("recovers", Recovers(0)).options(quick));
            runtime().block_on(run_until(daemon, "recovers", State::Run));
        }
        "subscriber" => {
            tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).with_writer(std::io::stderr).init();
            let daemon = Daemon::new("d").signals([]).add(Service::new("recovers", Recovers(0)).options(quick));
            runtime().block_on(run_until(daemon, "recovers", State::Run));
        }
        "recovers" => {
            let _log = rxd::log::init().unwrap();
            let daemon = Daemon::new("d").signals([]).add(Service::new("recovers", Recovers(0)).options(quick));
            runtime().block_on(run_until(daemon, "recovers", State::Run));
        }
        "quiet" => {
            let _log = rxd::log::builder().level(Level::Warn).init().unwrap();
            let daemon = Daemon::new("d").signals([]).add(Service::new("recovers", Recovers(0)).options(quick));
            runtime().block_on(run_until(daemon, "recovers", State::Run));
        }
        "two daemons" => {
            let _log = rxd::log::init().unwrap();
            let runtime = runtime();
            // The first logs nothing before the second does.
            for (name, times) in [("outer", 0), ("inner", 1), ("outer", 1)] {
                let daemon = Daemon::new(name).signals([]).add(Service::new("db", Speaks(times)));
                runtime.block_on(run_until(daemon, "db", State::Run));
            }
        }
        "failed init" => {
            tracing_subscriber::fmt().with_writer(std::io::stderr).init();
            assert!(rxd::log::init().is_err());
            assert!(std::thread::spawn(|| panic!("in a thread")).join().is_err());
            let _ = runtime().block_on(failing_daemon().main());
        }
        "layer that is gone" => {
            use tracing_subscriber::prelude::*;
            let (layer, guard) = rxd::log::builder().layer().unwrap();
            crate::capture::keep_callsites();
            drop(tracing_subscriber::registry().with(layer).set_default());
            drop(guard);
            assert!(std::thread::spawn(|| panic!("in a thread")).join().is_err());
            let _ = runtime().block_on(failing_daemon().main());
        }
        "layer of one thread" => {
            use tracing_subscriber::prelude::*;
            let (layer, _guard) = rxd::log::builder().layer().unwrap();
            crate::capture::keep_callsites();
            let _scope = tracing_subscriber::registry().with(layer).set_default();
            assert!(std::thread::spawn(|| panic!("in a thread")).join().is_err());
            let _ = runtime().block_on(failing_daemon().main());
        }
        "second init" => {
            let _log = rxd::log::init().unwrap();
            assert!(rxd::log::builder().level(Level::Error).service("api", Level::Off).init().is_err());
            tracing::info!("still here");
            assert_eq!(rxd::log::level_handle().services(), []);
        }
        "caught" => {
            let _log = rxd::log::init().unwrap();
            struct Catches;
            impl Runner for Catches {
                async fn run(&mut self, _: &Context) -> rxd::Result {
                    assert!(std::panic::catch_unwind(|| panic!("why it exits")).is_err());
                    rxd::log::flush(Duration::from_secs(30));
                    std::process::exit(0);
                }
            }
            let daemon = Daemon::new("d").signals([]).add(Service::new("catches", Catches));
            runtime().block_on(run_until(daemon, "catches", State::Exit));
        }
        "unprintable" => {
            let _log = rxd::log::init().unwrap();
            let span = tracing::info_span!("user", x = tracing::field::Empty);
            let _entered = span.enter();
            span.record("x", tracing::field::debug(Unprintable::Panics));
            tracing::error!("disk failed at {}", Unprintable::Fails);
            tracing::error!(when = %Unprintable::Fails, severity = ?Unprintable::Fails, "a field");
            tracing::info!(x = ?Unprintable::Panics, "lost in part");
            tracing::info!("whole");
        }
        other => panic!("unknown part {other}"),
    }
}

#[test]
fn l_error_before_an_exit_or_abort_is_written() {
    for _ in 0..10 {
        for part in ["exit", "abort"] {
            let text = written_by(part);
            assert_eq!(text.matches("out of licences").count(), 1, "{part}: {text}");
        }
    }
}

#[test]
fn x26_record_before_a_flush_and_an_exit_is_written() {
    let text = written_by("flush");
    assert!(text.contains("configuration is valid"), "{text}");
}

#[test]
fn h_records_of_the_crate_log_have_their_target_and_follow_the_levels() {
    let text = written_by("log");
    assert!(text.contains("ERROR broker::client: login\\n2026"), "{text}");
    assert!(!text.contains("too fine") && !text.contains("log.target"), "{text}");
    assert!(text.contains("DEBUG broker::client: fine enough"), "{text}");
}

#[test]
fn e_g58_each_panic_is_one_record_and_forges_none() {
    let text = written_by("panics");
    assert!(!text.lines().any(|line| line.starts_with(FORGED)), "{text}");
    for (message, record) in [
        ("bad length", "ERROR panics: rxd: panicked: bad length\\n2026"),
        ("in a task of the service", "WARN panics/worker: rxd: task `worker` panicked: in a task of the service"),
        ("in a task of the runtime", "ERROR rxd: thread `tokio-rt-worker` panicked: in a task of the runtime (at "),
        ("caught by the service", "ERROR rxd: panicked: caught by the service (at "),
    ] {
        assert_eq!(text.matches(message).count(), 1, "{text}");
        assert!(text.contains(record), "{record}: {text}");
    }
}

#[test]
fn c_g58_last_error_is_one_record_and_forges_none() {
    let output = run_part("main").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7), "{text}");
    assert!(
        text.lines().all(|line| !line.starts_with("Error:") && !line.contains("T00:00:00.000000Z  INFO audit")
            || line.contains("ERROR")),
        "{text}"
    );
    let last = "ERROR rxd: daemon `d` failed; service `fails` failed after 0 restarts: no such device; 2026";
    assert_eq!(text.matches(last).count(), 1, "{text}");
}

#[test]
fn c_g58_last_error_without_a_log_forges_no_record() {
    let output = run_part("main without a log").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7), "{text}");
    let expected =
        format!("Error: daemon `d` failed\n  service `fails` failed after 0 restarts: no such device\n  {FORGED}\n");
    assert!(text.ends_with(&expected), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("2026")), "{text}");
}

#[test]
fn c_g58_last_error_into_a_full_pipe_delays_no_exit() {
    assert_eq!(status_of_unread("full").code(), Some(7));
}

#[test]
fn d_g58_panics_into_a_full_pipe_delay_no_service_and_no_exit() {
    assert_eq!(status_of_unread("full of panics").code(), Some(7));
}

#[test]
fn l_errors_into_a_full_pipe_wait_once_and_not_each() {
    assert_eq!(status_of_unread("full of errors").code(), Some(7));
}

#[test]
fn s3_failure_without_a_subscriber_is_one_line_that_says_what_to_do() {
    let text = written_by("no log");
    let line =
        "rxd: service `recovers` failed: refused; no log is set up: call `rxd::log::init()?` at the start of `main`\n";
    assert_eq!(text, line);
    for part in ["subscriber", "recovers"] {
        assert!(!written_by(part).contains("no log is set up"), "{part}");
    }
}

#[test]
fn log_says_what_comes_after_a_failure_and_when_the_service_has_recovered() {
    let text = written_by("recovers");
    let records: Vec<&str> =
        text.lines().filter_map(|line| line.split_once("recovers: rxd: ")).map(|(_, rest)| rest).collect();
    assert_eq!(records.len(), 7, "{text}");
    for (attempt, records) in records.chunks(2).take(3).enumerate() {
        assert!(records[0].starts_with("refused "), "{text}");
        assert!(
            records[1].starts_with("restarting in ") && records[1].ends_with(&format!("attempt={}", attempt + 2)),
            "{text}"
        );
    }
    assert_eq!(records[6], "in run again");
    assert!(text.contains("INFO rxd: stopping") && text.contains("INFO rxd: stopped "), "{text}");
    let quiet = written_by("quiet");
    assert_eq!(quiet.lines().count(), 3, "only the failures: {quiet}");
}

#[test]
fn services_of_a_second_daemon_are_written_with_its_name() {
    let text = written_by("two daemons");
    assert!(
        text.contains("INFO db: log::output: hello") && text.contains("INFO db@inner: log::output: hello"),
        "{text}"
    );
}

#[test]
fn panic_and_last_error_without_a_log_that_works_go_to_standard_error() {
    for part in ["failed init", "layer that is gone", "layer of one thread"] {
        let text = written_by(part);
        assert_eq!(text.matches("in a thread").count(), 1, "{part}: {text}");
        assert!(text.contains("daemon `d` failed") && text.contains("service `fails` failed after"), "{part}: {text}");
    }
}

#[test]
fn init_that_fails_changes_no_level() {
    assert!(written_by("second init").contains("still here"));
}

#[test]
fn panic_that_the_service_has_caught_is_written_before_an_exit() {
    let text = written_by("caught");
    assert_eq!(text.matches("panicked: why it exits").count(), 1, "{text}");
}

#[test]
fn value_that_cannot_be_printed_loses_no_record() {
    let text = written_by("unprintable");
    let lines: Vec<&str> = text.lines().filter_map(|line| line.split_once("Z ")).map(|(_, line)| line.trim()).collect();
    assert_eq!(lines.len(), 4, "{text}");
    for (line, expected) in lines.iter().zip([
        "log::output: disk failed at part(printing this value failed)",
        "log::output: a field when=part(printing this value failed) severity=part(printing this value failed)",
        "log::output: lost in part x=part(printing this value panicked: in Debug (at ",
        "log::output: whole",
    ]) {
        assert!(line.starts_with("ERROR user{x=part(") || line.starts_with("INFO user{x=part("), "{text}");
        assert!(line.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn panic_with_backtraces_enabled_has_one() {
    let output = run_part("panics").env("RUST_BACKTRACE", "1").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("ERROR rxd: backtrace of the panic at rxd/tests/log/output.rs:"), "{text}");
    assert!(text.lines().all(|line| line.starts_with("20")), "each line is a record: {text}");
}

/// A subscriber of one thread applies to the services that a daemon started there runs elsewhere.
#[test]
fn s10_daemon_started_under_a_subscriber_of_its_thread_logs_to_it() {
    use crate::capture::capture;
    let levels = rxd::log::LevelHandle::new(Level::Info);
    let (lines, guard) = capture(&levels);
    struct Spawns;
    impl Runner for Spawns {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            tracing::info!("from the service");
            cx.spawn("worker", async { tracing::info!("from a task") }).await?;
            cx.cancelled().await;
            Ok(())
        }
    }
    let runtime = runtime();
    let handle = runtime.block_on(async {
        let daemon = Daemon::new("d").signals([]).add(Service::new("spawns", Spawns));
        let handle = daemon.start().await.unwrap();
        handle.wait_for("spawns", State::Run).await.unwrap();
        handle
    });
    drop(guard);
    runtime.block_on(async {
        handle.shutdown();
        assert!(handle.wait().await.is_ok());
    });
    let lines = lines.take();
    assert_eq!(lines, ["INFO spawns: log::output: from the service", "INFO spawns/worker: log::output: from a task"]);
}

#[tokio::test(start_paused = true)]
async fn log_says_when_a_reaction_takes_a_service_out_of_run_and_when_it_is_back() {
    use crate::capture::capture;
    let levels = rxd::log::LevelHandle::new(Level::Info);
    levels.set(rxd::log::LevelTarget::Internal, Level::Info);
    let (lines, _guard) = capture(&levels);
    let when = [rxd::When::any(rxd::Action::Exited, State::Run, ["db"]).then(rxd::Effect::Stop)];
    let api = when.into_iter().fold(Service::new("api", Speaks(0)).needs(["db"]), Service::watch);
    let daemon = Daemon::new("d").signals([]).add(Service::new("db", Speaks(0))).add(api);
    let handle = daemon.start().await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    handle.restart("db").await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    let of_api =
        |lines: Vec<String>| lines.into_iter().filter(|line| line.starts_with("INFO api: ")).collect::<Vec<_>>();
    let once = ["INFO api: rxd: left run by a reaction: `db` exited Run", "INFO api: rxd: in run again"];
    assert_eq!(of_api(lines.take()), once);
    // Again, soon after it has entered Run.
    handle.restart("db").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
    let pause = "INFO api: rxd: restarting in 100ms: a reaction took it out of run soon after it entered attempt=3";
    assert_eq!(of_api(lines.take()), [once[0], pause, once[1]]);
}

/// Services that evict each other as fast as they can: each is in Run a hundred times a second.
#[tokio::test(start_paused = true)]
async fn log_tells_of_five_evictions_in_ten_seconds_and_counts_the_others() {
    use crate::capture::capture;
    let levels = rxd::log::LevelHandle::new(Level::Info);
    levels.set(rxd::log::LevelTarget::Internal, Level::Info);
    let (lines, _guard) = capture(&levels);
    let out = |names: &[&'static str]| {
        rxd::When::any(rxd::Action::Entering, State::Idle, names.to_vec()).then(rxd::Effect::Stop)
    };
    let options = Options::DEFAULT.backoff(rxd::Backoff::NONE);
    let service = |name, others: &[&'static str]| Service::new(name, Speaks(0)).options(options).watch(out(others));
    let daemon = Daemon::new("d").signals([]).add(service("a", &["b", "c"])).add(service("b", &["a"]));
    let daemon = daemon.add(Service::new("c", Speaks(0)).options(options.startup_delay(Duration::from_secs(3600))));
    let handle = daemon.start().await.unwrap();
    tokio::time::sleep(Duration::from_millis(30_500)).await;
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
    let lines = lines.take();
    let of = |name: &str| lines.iter().filter(|line| line.starts_with(&format!("INFO {name}: rxd: "))).count();
    // In each of four windows five times at most: it left, it pauses, it is back.
    assert!((20..=60).contains(&of("a")) && (20..=60).contains(&of("b")), "{lines:#?}");
    let left = "INFO a: rxd: left run by a reaction: any of `b`, `c` entering Idle (`b`)";
    let left: Vec<&String> = lines.iter().filter(|line| line.starts_with(left)).collect();
    let times: Vec<u32> =
        left.iter().map(|line| line.split_once("times=").map_or(1, |(_, times)| times.parse().unwrap())).collect();
    assert!(left.len() == 20 && times[..5] == [1; 5] && times[5] > 100 && times[6..10] == [1; 4], "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn u7_stop_that_takes_long_logs_what_it_waits_for() {
    use crate::capture::capture;
    let levels = rxd::log::LevelHandle::new(Level::Info);
    levels.set(rxd::log::LevelTarget::Internal, Level::Info);
    let (lines, _guard) = capture(&levels);
    let options = Options::DEFAULT.timeout_of(State::Stop, Duration::from_secs(20));
    let db = Service::new("db", Speaks(0));
    let lingers = ["a", "b"].map(|name| Service::new(name, Lingers).options(options).needs(["db"]));
    let daemon = Daemon::new("d").signals([]).add(db).add_all(lingers);
    let handle = daemon.start().await.unwrap();
    handle.wait_for("b", State::Run).await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
    let waits = "INFO rxd: the stop waits for `a` (in run), `b` (in run)";
    let lines = lines.take();
    assert_eq!(lines.iter().filter(|line| *line == waits).count(), 2, "after 5 s and after 10 s: {lines:?}");
}

#[tokio::test(start_paused = true)]
async fn start_logs_its_advice_and_nothing_where_there_is_none() {
    use crate::capture::capture;
    let levels = rxd::log::LevelHandle::new(Level::Info);
    levels.set(rxd::log::LevelTarget::Internal, Level::Info);
    let (lines, _guard) = capture(&levels);
    for has_gate in [false, true] {
        let left = rxd::When::any(rxd::Action::Exited, State::Run, ["db"]).then(rxd::Effect::Stop);
        let gate = rxd::When::all(rxd::Action::Entering, State::Run, ["db"]);
        let api = Service::new("api", Speaks(0)).watch(left);
        let api = if has_gate { api.watch(gate) } else { api };
        let daemon = Daemon::new("d").signals([]).add(Service::new("db", Speaks(0))).add(api);
        let advice: Vec<String> = daemon.advice().iter().map(|advice| format!("advice: {advice}")).collect();
        let handle = daemon.start().await.unwrap();
        handle.wait_for("api", State::Run).await.unwrap();
        handle.shutdown();
        assert!(handle.wait().await.is_ok());
        let lines = lines.take();
        let logged: Vec<&String> = lines.iter().filter(|line| line.contains("advice")).collect();
        assert_eq!((advice.len(), logged.len()), (usize::from(!has_gate), usize::from(!has_gate)), "{lines:?}");
        if let [line] = logged[..] {
            assert_eq!(lines.first(), Some(line), "it comes before any service begins");
            assert!(line.starts_with(&format!("INFO rxd: {}", advice[0])), "{line}");
            assert!(line.ends_with("rule=\"reaction-without-gate\" daemon=\"d\""), "{line}");
        }
    }
}
