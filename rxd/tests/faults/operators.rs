//! Requests of an operator for one service.

use crate::kit::*;
use rxd::testing::{Behavior, CallLog, FakeService, ReloadingFake};
use rxd::{Action, Backoff, Cause, Effect, Options, Service, State, When};

#[tokio::test(start_paused = true)]
async fn stop_and_start_return_once_the_state_is_reached() {
    let call_log = CallLog::new();
    let a = with_call_log("a", FakeService::new().on(State::Stop, [Behavior::Ok.after(SECOND)]), &call_log);
    let running = start(daemon([a, plain("b")])).await;
    running.until("a", State::Run).await;
    running.handle.stop("a").await.unwrap();
    assert_eq!(running.handle.states()["a"].state, State::Exit);
    assert_eq!(running.handle.states()["a"].cause, Cause::Operator);
    running.handle.stop("a").await.unwrap();
    running.handle.start("a").await.unwrap();
    assert_ne!(running.handle.states()["a"].state, State::Exit);
    running.handle.start("a").await.unwrap();
    running.until("a", State::Run).await;
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+ {INCARNATION} exit+"));
    assert_eq!(ran.service_report("a").restarts, 0);
    assert!(ran.report.is_ok());
    assert_eq!(call_log.faults(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn restart_in_any_state_goes_through_stop() {
    for (state, behavior) in [
        (State::Init, Behavior::Hang),
        (State::Idle, Behavior::Hang),
        (State::Run, Behavior::Hang),
        (State::Stop, Behavior::Hang),
    ] {
        let call_log = CallLog::new();
        let fake = FakeService::new()
            .on(state, [behavior, if state == State::Run { Behavior::UntilCancelled } else { Behavior::Ok }]);
        let fake =
            if state == State::Stop { fake.on(State::Run, [Behavior::Fail, Behavior::UntilCancelled]) } else { fake };
        let running = start(daemon([with_call_log("a", fake, &call_log)])).await;
        running.until("a", state).await;
        let again = running.handle.restart("a").await;
        again.unwrap();
        running.until("a", State::Run).await;
        let ran = running.stop().await;
        assert!(ran.report.is_ok(), "{state}: {}", ran.report);
        assert_eq!(call_log.faults(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn restart_during_back_off_ends_the_back_off() {
    let options = Options::DEFAULT.backoff(Backoff::fixed(3600 * SECOND));
    let running =
        start(daemon([fake("a", State::Run, [Behavior::Fail, Behavior::UntilCancelled]).options(options)])).await;
    tokio::time::sleep(SECOND).await;
    running.handle.restart("a").await.unwrap();
    running.until("a", State::Run).await;
    assert_eq!(running.stop().await.took, SECOND);
}

#[tokio::test(start_paused = true)]
async fn x27_restart_or_stop_during_the_back_off_is_not_counted_as_a_restart() {
    let options = Options::DEFAULT.backoff(Backoff::fixed(60 * SECOND));
    for options in [options, options.restarts(3, 3600 * SECOND)] {
        let fails =
            [Behavior::Fail, Behavior::UntilCancelled, Behavior::Fail, Behavior::UntilCancelled, Behavior::Fail];
        let running = start(daemon([fake("a", State::Run, fails).options(options), plain("b")])).await;
        let restarts = || running.handle.states()["a"].restarts;
        tokio::time::sleep(SECOND).await;
        running.handle.restart("a").await.unwrap();
        running.until("a", State::Run).await;
        assert_eq!(restarts(), 0, "the operator was faster than the back-off");
        running.handle.restart("a").await.unwrap();
        tokio::time::sleep(SECOND).await;
        running.until("a", State::Run).await;
        assert_eq!(restarts(), 1, "after the back-off");
        running.handle.restart("a").await.unwrap();
        tokio::time::sleep(SECOND).await;
        running.handle.stop("a").await.unwrap();
        assert_eq!(restarts(), 1, "the last restart was not made");
        assert_eq!(running.stop().await.service_report("a").restarts, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn restart_during_back_off_waits_the_delay_before_init() {
    let options = Options::DEFAULT.backoff(Backoff::fixed(3600 * SECOND)).delay_of(State::Init, 10 * SECOND);
    let running =
        start(daemon([fake("a", State::Run, [Behavior::Fail, Behavior::UntilCancelled]).options(options)])).await;
    tokio::time::sleep(5 * SECOND).await;
    running.handle.restart("a").await.unwrap();
    assert_eq!(running.stop().await.took, 15 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn start_during_back_off_returns_once_init_is_entered() {
    let options = Options::DEFAULT.backoff(Backoff::fixed(10 * SECOND));
    let running =
        start(daemon([fake("a", State::Run, [Behavior::Fail, Behavior::UntilCancelled]).options(options)])).await;
    tokio::time::sleep(SECOND).await;
    running.handle.start("a").await.unwrap();
    assert_eq!(running.handle.states()["a"].incarnation, 2);
    assert_eq!(running.stop().await.took, 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn stop_requested_with_reload_and_restart_wins() {
    let call_log = CallLog::new();
    let a = Service::new("a", ReloadingFake(FakeService::new().call_log(&call_log))).options(no_backoff());
    let running = start(daemon([a, plain("b")])).await;
    running.until("a", State::Run).await;
    let (reload, stop, restart) =
        tokio::join!(running.handle.reload("a"), running.handle.stop("a"), running.handle.restart("a"));
    assert!(stop.is_ok());
    assert_eq!(reload.unwrap_err().to_string(), "service `a` has exited (operator)");
    assert_eq!(restart.unwrap_err().to_string(), "service `a` has exited (operator)");
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"));
    assert_eq!(call_log.calls("a"), ["init", "idle", "run", "stop"]);
}

#[tokio::test(start_paused = true)]
async fn restart_repeated_during_the_delay_does_not_prolong_it() {
    let options = no_backoff().delay_of(State::Init, 10 * SECOND);
    let running = start(daemon([plain("a").options(options)])).await;
    running.until("a", State::Run).await;
    let began = tokio::time::Instant::now();
    let restarts: Vec<_> = (0..9)
        .map(|n: u32| {
            let handle = running.handle.clone();
            tokio::spawn(async move {
                tokio::time::sleep(n * SECOND).await;
                handle.restart("a").await
            })
        })
        .collect();
    for request in restarts {
        request.await.unwrap().unwrap();
    }
    assert_eq!(began.elapsed(), 10 * SECOND);
    let ran = running.stop().await;
    assert!(ran.states("a").starts_with(&format!("{INCARNATION} init+")));
}

#[tokio::test(start_paused = true)]
async fn g25_start_after_exit_resets_back_off_and_restart_limit() {
    let call_log = CallLog::new();
    let options = Options::DEFAULT.backoff(Backoff::DEFAULT.jitter(0.0)).restarts(2, 3600 * SECOND);
    let a = with_call_log("a", FakeService::new().on(State::Run, [Behavior::Fail]), &call_log).options(options);
    let running = start(daemon([a, plain("b")])).await;
    running.until("a", State::Exit).await;
    assert_eq!(call_log.count("a", "init"), 3);
    let began = tokio::time::Instant::now();
    running.handle.start("a").await.unwrap();
    running.until("a", State::Exit).await;
    assert_eq!(call_log.count("a", "init"), 6);
    assert_eq!(began.elapsed(), 300 * MS, "100 ms and 200 ms: back-off begins anew");
    let ran = running.stop().await;
    assert!(!ran.report.is_ok(), "its restart limit is reached again");
}

#[tokio::test(start_paused = true)]
async fn reaction_met_while_in_exit_does_not_fire_after_start() {
    let a = fake("a", State::Run, [Behavior::Fail.after(SECOND), Behavior::UntilCancelled])
        .options(no_backoff().restarts(0, SECOND));
    let ends = plain("ends").watch(When::any(Action::Entering, State::Exit, ["a"]).then(Effect::Exit));
    let running = start(daemon([a, plain("needs").needs(["a"]), ends, plain("other")])).await;
    running.until("needs", State::Run).await;
    running.handle.stop("needs").await.unwrap();
    running.handle.stop("ends").await.unwrap();
    running.until("a", State::Exit).await;
    for name in ["a", "needs", "ends"] {
        running.handle.start(name).await.unwrap();
        running.until(name, State::Run).await;
    }
    settle().await;
    assert!(running.handle.states().iter().all(|service| service.is_in(State::Run)), "{:?}", running.handle.states());
    assert!(running.stop().await.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn requests_at_the_same_time_are_one_restart() {
    let call_log = CallLog::new();
    let running = start(daemon([with_call_log("a", FakeService::new(), &call_log)])).await;
    running.until("a", State::Run).await;
    let requests = (0..100).map(|n| {
        let handle = running.handle.clone();
        tokio::spawn(async move {
            match n % 3 {
                0 => handle.restart("a").await,
                1 => handle.reload("a").await,
                _ => handle.start("a").await,
            }
        })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap().unwrap();
    }
    running.until("a", State::Run).await;
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("{INCARNATION} {INCARNATION} exit+"));
    assert_eq!(call_log.faults(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn s14_stop_of_the_last_service_keeps_the_daemon() {
    let job = || fake("job", State::Run, [Behavior::Ok, Behavior::UntilCancelled]).manager(rxd::manager::until_success);
    let running = start(daemon([plain("a"), job()])).await;
    running.until("job", State::Exit).await;
    running.handle.stop("a").await.unwrap();
    tokio::time::sleep(3600 * SECOND).await;
    assert!(!running.handle.has_ended());
    running.handle.start("a").await.unwrap();
    running.until("a", State::Run).await;
    // Every service is in Exit, and an operator stopped both.
    running.handle.start("job").await.unwrap();
    running.handle.stop("job").await.unwrap();
    running.handle.stop("a").await.unwrap();
    tokio::time::sleep(3600 * SECOND).await;
    let ran = running.stop().await;
    assert!(ran.report.is_ok());
    assert_eq!(ran.states("a"), format!("{INCARNATION} exit+ {INCARNATION} exit+"));
}

#[tokio::test(start_paused = true)]
async fn s14_service_started_again_that_ends_by_itself_ends_the_daemon() {
    let job = fake("job", State::Run, [Behavior::UntilCancelled, Behavior::Ok.after(SECOND)])
        .manager(rxd::manager::until_success);
    let running = start(daemon([job])).await;
    running.until("job", State::Run).await;
    running.handle.stop("job").await.unwrap();
    tokio::time::sleep(SECOND).await;
    running.handle.start("job").await.unwrap();
    assert!(running.end().await.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn s14_stop_of_a_service_in_exit_does_not_keep_the_daemon() {
    let job = fake("job", State::Run, [Behavior::Ok]).manager(rxd::manager::until_success);
    let last = fake("last", State::Run, [Behavior::Ok.after(SECOND)]).manager(rxd::manager::until_success);
    let running = start(daemon([job, last])).await;
    running.until("job", State::Exit).await;
    running.handle.stop("job").await.unwrap();
    assert!(running.end().await.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn s14_daemon_whose_services_ended_with_a_stopped_one_is_kept() {
    let ends = plain("ends").watch(When::any(Action::Entering, State::Exit, ["a"]).then(Effect::Exit));
    let running = start(daemon([plain("a"), ends])).await;
    running.until("ends", State::Run).await;
    running.handle.stop("a").await.unwrap();
    running.until("ends", State::Exit).await;
    tokio::time::sleep(3600 * SECOND).await;
    running.handle.start("a").await.unwrap();
    running.handle.start("ends").await.unwrap();
    running.until("ends", State::Run).await;
    assert!(running.stop().await.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn request_for_an_unknown_name_names_it() {
    let running = start(daemon([plain("a")])).await;
    let error = running.handle.restart("b").await.unwrap_err().to_string();
    assert!(error.contains("`b`"), "{error}");
    running.stop().await;
}

/// On real threads, so the request comes at any instant of the shutdown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_during_the_shutdown_is_answered() {
    silence_scripted_panics();
    for _ in 0..2_000 {
        let handle = daemon([plain("a")]).start().await.unwrap();
        handle.wait_for("a", State::Run).await.unwrap();
        let requester = handle.clone();
        let request = tokio::spawn(async move { requester.stop("a").await });
        handle.shutdown();
        assert!(handle.wait().await.is_ok());
        let answer = tokio::time::timeout(60 * SECOND, request).await.expect("the request is answered").unwrap();
        assert!(answer.is_ok(), "{answer:?}");
    }
}
