//! Group A: what a method may do.

use crate::kit::*;
use crate::stall::Heard;
use rxd::testing::{Behavior, CallLog, DeclaredRules, FakeService, Trace};
use rxd::{Cause, Context, Daemon, Runner, Service, State, manager};
use std::time::Duration;

/// A service that does this once in this state, and after that runs.
async fn once(state: State, act: Behavior) -> Ran {
    let running = start(daemon([fake("a", state, [act, Behavior::Ok, Behavior::UntilCancelled]), plain("b")])).await;
    let mut runs = running.handle.watch_any(rxd::Action::Entering, State::Run, "a").unwrap();
    let runs_before = if state == State::Run { 3 } else { 1 };
    let mut seen = 0;
    while seen < runs_before {
        seen += runs.next().await.unwrap().times;
    }
    running.stop().await
}

#[track_caller]
fn failed(ran: &Ran, cause: Cause, said: &str, states: &str) {
    let states = states.replace("ROUND", ROUND);
    assert_eq!(ran.states("a"), states);
    assert!(ran.error("a").contains(said), "{}", ran.error("a"));
    assert!(ran.trace.steps.iter().any(|step| step.service == "a" && step.cause == cause));
    assert!(ran.report.is_ok());
    assert_eq!(ran.states("b"), format!("{ROUND} exit+"), "the others go on");
}

#[tokio::test(start_paused = true)]
async fn f1_panic_in_init() {
    let ran = once(State::Init, Behavior::Panic).await;
    failed(&ran, Cause::Panic, "scripted panic (at ", "init+ init- stop+ stop- ROUND exit+");
}

#[tokio::test(start_paused = true)]
async fn f2_panic_in_idle() {
    let ran = once(State::Idle, Behavior::Panic).await;
    failed(&ran, Cause::Panic, "scripted panic (at ", "init+ init- idle+ idle- stop+ stop- ROUND exit+");
}

#[tokio::test(start_paused = true)]
async fn f3_panic_in_run() {
    let ran = once(State::Run, Behavior::Panic).await;
    failed(&ran, Cause::Panic, "scripted panic (at ", "ROUND ROUND ROUND exit+");
}

