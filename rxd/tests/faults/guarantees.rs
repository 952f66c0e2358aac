//! Guarantees that no single fault covers.

use crate::kit::*;
use rxd::prestart::Stage;
use rxd::testing::{Behavior, CallLog, DeclaredRules, FakeService, Trace};
use rxd::{Action, Backoff, Cause, Context, Daemon, Options, Report, Service, State, When};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn g10_gate_is_passed_at_the_instant_at_which_it_opens() {
    let mut services: Vec<Service> = vec![fake("first", State::Init, [Behavior::Ok.after(SECOND)])];
    services.extend((0..100).map(|n| {
        let before = if n == 0 { "first".to_owned() } else { format!("s{}", n - 1) };
        plain(format!("s{n}")).watch(When::any(Action::Entering, State::Run, [before]))
    }));
    // Other services that keep the runtime busy.
    services.extend((0..50).map(|n| {
        let options = Options::DEFAULT.backoff(Backoff::fixed(20 * MS));
        Service::new(format!("noise{n}"), FakeService::new().on(State::Run, [Behavior::Ok])).options(options)
    }));
    let ran = run_until(daemon(services), "s99", State::Run).await;
    assert_eq!(ran.trace.entered("s99", State::Run)[0], SECOND, "a hundred gates, and no time has passed");
}

/// Stops a daemon in which everything hangs, with this shutdown timeout.
async fn all_hang(limit: Duration) -> (Report, Duration) {
    let hangs = |name: &'static str, state| {
        fake(name, state, [Behavior::Hang]).options(no_backoff().timeout_of(State::Stop, 3600 * SECOND))
    };
    let services = [
        hangs("init", State::Init),
        hangs("idle", State::Idle),
        hangs("run", State::Run),
        hangs("run-and-stop", State::Run),
        plain("fine"),
        hangs("late", State::Run).watch(When::any(Action::Entering, State::Run, ["fine"])),
    ];
    let running = start(daemon(services).shutdown_timeout(limit)).await;
    running.until("late", State::Run).await;
    let ran = running.stop().await;
    (ran.report, ran.took)
}

