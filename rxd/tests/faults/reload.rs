//! Group E, the reload: F70 to F74, as an operator asks for it. What SIGHUP does is tried with real signals.

use crate::kit::*;
use rxd::testing::{Behavior, CallLog, FakeService, ReloadingFake};
use rxd::{Action, Backoff, Context, Options, Service, State, When};

fn reloading(name: &'static str, fake: FakeService, probe: &CallLog) -> Service {
    Service::new(name, ReloadingFake(fake.call_log(probe))).options(brisk())
}

#[tokio::test(start_paused = true)]
async fn f70_nothing_to_reload_is_no_interruption() {
    let probe = CallLog::new();
    let running = start(daemon([probed("a", FakeService::new(), &probe)])).await;
    running.until("a", State::Run).await;
    running.handle.reload("a").await.unwrap();
    assert_eq!(probe.calls("a"), ["init", "idle", "run"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn f71_a_service_in_run_stays_in_it() {
    let probe = CallLog::new();
    let running = start(daemon([reloading("a", FakeService::new(), &probe), plain("b").needs(["a"])])).await;
    running.until("b", State::Run).await;
    running.handle.reload("a").await.unwrap();
    settle().await;
    assert_eq!(probe.calls("a"), ["init", "idle", "run", "reload", "run"]);
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("{ROUND} exit+"));
    assert_eq!(ran.states("b"), format!("{ROUND} exit+"), "who needs it is not disturbed");
    assert_eq!(probe.faults(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn f71_its_tasks_end_first_and_those_of_reload_stay() {
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let spawns = |which: &'static str| {
        let told = told.clone();
        Behavior::call(move |cx: Context| {
            let told = told.clone();
            async move {
                let (inner, told) = (cx.clone(), told.clone());
                cx.spawn(which, async move {
                    inner.cancelled().await;
                    let _ = told.send(which);
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
    assert_eq!(heard.try_recv(), Ok("run"));
    assert!(heard.try_recv().is_err());
    let ran = running.stop().await;
    assert_eq!(heard.try_recv(), Ok("reload"));
    assert!(ran.took < SECOND, "it heard of the end: {:?}", ran.took);
}

#[tokio::test(start_paused = true)]
async fn f72_a_reload_that_fails_panics_or_hangs() {
    let cases = [
        (Behavior::Fail, "scripted failure", 0),
        (Behavior::Panic, "panicked: scripted panic", 0),
        (Behavior::Hang, "did not return within 10s", 10),
    ];
    for (act, said, seconds) in cases {
        let probe = CallLog::new();
        let running = start(daemon([reloading("a", FakeService::new().on_reload([act]), &probe)])).await;
        running.until("a", State::Run).await;
        let began = tokio::time::Instant::now();
        let error = running.handle.reload("a").await.unwrap_err().to_string();
        assert!(error.starts_with("failed to reload service `a`: ") && error.contains(said), "{error}");
        assert_eq!(began.elapsed().as_secs(), seconds);
        settle().await;
        assert_eq!(probe.calls("a").last(), Some(&"run"), "it goes on as it was");
        let ran = running.stop().await;
        assert_eq!(ran.states("a"), format!("{ROUND} exit+"));
        assert!(ran.report.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn f73_what_is_asked_during_a_reload_is_one_more() {
    let probe = CallLog::new();
    let running =
        start(daemon([reloading("a", FakeService::new().on_reload([Behavior::Ok.after(SECOND)]), &probe)])).await;
    running.until("a", State::Run).await;
    let mut asked = Vec::new();
    for _ in 0..1000 {
        let handle = running.handle.clone();
        asked.push(tokio::spawn(async move { handle.reload("a").await }));
        if asked.len() == 1 {
            tokio::time::sleep(100 * MS).await;
        }
    }
    for asked in asked {
        asked.await.unwrap().unwrap();
    }
    assert_eq!(probe.count("a", "reload"), 2);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn f74_a_reload_during_the_start_waits_until_the_service_has_begun() {
    let probe = CallLog::new();
    let fake = FakeService::new().on(State::Init, [Behavior::Fail, Behavior::Ok.after(SECOND)]);
    let options = Options::DEFAULT.backoff(Backoff::fixed(5 * SECOND));
    let running = start(daemon([reloading("a", fake, &probe).options(options)])).await;
    tokio::time::sleep(SECOND).await;
    running.handle.reload("a").await.unwrap();
    assert_eq!(running.handle.states()["a"].at.as_secs(), 6, "nor does it cut the back-off short");
    running.until("a", State::Run).await;
    assert_eq!(probe.calls("a"), ["init", "stop", "init", "reload", "idle", "run"]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn f74_a_reload_finds_a_service_that_waits_for_a_gate() {
    let probe = CallLog::new();
    let b = reloading("b", FakeService::new(), &probe).needs(["a"]);
    let running = start(daemon([fake("a", State::Init, [Behavior::Ok.after(60 * SECOND)]), b])).await;
    running.until("b", State::Idle).await;
    running.handle.reload("b").await.unwrap();
    assert_eq!(probe.calls("b"), ["init", "idle", "reload"]);
    running.until("b", State::Run).await;
    let ran = running.stop().await;
    assert_eq!(ran.states("b"), format!("{ROUND} exit+"));
}

#[tokio::test(start_paused = true)]
async fn f71_a_service_in_its_own_idle_stays_in_it() {
    // A standby: it may be in `idle` for days.
    let probe = CallLog::new();
    let standby = FakeService::new().on(State::Idle, [Behavior::UntilCancelled, Behavior::Ok.after(5 * SECOND)]);
    let running = start(daemon([reloading("a", standby, &probe)])).await;
    running.until("a", State::Idle).await;
    tokio::time::sleep(60 * SECOND).await;
    let began = tokio::time::Instant::now();
    let reloaded = tokio::time::timeout(SECOND, running.handle.reload("a")).await;
    assert!(reloaded.is_ok_and(|reloaded| reloaded.is_ok()));
    assert_eq!(began.elapsed(), std::time::Duration::ZERO);
    settle().await;
    assert_eq!(probe.calls("a"), ["init", "idle", "reload", "idle"]);
    running.until("a", State::Run).await;
    assert_eq!(began.elapsed(), 5 * SECOND);
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("{ROUND} exit+"), "without a transition");
}

#[tokio::test(start_paused = true)]
async fn f74_what_ends_a_reload_in_idle() {
    // Whatever comes while it reloads, `idle` is not called again.
    let standby =
        || FakeService::new().on(State::Idle, [Behavior::UntilCancelled]).on_reload([Behavior::Ok.after(5 * SECOND)]);
    for restart in [false, true] {
        let probe = CallLog::new();
        let running = start(daemon([reloading("a", standby(), &probe)])).await;
        running.until("a", State::Idle).await;
        let handle = running.handle.clone();
        let reload = tokio::spawn(async move { handle.reload("a").await });
        tokio::time::sleep(SECOND).await;
        if restart {
            running.handle.restart("a").await.unwrap();
            reload.await.unwrap().unwrap();
            running.until("a", State::Idle).await;
            let ran = running.stop().await;
            assert_eq!(probe.calls("a"), ["init", "idle", "reload", "stop", "init", "idle", "stop"]);
            let round = "init+ init- idle+ idle- stop+ stop-";
            assert_eq!(ran.states("a"), format!("{round} {round} exit+"));
        } else {
            let ran = running.stop().await;
            assert_eq!(probe.calls("a"), ["init", "idle", "reload", "stop"]);
            assert_eq!(ran.took.as_secs(), 5);
            assert_eq!(reload.await.unwrap().unwrap_err().to_string(), "service `a` is leaving (shutdown)");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_again_and_again_puts_nothing_off() {
    // Neither the delay before Run nor the limit of a gate begins anew.
    let probe = CallLog::new();
    let options = brisk().delay_of(State::Run, 10 * SECOND);
    let a = reloading("a", FakeService::new(), &probe).options(options);
    let when = When::any(Action::Entering, State::Run, ["never"]).within(10 * SECOND);
    let b = reloading("b", FakeService::new(), &probe).watch(when).options(brisk().restarts(0, SECOND));
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
async fn a_reload_that_takes_longer_than_a_gate_may_stay_shut() {
    let when = When::any(Action::Entering, State::Run, ["never"]).within(2 * SECOND);
    let fake_b = FakeService::new().on_reload([Behavior::Ok.after(5 * SECOND)]);
    let b = reloading("b", fake_b, &CallLog::new()).watch(when).options(brisk().restarts(0, SECOND));
    let running = start(daemon([b, fake("never", State::Init, [Behavior::Hang])])).await;
    running.until("b", State::Idle).await;
    running.handle.reload("b").await.unwrap();
    running.until("b", State::Exit).await;
    let ran = running.stop().await;
    assert_eq!(ran.trace.entered("b", State::Exit)[0], 5 * SECOND);
    assert_eq!(ran.error("b"), "waited 2s for `never` entering Run");
}

#[tokio::test(start_paused = true)]
async fn f74_a_stop_during_a_reload_wins() {
    let probe = CallLog::new();
    let running =
        start(daemon([reloading("a", FakeService::new().on_reload([Behavior::UntilCancelled]), &probe)])).await;
    running.until("a", State::Run).await;
    let handle = running.handle.clone();
    let reload = tokio::spawn(async move { handle.reload("a").await });
    tokio::time::sleep(SECOND).await;
    let ran = running.stop().await;
    assert_eq!(reload.await.unwrap().unwrap_err().to_string(), "service `a` is leaving (shutdown)");
    assert_eq!(ran.took.as_secs(), 1);
    assert_eq!(probe.calls("a"), ["init", "idle", "run", "reload", "stop"], "`run` is not called again");
    assert_eq!(ran.states("a"), format!("{ROUND} exit+"));
}

#[tokio::test(start_paused = true)]
async fn what_fires_during_a_reload_takes_the_service_out_of_run_after_it() {
    let probe = CallLog::new();
    let a = fake("a", State::Run, [Behavior::Ok.after(2 * SECOND), Behavior::UntilCancelled]);
    let b = reloading("b", FakeService::new().on_reload([Behavior::Ok.after(3 * SECOND)]), &probe).needs(["a"]);
    let running = start(daemon([a, b])).await;
    running.until("b", State::Run).await;
    running.handle.reload("b").await.unwrap();
    settle().await;
    let ran = running.stop().await;
    assert_eq!(probe.calls("b"), ["init", "idle", "run", "reload", "stop", "init", "idle", "run", "stop"]);
    assert_eq!(ran.states("b"), format!("{ROUND} {ROUND} exit+"));
}

/// When a service that is restarted during a reload of one second, so long after the start, has entered Init. It
/// fails twice before and once after that, its back-off doubles from a second on.
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
async fn g23_a_run_that_is_left_from_a_reload_was_as_long_as_it_was() {
    let entered = restarted_in_a_reload(State::Run, Backoff::DEFAULT, 100).await;
    // What was failed before that minute and a half is forgotten.
    assert_eq!(entered, [0, 1, 3, 101, 102].map(|second| second * SECOND));
}

#[tokio::test(start_paused = true)]
async fn g23_an_idle_that_is_left_from_a_reload_was_no_run() {
    let entered =
        restarted_in_a_reload(State::Idle, Backoff::DEFAULT.reset(std::time::Duration::from_nanos(1)), 10).await;
    assert_eq!(entered, [0, 1, 3, 11, 15].map(|second| second * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_when_it_is_told_to_reload_has_failed() {
    let probe = CallLog::new();
    let running = start(daemon([reloading(
        "a",
        FakeService::new().on(State::Run, [Behavior::PanicOnCancel, Behavior::UntilCancelled]),
        &probe,
    )]))
    .await;
    running.until("a", State::Run).await;
    running.handle.reload("a").await.unwrap();
    settle().await;
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("{ROUND} {ROUND} exit+"));
    assert_eq!(probe.calls("a"), ["init", "idle", "run", "stop", "init", "reload", "idle", "run", "stop"]);
}
