//! Group A: methods.

use crate::kit::*;
use crate::stall::LogCapture;
use rxd::testing::{Behavior, CallLog, DeclaredRules, FakeService, Trace};
use rxd::{Cause, Context, Daemon, Runner, Service, State, manager};
use std::time::Duration;

/// Runs a daemon with a service whose method of this state behaves like this once, and works
/// afterwards.
async fn once(state: State, behavior: Behavior) -> Outcome {
    let running =
        start(daemon([fake("a", state, [behavior, Behavior::Ok, Behavior::UntilCancelled]), plain("b")])).await;
    let mut runs = running.handle.watch_any(rxd::Action::Entering, State::Run, "a").unwrap();
    let runs_before = if state == State::Run { 3 } else { 1 };
    let mut seen = 0;
    while seen < runs_before {
        seen += runs.next().await.unwrap().times;
    }
    running.stop().await
}

#[track_caller]
fn failed(ran: &Outcome, cause: Cause, text: &str, states: &str) {
    let states = states.replace("INCARNATION", INCARNATION);
    assert_eq!(ran.states("a"), states);
    assert!(ran.error("a").contains(text), "{}", ran.error("a"));
    assert!(ran.trace.steps.iter().any(|step| step.service == "a" && step.cause == cause));
    assert!(ran.report.is_ok());
    assert_eq!(ran.states("b"), format!("{INCARNATION} exit+"), "the other service runs on");
}

#[tokio::test(start_paused = true)]
async fn f1_panic_in_init_restarts_the_service() {
    let ran = once(State::Init, Behavior::Panic).await;
    failed(&ran, Cause::Panic, "scripted panic (at ", "init+ init- stop+ stop- INCARNATION exit+");
}

#[tokio::test(start_paused = true)]
async fn f2_panic_in_idle_restarts_the_service() {
    let ran = once(State::Idle, Behavior::Panic).await;
    failed(&ran, Cause::Panic, "scripted panic (at ", "init+ init- idle+ idle- stop+ stop- INCARNATION exit+");
}

#[tokio::test(start_paused = true)]
async fn f3_panic_in_run_restarts_the_service() {
    let ran = once(State::Run, Behavior::Panic).await;
    failed(&ran, Cause::Panic, "scripted panic (at ", "INCARNATION INCARNATION INCARNATION exit+");
}