#[tokio::test(start_paused = true)]
async fn g14_g15_services_ignoring_cancellation_are_abandoned_at_the_deadline() {
    for limit in [Duration::from_nanos(1), MS, 5 * SECOND, 3600 * SECOND] {
        let (report, took) = all_hang(limit).await;
        assert!(took >= limit && took <= limit + 100 * MS, "{limit:?}: {took:?}");
        let mut names: Vec<&str> = report.abandoned().map(|service| &*service.name).collect();
        names.sort_unstable();
        assert_eq!(names, ["idle", "init", "late", "run", "run-and-stop"], "exactly these are abandoned");
        let text = report.to_string();
        assert!(text.contains("service `idle` was abandoned: it did not leave idle within its limit"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn g14_task_that_cannot_be_dropped_is_left_behind_after_100_ms() {
    // A task on a runtime that is never driven does not end even if it is aborted.
    let undriven = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let place = undriven.handle().clone();
    let run = Behavior::call(move |cx: Context| {
        let place = place.clone();
        async move {
            {
                let _there = place.enter();
                cx.spawn("lost", std::future::pending::<()>());
            }
            cx.cancelled().await;
            Ok(())
        }
    });
    let below = plain("below");
    let running =
        start(daemon([below, fake("a", State::Run, [run]).needs(["below"])]).shutdown_timeout(5 * SECOND)).await;
    running.until("a", State::Run).await;
    let ran = running.stop().await;
    assert!(ran.took >= 5 * SECOND && ran.took <= 5 * SECOND + 100 * MS, "{:?}", ran.took);
    assert_eq!(ran.report.abandoned().map(|service| &*service.name).collect::<Vec<_>>(), ["a"]);
    assert_eq!(
        (ran.service_report("a").cause, ran.service_report("a").abandoned_in),
        (Cause::Abandoned, Some(State::Run))
    );
    assert_eq!(ran.states("below"), format!("{INCARNATION} exit+"), "its dependency is stopped all the same");
    undriven.shutdown_background();
}

#[tokio::test(start_paused = true)]
async fn g13_stop_order_holds_after_the_deadline() {
    let hour = no_backoff().timeout_of(State::Stop, 3600 * SECOND);
    let spawns = Behavior::call(async |cx: Context| {
        cx.spawn("stays", std::future::pending::<()>());
        cx.cancelled().await;
        Ok(())
    });
    // The dependency hangs itself, or has left Run and waits for its task.
    for (behavior, restarts) in [(Behavior::Hang, false), (spawns, true)] {
        let below = fake("below", State::Run, [behavior]).options(hour);
        let above = fake("above", State::Run, [Behavior::Hang]).options(hour).needs(["below"]);
        let running = start(daemon([below, above]).shutdown_timeout(SECOND)).await;
        running.until("above", State::Run).await;
        if restarts {
            let handle = running.handle.clone();
            drop(tokio::spawn(async move { handle.restart("below").await }));
            settle().await;
        }
        let ran = running.stop().await;
        ran.trace.expect("above").leaves(State::Run).before("below");
        assert_eq!(ran.report.abandoned().count(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn g14_repeated_shutdown_is_one_shutdown() {
    let running = start(daemon([fake("a", State::Stop, [Behavior::Ok.after(SECOND)])])).await;
    running.until("a", State::Run).await;
    for _ in 0..100 {
        running.handle.shutdown();
        tokio::time::sleep(MS).await;
    }
    let ran = running.end().await;
    assert_eq!(ran.took, SECOND);
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn g16_stop_has_a_live_context_that_is_cancelled_at_its_limit() {
    let stop = Behavior::call(async |cx: Context| {
        assert!(!cx.is_cancelled());
        cx.cancelled().await;
        Ok(())
    });
    let a = fake("a", State::Stop, [stop]).options(no_backoff().timeout_of(State::Stop, 7 * SECOND));
    let ran = run_until(daemon([a]), "a", State::Run).await;
    assert_eq!(ran.took.as_secs(), 7);
    assert_eq!(ran.error("a"), "stop did not return within 7s");
}

#[tokio::test(start_paused = true)]
async fn g19_stopped_daemon_leaves_no_task_behind() {
    let spawns = Behavior::call(async |cx: Context| {
        cx.spawn("a", std::future::pending::<()>());
        cx.spawn("b", std::future::pending::<()>());
        cx.cancelled().await;
        Ok(())
    });
    let a = fake("a", State::Run, [spawns]).options(no_backoff().timeout_of(State::Stop, MS));
    let running = start(daemon([a, plain("b").needs(["a"]), fake("c", State::Run, [Behavior::Hang])])).await;
    running.until("b", State::Run).await;
    let mut all = running.handle.watch_states(rxd::Filter::None).unwrap();
    running.stop().await;
    while all.next().await.is_some() {}
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

/// Compares the times of files with one another.
const FILE_TIMES: &str = "config_watch.rs";

#[test]
fn g26_sources_do_not_read_the_wall_clock() {
    let mut todo = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            // Rooms that write records or talk to the outside may read it.
            let outside = ["log", "admin", "systemd"].iter().any(|room| path.ends_with(room));
            let rooms = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
            todo.extend(rooms.filter(|_| !outside));
        } else if !["log.rs", "admin.rs", "systemd.rs", "clock.rs", FILE_TIMES].iter().any(|room| path.ends_with(room))
        {
            let text = std::fs::read_to_string(&path).unwrap();
            // What a test sets is read by the room `clock` only, and that by services with a schedule.
            let text = text.replace("pub fn set_wall_clock(time: std::time::SystemTime)", "");
            let text: String = text.lines().filter(|line| !line.starts_with("///")).collect();
            assert!(!text.contains("SystemTime"), "{} reads the wall clock", path.display());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn f80_two_daemons_in_one_process_run_independently() {
    let (one, two) = (start(daemon([plain("a")])).await, start(daemon([plain("a")])).await);
    one.until("a", State::Run).await;
    two.until("a", State::Run).await;
    assert!(one.stop().await.report.is_ok());
    assert!(two.handle.states()["a"].is_in(State::Run));
    assert!(two.stop().await.report.is_ok());
}

#[test]
fn f80_start_without_a_runtime_is_an_error() {
    let start = Daemon::new("d").add(plain("a")).start();
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(Err(error)) = std::pin::pin!(start).poll(&mut task) else { panic!("the daemon starts") };
    assert!(error.to_string().contains("#[tokio::main]"));
}

/// Makes this program start daemons on runtimes without drivers.
const DRIVERS: &str = "RXD_TEST_DRIVERS";

#[test]
fn x24_runtime_without_a_driver_fails_the_start() {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "guarantees::without_drivers", "--nocapture", "--test-threads=1"]).env(DRIVERS, "1");
    let output = command.output().unwrap();
    let (out, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{log}");
    assert!(!log.contains("panicked"), "the contained panic is printed: {log}");
}

/// Runs in its own process, since its output is checked.
#[test]
fn without_drivers() {
    if std::env::var_os(DRIVERS).is_none() {
        return;
    }
    type Runtime = tokio::runtime::Builder;
    let start = |builder: fn() -> Runtime, enable: fn(&mut Runtime) -> &mut Runtime, daemon: Daemon| {
        enable(&mut builder()).build().unwrap().block_on(async {
            let handle = daemon.start().await.map_err(|error| error.to_string())?;
            handle.wait_for("a", State::Run).await.unwrap();
            handle.shutdown();
            assert!(handle.wait().await.is_ok());
            Ok(())
        })
    };
    for builder in [Runtime::new_current_thread, Runtime::new_multi_thread] {
        let refused = |enable: fn(&mut Runtime) -> &mut Runtime, daemon: Daemon, driver: &str| {
            let error: String = start(builder, enable, daemon).unwrap_err();
            assert!(error.contains(driver) && error.contains("`.enable_all()`"), "{error}");
        };
        refused(|runtime| runtime, daemon([plain("a")]), "no time driver");
        refused(Runtime::enable_io, daemon([plain("a")]), "no time driver");
        refused(Runtime::enable_io, daemon([plain("a")]).signals([]), "no time driver");
        refused(Runtime::enable_time, daemon([plain("a")]), "no IO driver");
        #[cfg(feature = "admin")]
        refused(Runtime::enable_time, daemon([plain("a")]).signals([]).admin("127.0.0.1:0"), "no IO driver");
        assert_eq!(
            start(builder, Runtime::enable_time, daemon([plain("a")]).signals([])),
            Ok(()),
            "without signals no IO driver is needed"
        );
        assert_eq!(start(builder, Runtime::enable_all, daemon([plain("a")])), Ok(()));
    }
}

#[test]
fn f80_failing_services_on_several_threads_break_no_guarantee() {
    silence_scripted_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async {
        let services = (0..100).map(|n| {
            let run = [Behavior::Fail, Behavior::Panic, Behavior::UntilCancelled];
            let service = Service::new(format!("s{n}"), FakeService::new().on(State::Run, run)).options(no_backoff());
            if n % 10 == 0 { service } else { service.needs([format!("s{}", n - 1)]) }
        });
        let daemon = daemon(services).signals([]).history(100_000);
        let rules = DeclaredRules::of(&daemon);
        let handle = daemon.start().await.unwrap();
        for n in 0..100 {
            handle.wait_for(format!("s{n}"), State::Run).await.unwrap();
        }
        handle.shutdown();
        let report = handle.wait().await;
        Trace::of(&handle).assert(&rules);
        assert!(report.is_ok(), "{report}");
    });
}

#[test]
fn f81_runtime_dropped_under_the_daemon_ends_it() {
    silence_scripted_panics();
    for builder in [tokio::runtime::Builder::new_current_thread, tokio::runtime::Builder::new_multi_thread] {
        let runtime = builder().enable_all().build().unwrap();
        let handle = runtime.block_on(async {
            let handle = daemon([plain("a"), fake("b", State::Run, [Behavior::HangAndPanic])])
                .signals([])
                .start()
                .await
                .unwrap();
            handle.wait_for("b", State::Run).await.unwrap();
            handle
        });
        drop(runtime);
        let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let report = other.block_on(handle.wait());
        assert!(handle.has_ended() && !report.is_ok());
        assert!(report.to_string().contains("its tokio runtime was shut down"), "{report}");
        assert!(other.block_on(handle.restart("a")).is_err());
        assert!(handle.states().iter().all(|service| service.state == State::Exit));
    }
}

#[tokio::test(start_paused = true)]
async fn g14_g19_run_dropped_at_any_await_stops_all_services() {
    silence_scripted_panics();
    let mut lived = 0;
    for polls in 0..30 {
        let call_log = CallLog::new();
        let stage = Stage::new("port", async || {
            tokio::task::yield_now().await;
            Ok(())
        });
        let services = [
            with_call_log("a", FakeService::new(), &call_log),
            with_call_log("b", FakeService::new(), &call_log).needs(["a"]),
        ];
        let mut run = Box::pin(daemon(services).prestart(stage).signals([]).run());
        for _ in 0..polls {
            assert!(poll_fn(|task| Poll::Ready(run.as_mut().poll(task).is_pending())).await);
            tokio::task::yield_now().await;
        }
        drop(run);
        settle().await;
        assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0, "after {polls}");
        for name in ["a", "b"] {
            assert_eq!(call_log.count(name, "init"), call_log.count(name, "stop"), "`{name}` after {polls}");
        }
        lived += call_log.count("b", "run");
    }
    assert!((1..30).contains(&lived), "dropped too late, or too early: {lived}");
}

#[tokio::test(start_paused = true)]
async fn last_handle_dropped_stops_the_daemon() {
    silence_scripted_panics();
    let call_log = CallLog::new();
    let handle = daemon([with_call_log("a", FakeService::new(), &call_log)]).signals([]).start().await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    drop(handle);
    settle().await;
    assert_eq!(call_log.calls("a").last(), Some(&"stop"));
}