#[tokio::test(start_paused = true)]
async fn f3_panic_in_run_until_success_comes_to_exit() {
    let run = [Behavior::Panic, Behavior::Ok];
    let ran = run_out(daemon([fake("a", State::Run, run).manager(manager::until_success)])).await;
    assert_eq!(ran.states("a"), format!("{ROUND} {ROUND} exit+"));
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f3_a_panic_may_be_the_end_and_the_exit_code() {
    let fatal = brisk().restarts(0, SECOND).on_failure(rxd::OnFailure::Shutdown);
    let a = fake("a", State::Run, [Behavior::Panic]).options(fatal);
    let ran = run_out(daemon([a, plain("b")]).exit_code(7)).await;
    assert_eq!(ran.report.exit_code(), 7);
    assert_eq!(ran.report.failures().map(|ending| &*ending.name).collect::<Vec<_>>(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn f4_panic_in_stop() {
    let ran = run_until(daemon([fake("a", State::Stop, [Behavior::Panic]), plain("b")]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("{ROUND} exit+"));
    assert_eq!(ran.states("b"), format!("{ROUND} exit+"));
    assert!(ran.error("a").contains("scripted panic"));
}

#[tokio::test(start_paused = true)]
async fn f5_a_payload_that_is_no_text_and_panics_itself() {
    let ran = once(State::Run, Behavior::PanicWithNonString).await;
    failed(&ran, Cause::Panic, "a payload that is no text", "ROUND ROUND ROUND exit+");
    // A method whose future panics when it is dropped at its limit.
    let options = brisk().timeout_of(State::Run, SECOND);
    let a = fake("a", State::Run, [Behavior::HangAndPanic, Behavior::UntilCancelled]).options(options);
    let running = start(daemon([a, plain("b")])).await;
    tokio::time::sleep(2 * SECOND).await;
    let ran = running.stop().await;
    assert!(ran.states("a").starts_with(&format!("{ROUND} init+")), "{}", ran.states("a"));
    assert!(ran.error("a").contains("scripted panic on drop") || ran.error("a").contains("did not return"));
}

#[tokio::test(start_paused = true)]
async fn f5_panic_in_the_drop_of_a_service() {
    struct Grenade;
    impl Runner for Grenade {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            cx.cancelled().await;
            Ok(())
        }
    }
    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let ran = run_until(daemon([Service::new("a", Grenade), plain("b")]), "a", State::Run).await;
    assert!(ran.report.is_ok());
    assert_eq!(ran.states("b"), format!("{ROUND} exit+"));
}

#[tokio::test(start_paused = true)]
async fn f7_error_in_init() {
    let ran = once(State::Init, Behavior::Fail).await;
    failed(&ran, Cause::Error, "scripted failure", "init+ init- stop+ stop- ROUND exit+");
}

#[tokio::test(start_paused = true)]
async fn f8_error_in_idle() {
    let ran = once(State::Idle, Behavior::Fail).await;
    failed(&ran, Cause::Error, "scripted failure", "init+ init- idle+ idle- stop+ stop- ROUND exit+");
}

#[tokio::test(start_paused = true)]
async fn f9_error_in_run() {
    let ran = once(State::Run, Behavior::Fail).await;
    failed(&ran, Cause::Error, "scripted failure", "ROUND ROUND ROUND exit+");
}

#[tokio::test(start_paused = true)]
async fn f10_error_in_stop() {
    let ran = run_until(daemon([fake("a", State::Stop, [Behavior::Fail]), plain("b")]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("{ROUND} exit+"));
    assert_eq!(ran.error("a"), "scripted failure");
}

#[tokio::test(start_paused = true)]
async fn f11_error_in_every_stop_reaches_the_limit() {
    let probe = CallLog::new();
    let fake = FakeService::new().on(State::Run, [Behavior::Fail]).on(State::Stop, [Behavior::Fail]);
    let a = probed("a", fake, &probe).manager(manager::until_success).options(brisk().restarts(5, SECOND));
    let ran = run_out(daemon([a])).await;
    assert_eq!((probe.count("a", "init"), probe.count("a", "stop")), (6, 6));
    assert_eq!(ran.ending("a").restarts, 5);
    assert_eq!(ran.ending("a").cause, Cause::Error);
    assert!(!ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f12_init_never_returns() {
    let options = brisk().timeout_of(State::Init, 5 * SECOND);
    let a = fake("a", State::Init, [Behavior::Hang, Behavior::Ok]).options(options);
    let ran = run_until(daemon([a]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("init+ init- stop+ stop- {ROUND} exit+"));
    assert_eq!(ran.error("a"), "init did not return within 5s");
    assert_eq!(ran.trace.entered("a", State::Stop)[0].as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn f12_init_that_returns_ok_too_late_has_failed() {
    let options = brisk().timeout_of(State::Init, 5 * SECOND);
    let a = fake("a", State::Init, [Behavior::UntilCancelled, Behavior::Ok]).options(options);
    let ran = run_until(daemon([a]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("init+ init- stop+ stop- {ROUND} exit+"));
    assert_eq!(ran.error("a"), "init did not return within 5s");
}

#[tokio::test(start_paused = true)]
async fn f12_a_method_gets_the_time_it_asks_for() {
    let long = Behavior::call(async |cx: Context| {
        for _ in 0..10 {
            cx.extend(2 * SECOND);
            tokio::time::sleep(SECOND).await;
        }
        Ok(())
    });
    let a = fake("a", State::Init, [long]).options(brisk().timeout_of(State::Init, 5 * SECOND));
    let ran = run_until(daemon([a]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("{ROUND} exit+"));
    assert_eq!(ran.trace.entered("a", State::Run)[0].as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn f12_any_length_of_time_may_be_asked_for() {
    let long = Behavior::call(async |cx: Context| {
        cx.extend(Duration::MAX);
        tokio::time::sleep(10 * SECOND).await;
        Ok(())
    });
    let options = brisk().timeout_of(State::Init, SECOND).timeout_of(State::Run, Duration::MAX);
    let a = fake("a", State::Init, [long]).options(options);
    let ran = run_until(daemon([a]).shutdown_timeout(Duration::MAX), "a", State::Run).await;
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f13_idle_never_returns() {
    let running = start(daemon([fake("a", State::Idle, [Behavior::Hang]), plain("b")])).await;
    tokio::time::sleep(3600 * SECOND).await;
    assert!(running.handle.states()["a"].is_in(State::Idle));
    assert_eq!(running.handle.why("a").unwrap().to_string(), "a in Idle: in its own `idle` for 60.0 min");
    assert!(running.handle.states()["b"].is_in(State::Run));
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), "init+ init- idle+ idle- stop+ stop- exit+");
    assert_eq!(ran.ending("a").abandoned_in, Some(State::Idle));

    let options = brisk().timeout_of(State::Idle, SECOND);
    let a = fake("a", State::Idle, [Behavior::Hang, Behavior::Ok]).options(options);
    let ran = run_until(daemon([a]), "a", State::Run).await;
    assert_eq!(ran.error("a"), "idle did not return within 1s");
}

#[tokio::test(start_paused = true)]
async fn f14_run_ignores_cancellation() {
    let a = fake("a", State::Run, [Behavior::Hang]).options(brisk().timeout_of(State::Stop, 3 * SECOND));
    let ran = run_until(daemon([a, plain("b")]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("{ROUND} exit+"), "it is dropped, and stopped");
    assert_eq!(ran.took.as_secs(), 3);
    assert_eq!(ran.report.abandoned().map(|ending| &*ending.name).collect::<Vec<_>>(), ["a"]);
    assert_eq!(ran.ending("a").abandoned_in, Some(State::Run));
    assert!(!ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f15_stop_never_returns() {
    let probe = CallLog::new();
    let a = probed("a", FakeService::new().on(State::Stop, [Behavior::Hang]), &probe);
    let ran = run_until(daemon([a, plain("b")]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("{ROUND} exit+"));
    assert_eq!(ran.took.as_secs(), 10);
    assert_eq!(ran.ending("a").abandoned_in, Some(State::Stop));
    assert_eq!(probe.faults(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn f15_stop_never_returns_between_two_rounds() {
    let probe = CallLog::new();
    let fake = FakeService::new()
        .on(State::Run, [Behavior::Fail, Behavior::UntilCancelled])
        .on(State::Stop, [Behavior::Hang, Behavior::Ok]);
    let running = start(daemon([probed("a", fake, &probe)])).await;
    tokio::time::sleep(60 * SECOND).await;
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("{ROUND} {ROUND} exit+"));
    assert_eq!(ran.trace.entered("a", State::Init)[1].as_secs(), 10);
    assert_eq!(ran.error("a"), "stop did not return within 10s");
    assert!(ran.report.is_ok(), "what was dropped before the shutdown is a failure that was overcome");
    assert_eq!(probe.faults(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn f19_init_returns_ok_after_the_stop_was_asked_for() {
    let ran = run_until(daemon([fake("a", State::Init, [Behavior::UntilCancelled])]), "a", State::Init).await;
    assert_eq!(ran.states("a"), "init+ init- stop+ stop- exit+");
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f20_run_returns_ok_at_once() {
    let a = Service::new("a", FakeService::new().on(State::Run, [Behavior::Ok]));
    let running = start(daemon([a])).await;
    tokio::time::sleep(100 * SECOND).await;
    let rounds = running.handle.states()["a"].incarnation;
    // 0.1 + 0.2 + .. + 25.6 = 51.1 s, then 30 s each, all within 20 %.
    assert!((9..=12).contains(&rounds), "{rounds}");
    let ran = running.stop().await;
    assert!(ran.report.is_ok());

    let a = fake("a", State::Run, [Behavior::Ok]).options(brisk().restarts(100, SECOND));
    let ran = run_out(daemon([a])).await;
    assert_eq!(ran.ending("a").restarts, 100);
    assert_eq!(ran.error("a"), "restarted more than 100 times within 1s");
}

#[tokio::test]
async fn f20_one_that_never_waits_leaves_the_others_their_turn() {
    let a = fake("a", State::Run, [Behavior::Ok]);
    // On a clock that nobody paused: how long it waits is the machine's business.
    let daemon = daemon([a, plain("b"), plain("c").needs(["b"])]).signals([]).history(10_000_000);
    let rules = DeclaredRules::of(&daemon);
    let handle = daemon.start().await.unwrap();
    handle.wait_for("c", State::Run).await.unwrap();
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
    Trace::of(&handle).assert(&rules);
}

#[tokio::test(start_paused = true)]
async fn f21_until_success_ends_once() {
    let ran = run_out(daemon([fake("a", State::Run, [Behavior::Ok]).manager(manager::until_success)])).await;
    assert_eq!(ran.states("a"), format!("{ROUND} exit+"));
    assert_eq!(ran.ending("a").cause, Cause::Normal);
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f22_a_foreign_cancellation_is_a_failure() {
    let ran = once(State::Run, Behavior::Cancelled).await;
    failed(&ran, Cause::Error, "cancelled", "ROUND ROUND ROUND exit+");
    // Also for one that is to end when it succeeds.
    let run = [Behavior::Cancelled, Behavior::Done, Behavior::Ok];
    let ran = run_out(daemon([fake("a", State::Run, run).manager(manager::until_success)])).await;
    assert_eq!(ran.states("a"), format!("{ROUND} {ROUND} {ROUND} exit+"));
    assert_eq!(ran.error("a"), "cancelled", "`LifecycleDone` says nothing");
}

#[tokio::test(start_paused = true)]
async fn f22_cancelling_the_token_oneself_tells_nobody() {
    let run = Behavior::call(async |cx: Context| {
        cx.token().cancel();
        cx.cancelled().await;
        Err(rxd::Cancelled.into())
    });
    let ran = once(State::Run, run).await;
    failed(&ran, Cause::Error, "cancelled", "ROUND ROUND ROUND exit+");
}

#[tokio::test(start_paused = true)]
async fn an_error_when_told_to_return_is_no_failure() {
    let heard = Heard::default();
    let _guard = tracing::subscriber::set_default(heard.clone());
    const SAID: &str = "returned an error after cancellation";
    let cancelled = Behavior::call(async |cx: Context| {
        cx.cancelled().await;
        Err(rxd::Cancelled.into())
    });
    for (act, is_said) in [(cancelled, false), (Behavior::PanicOnCancel, false), (Behavior::FailOnCancel, true)] {
        let ran = run_until(Daemon::new("d").add(fake("a", State::Run, [act])), "a", State::Run).await;
        assert_eq!(ran.ending("a").cause, Cause::Shutdown);
        assert!(ran.report.is_ok());
        assert_eq!(heard.has(SAID), is_said, "to say that one was cancelled is the answer");
    }
}

/// Its first method is nothing but a future without any state.
struct NeverBegins;

impl Runner for NeverBegins {
    fn init(&mut self, _: &Context) -> impl Future<Output = rxd::Result> + Send {
        std::future::pending()
    }
    async fn run(&mut self, _: &Context) -> rxd::Result {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_method_is_called_however_small_its_future_is() {
    let running = start(daemon([Service::new("a", NeverBegins)])).await;
    settle().await;
    assert!(running.handle.states()["a"].is_in(State::Init));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_task_does_not_hide_what_the_method_says() {
    let fails = Behavior::call(async |cx: Context| {
        let inner = cx.clone();
        cx.spawn("worker", async move {
            inner.cancelled().await;
            panic!("scripted panic");
        });
        Err(rxd::AnyError::msg("the method's own"))
    });
    let ran = once(State::Run, fails).await;
    failed(&ran, Cause::Error, "the method's own", "ROUND ROUND ROUND exit+");
}
