//! Group E: reloads that an operator requests, F70 to F74. SIGHUP is tested with real signals.

use crate::kit::*;
use rxd::testing::{Behavior, CallLog, FakeService, ReloadingFake};
use rxd::{Action, Backoff, Context, Options, Service, State, When};

fn reloading(name: &'static str, fake: FakeService, call_log: &CallLog) -> Service {
    Service::new(name, ReloadingFake(fake.call_log(call_log))).options(no_backoff())
}

#[tokio::test(start_paused = true)]
async fn f70_reload_of_a_service_without_reload_interrupts_nothing() {
    let call_log = CallLog::new();
    let running = start(daemon([with_call_log("a", FakeService::new(), &call_log)])).await;
    running.until("a", State::Run).await;
    running.handle.reload("a").await.unwrap();
    assert_eq!(call_log.calls("a"), ["init", "idle", "run"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn f71_reload_in_run_makes_no_transition() {
    let call_log = CallLog::new();
    let running = start(daemon([reloading("a", FakeService::new(), &call_log), plain("b").needs(["a"])])).await;
    running.until("b", State::Run).await;
    running.handle.reload("a").await.unwrap();
    settle().await;
    assert_eq!(call_log.calls("a"), ["init", "idle", "run", "reload", "run"]);
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"));
    assert_eq!(ran.states("b"), format!("{INCARNATION} exit+"), "its dependent is not interrupted");
    assert_eq!(call_log.faults(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn f71_reload_ends_tasks_of_run_and_keeps_its_own() {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let spawns = |which: &'static str| {
        let sender = sender.clone();
        Behavior::call(move |cx: Context| {
            let sender = sender.clone();
            async move {
                let (inner, sender) = (cx.clone(), sender.clone());
                cx.spawn(which, async move {
                    inner.cancelled().await;
                    let _ = sender.send(which);
                });
                if which == "run" {
                    cx.cancelled().await;
                }
                Ok(())
            }
        })
    };
    let fake =
        FakeService::new().on(State::Run, [spawns("run"), Behavior::UntilCancelled]).on_reload([spawns("reload")]);
    let running = start(daemon([reloading("a", fake, &CallLog::new())])).await;
    running.until("a", State::Run).await;
    running.handle.reload("a").await.unwrap();
    settle().await;
    assert_eq!(receiver.try_recv(), Ok("run"));
    assert!(receiver.try_recv().is_err());
    let ran = running.stop().await;
    assert_eq!(receiver.try_recv(), Ok("reload"));
    assert!(ran.took < SECOND, "the task is cancelled: {:?}", ran.took);
}

#[tokio::test(start_paused = true)]
async fn f72_reload_failing_panicking_or_hanging_leaves_run_going() {
    let cases = [
        (Behavior::Fail, "scripted failure", 0),
        (Behavior::Panic, "panicked: scripted panic", 0),
        (Behavior::Hang, "did not return within 10s", 10),
    ];
    for (behavior, text, seconds) in cases {
        let call_log = CallLog::new();
        let running = start(daemon([reloading("a", FakeService::new().on_reload([behavior]), &call_log)])).await;
        running.until("a", State::Run).await;
        let began = tokio::time::Instant::now();
        let error = running.handle.reload("a").await.unwrap_err().to_string();
        assert!(error.starts_with("failed to reload service `a`: ") && error.contains(text), "{error}");
        assert_eq!(began.elapsed().as_secs(), seconds);
        settle().await;
        assert_eq!(call_log.calls("a").last(), Some(&"run"), "run continues");
        let ran = running.stop().await;
        assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"));
        assert!(ran.report.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn f73_reloads_requested_during_a_reload_are_one_more() {
    let call_log = CallLog::new();
    let running =
        start(daemon([reloading("a", FakeService::new().on_reload([Behavior::Ok.after(SECOND)]), &call_log)])).await;
    running.until("a", State::Run).await;
    let mut requests = Vec::new();
    for _ in 0..1000 {
        let handle = running.handle.clone();
        requests.push(tokio::spawn(async move { handle.reload("a").await }));
        if requests.len() == 1 {
            tokio::time::sleep(100 * MS).await;
        }
    }
    for request in requests {
        request.await.unwrap().unwrap();
    }
    assert_eq!(call_log.count("a", "reload"), 2);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn f74_reload_during_init_waits_for_it() {
    let call_log = CallLog::new();
    let fake = FakeService::new().on(State::Init, [Behavior::Ok.after(5 * SECOND)]);
    let running = start(daemon([reloading("a", fake, &call_log)])).await;
    tokio::time::sleep(SECOND).await;
    running.handle.reload("a").await.unwrap();
    assert_eq!(running.handle.states()["a"].at.as_secs(), 5);
    running.until("a", State::Run).await;
    assert_eq!(call_log.calls("a"), ["init", "reload", "idle", "run"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn g56_reload_in_the_back_off_is_called_and_restarts_at_once() {
    let call_log = CallLog::new();
    let fake = FakeService::new().on(State::Init, [Behavior::Fail, Behavior::Ok]);
    let options = Options::DEFAULT.backoff(Backoff::fixed(50 * SECOND)).restarts(1, 100 * SECOND);
    let running = start(daemon([reloading("a", fake, &call_log).options(options)])).await;
    tokio::time::sleep(SECOND).await;
    running.handle.reload("a").await.unwrap();
    running.until("a", State::Run).await;
    let state = running.handle.states()["a"].clone();
    assert_eq!((state.at.as_secs(), state.restarts, state.incarnation), (1, 1, 2), "the restart counts once");
    assert_eq!(call_log.calls("a"), ["init", "stop", "reload", "init", "idle", "run"]);
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("init+ init- stop+ stop- {INCARNATION} exit+"));
}

#[tokio::test(start_paused = true)]
async fn g56_failed_reload_in_the_back_off_changes_no_delay() {
    let call_log = CallLog::new();
    let fake = FakeService::new().on(State::Init, [Behavior::Fail, Behavior::Ok]).on_reload([Behavior::Fail]);
    let options = Options::DEFAULT.backoff(Backoff::fixed(50 * SECOND));
    let running = start(daemon([reloading("a", fake, &call_log).options(options)])).await;
    for _ in 0..3 {
        tokio::time::sleep(SECOND).await;
        assert!(running.handle.reload("a").await.is_err());
    }
    running.until("a", State::Run).await;
    let state = running.handle.states()["a"].clone();
    assert_eq!((state.at.as_secs(), state.restarts), (50, 1));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn g56_reload_before_the_first_init_keeps_the_startup_delay() {
    let call_log = CallLog::new();
    let options = Options::DEFAULT.startup_delay(10 * SECOND);
    let running = start(daemon([reloading("a", FakeService::new(), &call_log).options(options)])).await;
    tokio::time::sleep(SECOND).await;
    running.handle.reload("a").await.unwrap();
    running.until("a", State::Run).await;
    assert_eq!(running.handle.states()["a"].at.as_secs(), 10);
    assert_eq!(call_log.calls("a"), ["reload", "init", "idle", "run"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn g56_tasks_of_a_reload_in_the_back_off_end_before_init() {
    let call_log = CallLog::new();
    let spawns = Behavior::call(|cx: Context| async move {
        let inner = cx.clone();
        cx.spawn("task", async move { inner.cancelled().await });
        Ok(())
    });
    let fake = FakeService::new().on(State::Init, [Behavior::Fail, Behavior::Ok]).on_reload([spawns]);
    let options = Options::DEFAULT.backoff(Backoff::fixed(50 * SECOND));
    let running = start(daemon([reloading("a", fake, &call_log).options(options)])).await;
    tokio::time::sleep(SECOND).await;
    running.handle.reload("a").await.unwrap();
    running.until("a", State::Run).await;
    assert_eq!(running.handle.states()["a"].at.as_secs(), 1);
    let ran = running.stop().await;
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn g56_reaction_during_a_reload_ends_the_service_after_it() {
    for of in [State::Idle, State::Run] {
        let call_log = CallLog::new();
        let gone = fake("gone", State::Run, [Behavior::Ok.after(2 * SECOND)]).manager(rxd::manager::until_success);
        let exits = When::any(Action::Exited, State::Run, ["gone"]).then(rxd::Effect::Exit);
        let waits = FakeService::new().on(of, [Behavior::UntilCancelled]).on_reload([Behavior::UntilCancelled]);
        let running = start(daemon([gone, reloading("a", waits, &call_log).watch(exits)])).await;
        running.until("a", of).await;
        let error = running.handle.reload("a").await.unwrap_err().to_string();
        assert_eq!(error, "service `a` is stopping (reaction)");
        running.until("a", State::Exit).await;
        assert_eq!(call_log.calls("a").last(), Some(&"stop"), "no method is called again");
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn x22_one_shot_that_returns_ok_in_a_reload_has_completed() {
    let cases = [(Behavior::UntilCancelled, 1), (Behavior::Cancelled.after(SECOND), 2)];
    for (first, runs) in cases {
        let call_log = CallLog::new();
        let fake = FakeService::new().on(State::Run, [first, Behavior::Ok]);
        let job = reloading("job", fake, &call_log).manager(rxd::manager::until_success);
        let running = start(daemon([job])).await;
        running.until("job", State::Run).await;
        let reloaded = running.handle.reload("job").await;
        running.until("job", State::Exit).await;
        assert_eq!(call_log.count("job", "run"), runs);
        assert_eq!(call_log.count("job", "reload"), runs - 1);
        assert_eq!(reloaded.is_ok(), runs == 2, "{reloaded:?}");
        let ran = running.stop().await;
        assert!(ran.report.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn f74_reload_while_waiting_for_a_gate_is_called() {
    let call_log = CallLog::new();
    let b = reloading("b", FakeService::new(), &call_log).needs(["a"]);
    let running = start(daemon([fake("a", State::Init, [Behavior::Ok.after(60 * SECOND)]), b])).await;
    running.until("b", State::Idle).await;
    running.handle.reload("b").await.unwrap();
    assert_eq!(call_log.calls("b"), ["init", "idle", "reload"]);
    running.until("b", State::Run).await;
    let ran = running.stop().await;
    assert_eq!(ran.states("b"), format!("{INCARNATION} exit+"));
}

#[tokio::test(start_paused = true)]
async fn f74_reload_while_waiting_for_a_gate_leaves_tasks_running() {
    let ended = std::sync::Arc::<std::sync::atomic::AtomicBool>::default();
    let shared = ended.clone();
    let init = Behavior::call(move |cx: Context| {
        let ended = shared.clone();
        async move {
            let inner = cx.clone();
            cx.spawn("worker", async move {
                inner.cancelled().await;
                ended.store(true, std::sync::atomic::Ordering::Relaxed);
            });
            Ok(())
        }
    });
    let call_log = CallLog::new();
    let b = reloading("b", FakeService::new().on(State::Init, [init]), &call_log).needs(["a"]);
    let running = start(daemon([fake("a", State::Init, [Behavior::Hang]), b])).await;
    running.until("b", State::Idle).await;
    running.handle.reload("b").await.unwrap();
    settle().await;
    assert_eq!(call_log.calls("b"), ["init", "idle", "reload"]);
    assert!(!ended.load(std::sync::atomic::Ordering::Relaxed), "the task of `init` continues");
    running.stop().await;
    assert!(ended.load(std::sync::atomic::Ordering::Relaxed));
}

#[tokio::test(start_paused = true)]
async fn f71_reload_in_idle_makes_no_transition() {
    // A standby may be in `idle` for days.
    let call_log = CallLog::new();
    let standby = FakeService::new().on(State::Idle, [Behavior::UntilCancelled, Behavior::Ok.after(5 * SECOND)]);
    let running = start(daemon([reloading("a", standby, &call_log)])).await;
    running.until("a", State::Idle).await;
    tokio::time::sleep(60 * SECOND).await;
    let began = tokio::time::Instant::now();
    let reloaded = tokio::time::timeout(SECOND, running.handle.reload("a")).await;
    assert!(reloaded.is_ok_and(|reloaded| reloaded.is_ok()));
    assert_eq!(began.elapsed(), std::time::Duration::ZERO);
    settle().await;
    assert_eq!(call_log.calls("a"), ["init", "idle", "reload", "idle"]);
    running.until("a", State::Run).await;
    assert_eq!(began.elapsed(), 5 * SECOND);
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"), "without a transition");
}

#[tokio::test(start_paused = true)]
async fn f74_reload_in_idle_is_followed_by_restart_or_shutdown() {
    // After a restart or a shutdown during the reload, `idle` is not called again.
    let standby =
        || FakeService::new().on(State::Idle, [Behavior::UntilCancelled]).on_reload([Behavior::Ok.after(5 * SECOND)]);
    for restart in [false, true] {
        let call_log = CallLog::new();
        let running = start(daemon([reloading("a", standby(), &call_log)])).await;
        running.until("a", State::Idle).await;
        let handle = running.handle.clone();
        let reload = tokio::spawn(async move { handle.reload("a").await });
        tokio::time::sleep(SECOND).await;
        if restart {
            running.handle.restart("a").await.unwrap();
            reload.await.unwrap().unwrap();
            running.until("a", State::Idle).await;
            let ran = running.stop().await;
            assert_eq!(call_log.calls("a"), ["init", "idle", "reload", "stop", "init", "idle", "stop"]);
            let incarnation = "init+ init- idle+ idle- stop+ stop-";
            assert_eq!(ran.states("a"), format!("{incarnation} {incarnation} exit+"));
        } else {
            let ran = running.stop().await;
            assert_eq!(call_log.calls("a"), ["init", "idle", "reload", "stop"]);
            assert_eq!(ran.took.as_secs(), 5);
            assert_eq!(reload.await.unwrap().unwrap_err().to_string(), "service `a` is stopping (shutdown)");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn reload_repeated_prolongs_neither_delay_nor_gate_limit() {
    // A reload restarts neither the delay before Run nor the limit of a gate.
    let call_log = CallLog::new();
    let options = no_backoff().delay_of(State::Run, 10 * SECOND);
    let a = reloading("a", FakeService::new(), &call_log).options(options);
    let when = When::any(Action::Entering, State::Run, ["never"]).within(10 * SECOND);
    let b = reloading("b", FakeService::new(), &call_log).watch(when).options(no_backoff().restarts(0, SECOND));
    let running = start(daemon([a, b, fake("never", State::Init, [Behavior::Hang])])).await;
    running.until("b", State::Idle).await;
    for _ in 0..6 {
        running.handle.reload("a").await.unwrap();
        running.handle.reload("b").await.unwrap();
        tokio::time::sleep(1900 * MS).await;
    }
    running.until("b", State::Exit).await;
    let ran = running.stop().await;
    assert_eq!(ran.trace.entered("a", State::Run)[0], 10 * SECOND);
    assert_eq!(ran.trace.entered("b", State::Exit)[0], 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn reload_longer_than_the_gate_limit_times_the_gate_out() {
    let when = When::any(Action::Entering, State::Run, ["never"]).within(2 * SECOND);
    let fake_b = FakeService::new().on_reload([Behavior::Ok.after(5 * SECOND)]);
    let b = reloading("b", fake_b, &CallLog::new()).watch(when).options(no_backoff().restarts(0, SECOND));
    let running = start(daemon([b, fake("never", State::Init, [Behavior::Hang])])).await;
    running.until("b", State::Idle).await;
    running.handle.reload("b").await.unwrap();
    running.until("b", State::Exit).await;
    let ran = running.stop().await;
    assert_eq!(ran.trace.entered("b", State::Exit)[0], 5 * SECOND);
    assert_eq!(ran.error("b"), "waited 2s for `never` entering Run");
}

#[tokio::test(start_paused = true)]
async fn f74_shutdown_during_a_reload_wins() {
    let call_log = CallLog::new();
    let running =
        start(daemon([reloading("a", FakeService::new().on_reload([Behavior::UntilCancelled]), &call_log)])).await;
    running.until("a", State::Run).await;
    let handle = running.handle.clone();
    let reload = tokio::spawn(async move { handle.reload("a").await });
    tokio::time::sleep(SECOND).await;
    let ran = running.stop().await;
    assert_eq!(reload.await.unwrap().unwrap_err().to_string(), "service `a` is stopping (shutdown)");
    assert_eq!(ran.took.as_secs(), 1);
    assert_eq!(call_log.calls("a"), ["init", "idle", "run", "reload", "stop"], "`run` is not called again");
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"));
}

#[tokio::test(start_paused = true)]
async fn reaction_during_a_reload_fires_after_it() {
    let call_log = CallLog::new();
    let a = fake("a", State::Run, [Behavior::Ok.after(2 * SECOND), Behavior::UntilCancelled]);
    let b = reloading("b", FakeService::new().on_reload([Behavior::Ok.after(3 * SECOND)]), &call_log).needs(["a"]);
    let running = start(daemon([a, b])).await;
    running.until("b", State::Run).await;
    running.handle.reload("b").await.unwrap();
    settle().await;
    let ran = running.stop().await;
    assert_eq!(call_log.calls("b"), ["init", "idle", "run", "reload", "stop", "init", "idle", "run", "stop"]);
    assert_eq!(ran.states("b"), format!("{INCARNATION} {INCARNATION} exit+"));
}

/// Restarts a service during a reload that takes one second, `after` seconds after the start, and
/// returns when the service entered Init. It fails twice before and once after that. Its back-off
/// doubles, from 1 s on.
async fn restarted_in_a_reload(of: State, backoff: Backoff, after: u32) -> Vec<std::time::Duration> {
    let fake = FakeService::new()
        .on(of, [Behavior::Fail, Behavior::Fail, Behavior::UntilCancelled, Behavior::Fail, Behavior::UntilCancelled]);
    let a = reloading("a", fake.on_reload([Behavior::Ok.after(SECOND)]), &CallLog::new());
    let options = Options::DEFAULT.backoff(backoff.base(SECOND).jitter(0.0));
    let running = start(daemon([a.options(options)])).await;
    tokio::time::sleep(after * SECOND).await;
    let (reload, restart) = tokio::join!(running.handle.reload("a"), async {
        settle().await;
        running.handle.restart("a").await
    });
    assert!(reload.is_ok() && restart.is_ok());
    tokio::time::sleep(10 * SECOND).await;
    running.stop().await.trace.entered("a", State::Init)
}

#[tokio::test(start_paused = true)]
async fn g23_run_ended_by_a_reload_counts_its_length() {
    let entered = restarted_in_a_reload(State::Run, Backoff::DEFAULT, 100).await;
    // The Run of a minute and a half resets the count of failures.
    assert_eq!(entered, [0, 1, 3, 101, 102].map(|second| second * SECOND));
}

#[tokio::test(start_paused = true)]
async fn g23_idle_ended_by_a_reload_counts_as_no_run() {
    let entered =
        restarted_in_a_reload(State::Idle, Backoff::DEFAULT.reset(std::time::Duration::from_nanos(1)), 10).await;
    assert_eq!(entered, [0, 1, 3, 11, 15].map(|second| second * SECOND));
}

#[tokio::test(start_paused = true)]
async fn run_panicking_when_cancelled_for_a_reload_has_failed() {
    let call_log = CallLog::new();
    let running = start(daemon([reloading(
        "a",
        FakeService::new().on(State::Run, [Behavior::PanicOnCancel, Behavior::UntilCancelled]),
        &call_log,
    )]))
    .await;
    running.until("a", State::Run).await;
    running.handle.reload("a").await.unwrap();
    settle().await;
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} {INCARNATION} exit+"));
    assert_eq!(call_log.calls("a"), ["init", "idle", "run", "stop", "init", "reload", "idle", "run", "stop"]);
}

#[tokio::test(start_paused = true)]
async fn g56_reload_all_returns_when_all_have_reloaded() {
    let call_log = CallLog::new();
    let slow = FakeService::new().on_reload([Behavior::Ok.after(SECOND), Behavior::Fail]);
    let db = reloading("db", slow, &call_log);
    let api = reloading("api", FakeService::new(), &call_log).needs(["db"]);
    let running = start(daemon([api, db, plain("plain")])).await;
    running.until("api", State::Run).await;
    let began = tokio::time::Instant::now();
    running.handle.reload_all().await.unwrap();
    assert_eq!((began.elapsed().as_secs(), call_log.count("api", "reload")), (1, 1));
    let error = running.handle.reload_all().await.unwrap_err().to_string();
    assert_eq!(error, "reload failed: failed to reload service `db`: scripted failure");
    assert_eq!(call_log.count("api", "reload"), 2, "a dependent reloads all the same");
    let handle = running.handle.clone();
    running.stop().await;
    assert_eq!(handle.reload_all().await.unwrap_err().to_string(), "daemon `d` has ended");
}

#[tokio::test(start_paused = true)]
async fn g56_reload_all_during_a_reload_waits_for_the_next_one() {
    let call_log = CallLog::new();
    let slow = FakeService::new().on_reload([Behavior::Ok.after(SECOND)]);
    let running = start(daemon([reloading("a", slow, &call_log)])).await;
    running.until("a", State::Run).await;
    let handles = [(); 3].map(|()| running.handle.clone());
    let began = tokio::time::Instant::now();
    let [first, second, third] = handles.map(|handle| async move { handle.reload_all().await });
    let (first, others) = tokio::join!(first, async {
        tokio::time::sleep(100 * MS).await;
        tokio::join!(second, third)
    });
    assert!(first.is_ok() && others.0.is_ok() && others.1.is_ok());
    assert_eq!((began.elapsed().as_secs(), call_log.count("a", "reload")), (2, 2));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn g56_reload_all_by_a_service_returns_at_once_and_reloads_it() {
    let call_log = CallLog::new();
    let asks = Behavior::call(|cx: Context| async move {
        cx.daemon().reload_all().await?;
        cx.cancelled().await;
        Ok(())
    });
    let fake = FakeService::new().on(State::Run, [asks, Behavior::UntilCancelled]);
    let running = start(daemon([reloading("a", fake, &call_log)])).await;
    running.until("a", State::Run).await;
    settle().await;
    assert_eq!(call_log.calls("a"), ["init", "idle", "run", "reload", "run"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn u6_failed_reload_is_shown_until_one_succeeds() {
    let fake = FakeService::new().on_reload([Behavior::Fail, Behavior::Ok, Behavior::Fail]);
    let running = start(daemon([Service::new("a", ReloadingFake(fake)), plain("b")])).await;
    running.until("a", State::Run).await;
    let why = || running.handle.why("a").unwrap().to_string();
    running.handle.reload("a").await.unwrap_err();
    running.until("a", State::Run).await;
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(why(), "a in Run, reload failed 3.0 s ago: scripted failure");
    running.handle.reload("a").await.unwrap();
    assert_eq!((why(), running.handle.states()["a"].last_error.clone()), ("a in Run".to_owned(), None));
    running.handle.reload("a").await.unwrap_err();
    let handle = running.handle.clone();
    running.stop().await;
    assert_eq!(handle.why("a").unwrap().to_string(), "a in Exit (shutdown), last failed 0 ms ago: scripted failure");
}