#[tokio::test(start_paused = true)]
async fn f3_panic_in_run_under_until_success_restarts_until_exit() {
    let run = [Behavior::Panic, Behavior::Ok];
    let ran = run_to_end(daemon([fake("a", State::Run, run).manager(manager::until_success)])).await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} {INCARNATION} exit+"));
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f3_panic_of_a_fatal_service_sets_the_exit_code() {
    let fatal = no_backoff().restarts(0, SECOND).on_failure(rxd::OnFailure::Shutdown);
    let a = fake("a", State::Run, [Behavior::Panic]).options(fatal);
    let ran = run_to_end(daemon([a, plain("b")]).exit_code(7)).await;
    assert_eq!(ran.report.exit_code(), 7);
    assert_eq!(ran.report.failures().map(|service| &*service.name).collect::<Vec<_>>(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn f4_panic_in_stop_still_reaches_exit() {
    let ran = run_until(daemon([fake("a", State::Stop, [Behavior::Panic]), plain("b")]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"));
    assert_eq!(ran.states("b"), format!("{INCARNATION} exit+"));
    assert!(ran.error("a").contains("scripted panic"));
}

#[tokio::test(start_paused = true)]
async fn f5_panic_payload_that_panics_on_drop_restarts_the_service() {
    let ran = once(State::Run, Behavior::PanicWithNonString).await;
    failed(&ran, Cause::Panic, "a panic payload that is not a text", "INCARNATION INCARNATION INCARNATION exit+");
    // A future that panics when it is dropped at its limit.
    let options = no_backoff().timeout_of(State::Run, SECOND);
    let a = fake("a", State::Run, [Behavior::HangAndPanic, Behavior::UntilCancelled]).options(options);
    let running = start(daemon([a, plain("b")])).await;
    tokio::time::sleep(2 * SECOND).await;
    let ran = running.stop().await;
    assert!(ran.states("a").starts_with(&format!("{INCARNATION} init+")), "{}", ran.states("a"));
    assert!(ran.error("a").contains("scripted panic on drop") || ran.error("a").contains("did not return"));
}

#[tokio::test(start_paused = true)]
async fn f5_panic_in_the_drop_of_a_service_is_contained() {
    struct PanicsInDrop;
    impl Runner for PanicsInDrop {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            cx.cancelled().await;
            Ok(())
        }
    }
    impl Drop for PanicsInDrop {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let ran = run_until(daemon([Service::new("a", PanicsInDrop), plain("b")]), "a", State::Run).await;
    assert!(ran.report.is_ok());
    assert_eq!(ran.states("b"), format!("{INCARNATION} exit+"));
}

#[tokio::test(start_paused = true)]
async fn f7_error_in_init_restarts_the_service() {
    let ran = once(State::Init, Behavior::Fail).await;
    failed(&ran, Cause::Error, "scripted failure", "init+ init- stop+ stop- INCARNATION exit+");
}

#[tokio::test(start_paused = true)]
async fn f8_error_in_idle_restarts_the_service() {
    let ran = once(State::Idle, Behavior::Fail).await;
    failed(&ran, Cause::Error, "scripted failure", "init+ init- idle+ idle- stop+ stop- INCARNATION exit+");
}

#[tokio::test(start_paused = true)]
async fn f9_error_in_run_restarts_the_service() {
    let ran = once(State::Run, Behavior::Fail).await;
    failed(&ran, Cause::Error, "scripted failure", "INCARNATION INCARNATION INCARNATION exit+");
}

#[tokio::test(start_paused = true)]
async fn f10_error_in_stop_still_reaches_exit() {
    let ran = run_until(daemon([fake("a", State::Stop, [Behavior::Fail]), plain("b")]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"));
    assert_eq!(ran.error("a"), "scripted failure");
}

#[tokio::test(start_paused = true)]
async fn f11_error_in_every_stop_reaches_the_restart_limit() {
    let call_log = CallLog::new();
    let fake = FakeService::new().on(State::Run, [Behavior::Fail]).on(State::Stop, [Behavior::Fail]);
    let a =
        with_call_log("a", fake, &call_log).manager(manager::until_success).options(no_backoff().restarts(5, SECOND));
    let ran = run_to_end(daemon([a])).await;
    assert_eq!((call_log.count("a", "init"), call_log.count("a", "stop")), (6, 6));
    assert_eq!(ran.service_report("a").restarts, 5);
    assert_eq!(ran.service_report("a").cause, Cause::Error);
    assert!(!ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f12_init_that_hangs_times_out() {
    let options = no_backoff().timeout_of(State::Init, 5 * SECOND);
    let a = fake("a", State::Init, [Behavior::Hang, Behavior::Ok]).options(options);
    let ran = run_until(daemon([a]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("init+ init- stop+ stop- {INCARNATION} exit+"));
    assert_eq!(ran.error("a"), "init did not return within 5s");
    assert_eq!(ran.trace.entered("a", State::Stop)[0].as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn f12_init_returning_ok_after_its_limit_has_failed() {
    let options = no_backoff().timeout_of(State::Init, 5 * SECOND);
    let a = fake("a", State::Init, [Behavior::UntilCancelled, Behavior::Ok]).options(options);
    let ran = run_until(daemon([a]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("init+ init- stop+ stop- {INCARNATION} exit+"));
    assert_eq!(ran.error("a"), "init did not return within 5s");
}

#[tokio::test(start_paused = true)]
async fn f12_extend_prolongs_the_limit_of_a_method() {
    let long = Behavior::call(async |cx: Context| {
        for _ in 0..10 {
            cx.extend(2 * SECOND);
            tokio::time::sleep(SECOND).await;
        }
        Ok(())
    });
    let a = fake("a", State::Init, [long]).options(no_backoff().timeout_of(State::Init, 5 * SECOND));
    let ran = run_until(daemon([a]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"));
    assert_eq!(ran.trace.entered("a", State::Run)[0].as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn f12_extend_by_the_longest_duration_does_not_overflow() {
    let long = Behavior::call(async |cx: Context| {
        cx.extend(Duration::MAX);
        tokio::time::sleep(10 * SECOND).await;
        Ok(())
    });
    let options = no_backoff().timeout_of(State::Init, SECOND).timeout_of(State::Run, Duration::MAX);
    let a = fake("a", State::Init, [long]).options(options);
    let ran = run_until(daemon([a]).shutdown_timeout(Duration::MAX), "a", State::Run).await;
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f13_idle_that_hangs_is_shown_by_why_and_may_time_out() {
    let running = start(daemon([fake("a", State::Idle, [Behavior::Hang]), plain("b")])).await;
    tokio::time::sleep(3600 * SECOND).await;
    assert!(running.handle.states()["a"].is_in(State::Idle));
    assert_eq!(running.handle.why("a").unwrap().to_string(), "a in Idle: in its own `idle` for 60.0 min");
    assert!(running.handle.states()["b"].is_in(State::Run));
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), "init+ init- idle+ idle- stop+ stop- exit+");
    assert_eq!(ran.service_report("a").abandoned_in, Some(State::Idle));

    let options = no_backoff().timeout_of(State::Idle, SECOND);
    let a = fake("a", State::Idle, [Behavior::Hang, Behavior::Ok]).options(options);
    let ran = run_until(daemon([a]), "a", State::Run).await;
    assert_eq!(ran.error("a"), "idle did not return within 1s");
}

#[tokio::test(start_paused = true)]
async fn f14_run_ignoring_cancellation_is_dropped_and_abandoned() {
    let a = fake("a", State::Run, [Behavior::Hang]).options(no_backoff().timeout_of(State::Stop, 3 * SECOND));
    let ran = run_until(daemon([a, plain("b")]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"), "run is dropped, and stop is called");
    assert_eq!(ran.took.as_secs(), 3);
    assert_eq!(ran.report.abandoned().map(|service| &*service.name).collect::<Vec<_>>(), ["a"]);
    assert_eq!(ran.service_report("a").abandoned_in, Some(State::Run));
    assert!(!ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f15_stop_that_hangs_is_dropped_and_abandoned() {
    let call_log = CallLog::new();
    let a = with_call_log("a", FakeService::new().on(State::Stop, [Behavior::Hang]), &call_log);
    let ran = run_until(daemon([a, plain("b")]), "a", State::Run).await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"));
    assert_eq!(ran.took.as_secs(), 10);
    assert_eq!(ran.service_report("a").abandoned_in, Some(State::Stop));
    assert_eq!(call_log.faults(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn f15_stop_that_hangs_before_a_restart_is_dropped_and_no_abandonment() {
    let call_log = CallLog::new();
    let fake = FakeService::new()
        .on(State::Run, [Behavior::Fail, Behavior::UntilCancelled])
        .on(State::Stop, [Behavior::Hang, Behavior::Ok]);
    let running = start(daemon([with_call_log("a", fake, &call_log)])).await;
    tokio::time::sleep(60 * SECOND).await;
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} {INCARNATION} exit+"));
    assert_eq!(ran.trace.entered("a", State::Init)[1].as_secs(), 10);
    assert_eq!(ran.error("a"), "stop did not return within 10s");
    assert!(ran.report.is_ok(), "a stop dropped before the shutdown is an earlier failure");
    assert_eq!(call_log.faults(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn f19_init_returning_ok_after_the_shutdown_enters_no_idle() {
    let ran = run_until(daemon([fake("a", State::Init, [Behavior::UntilCancelled])]), "a", State::Init).await;
    assert_eq!(ran.states("a"), "init+ init- stop+ stop- exit+");
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f20_run_returning_ok_at_once_is_restarted_with_back_off() {
    let a = Service::new("a", FakeService::new().on(State::Run, [Behavior::Ok]));
    let running = start(daemon([a])).await;
    tokio::time::sleep(100 * SECOND).await;
    let incarnations = running.handle.states()["a"].incarnation;
    // 0.1 + 0.2 + .. + 25.6 = 51.1 s, then 30 s each, all within 20 %.
    assert!((9..=12).contains(&incarnations), "{incarnations}");
    let ran = running.stop().await;
    assert!(ran.report.is_ok());

    let a = fake("a", State::Run, [Behavior::Ok]).options(no_backoff().restarts(100, SECOND));
    let ran = run_to_end(daemon([a])).await;
    assert_eq!(ran.service_report("a").restarts, 100);
    assert_eq!(ran.error("a"), "restarted more than 100 times within 1s");
}

#[tokio::test]
async fn f20_service_restarting_without_a_pause_does_not_starve_others() {
    let a = fake("a", State::Run, [Behavior::Ok]);
    // In real time, so the machine decides how long it takes.
    let daemon = daemon([a, plain("b"), plain("c").needs(["b"])]).signals([]).history(10_000_000);
    let rules = DeclaredRules::of(&daemon);
    let handle = daemon.start().await.unwrap();
    handle.wait_for("c", State::Run).await.unwrap();
    handle.shutdown();
    assert!(handle.wait().await.is_ok());
    Trace::of(&handle).assert(&rules);
}

#[tokio::test(start_paused = true)]
async fn f21_until_success_after_ok_ends_and_is_not_restarted() {
    let ran = run_to_end(daemon([fake("a", State::Run, [Behavior::Ok]).manager(manager::until_success)])).await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"));
    assert_eq!(ran.service_report("a").cause, Cause::Normal);
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f22_foreign_cancellation_is_a_failure() {
    let ran = once(State::Run, Behavior::Cancelled).await;
    failed(&ran, Cause::Error, "cancelled", "INCARNATION INCARNATION INCARNATION exit+");
    // The same under `until_success`.
    let run = [Behavior::Cancelled, Behavior::Done, Behavior::Ok];
    let ran = run_to_end(daemon([fake("a", State::Run, run).manager(manager::until_success)])).await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} {INCARNATION} {INCARNATION} exit+"));
    assert_eq!(ran.error("a"), "cancelled", "`LifecycleDone` is no error text");
}

#[tokio::test(start_paused = true)]
async fn f22_token_cancelled_by_its_own_service_is_a_failure() {
    let run = Behavior::call(async |cx: Context| {
        cx.token().cancel();
        cx.cancelled().await;
        Err(rxd::Cancelled.into())
    });
    let ran = once(State::Run, run).await;
    failed(&ran, Cause::Error, "cancelled", "INCARNATION INCARNATION INCARNATION exit+");
}

#[tokio::test(start_paused = true)]
async fn error_after_cancellation_is_logged_and_not_a_failure() {
    let logged = LogCapture::default();
    let _guard = tracing::subscriber::set_default(logged.clone());
    const MESSAGE: &str = "returned an error after cancellation";
    let cancelled = Behavior::call(async |cx: Context| {
        cx.cancelled().await;
        Err(rxd::Cancelled.into())
    });
    for (behavior, is_logged) in [(cancelled, false), (Behavior::PanicOnCancel, false), (Behavior::FailOnCancel, true)]
    {
        let ran = run_until(Daemon::new("d").add(fake("a", State::Run, [behavior])), "a", State::Run).await;
        assert_eq!(ran.service_report("a").cause, Cause::Shutdown);
        assert!(ran.report.is_ok());
        assert_eq!(logged.has(MESSAGE), is_logged, "an error that says `cancelled` is not logged");
    }
}

/// Its `init` is a zero-sized future.
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
async fn method_with_a_zero_sized_future_is_called() {
    let running = start(daemon([Service::new("a", NeverBegins)])).await;
    settle().await;
    assert!(running.handle.states()["a"].is_in(State::Init));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn panic_in_a_task_does_not_hide_the_error_of_the_method() {
    let fails = Behavior::call(async |cx: Context| {
        let inner = cx.clone();
        cx.spawn("worker", async move {
            inner.cancelled().await;
            panic!("scripted panic");
        });
        Err(rxd::AnyError::msg("the method's own"))
    });
    let ran = once(State::Run, fails).await;
    failed(&ran, Cause::Error, "the method's own", "INCARNATION INCARNATION INCARNATION exit+");
}
