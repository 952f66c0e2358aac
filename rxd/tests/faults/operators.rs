//! What an operator may ask of one service.

use crate::kit::*;
use rxd::testing::{Behavior, CallLog, FakeService, ReloadingFake};
use rxd::{Action, Backoff, Cause, Effect, Options, Service, State, When};

#[tokio::test(start_paused = true)]
async fn stop_and_start_return_when_it_is_so() {
    let probe = CallLog::new();
    let a = probed("a", FakeService::new().on(State::Stop, [Behavior::Ok.after(SECOND)]), &probe);
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
    assert_eq!(ran.states("a"), format!("{ROUND} exit+ {ROUND} exit+"));
    assert_eq!(ran.ending("a").restarts, 0);
    assert!(ran.report.is_ok());
    assert_eq!(probe.faults(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn restart_goes_through_stop_whatever_the_service_does() {
    for (state, act) in [
        (State::Init, Behavior::Hang),
        (State::Idle, Behavior::Hang),
        (State::Run, Behavior::Hang),
        (State::Stop, Behavior::Hang),
    ] {
        let probe = CallLog::new();
        let fake = FakeService::new()
            .on(state, [act, if state == State::Run { Behavior::UntilCancelled } else { Behavior::Ok }]);
        let fake =
            if state == State::Stop { fake.on(State::Run, [Behavior::Fail, Behavior::UntilCancelled]) } else { fake };
        let running = start(daemon([probed("a", fake, &probe)])).await;
        running.until("a", state).await;
        let again = running.handle.restart("a").await;
        again.unwrap();
        running.until("a", State::Run).await;
        let ran = running.stop().await;
        assert!(ran.report.is_ok(), "{state}: {}", ran.report);
        assert_eq!(probe.faults(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn restart_cuts_a_back_off_short() {
    let options = Options::DEFAULT.backoff(Backoff::fixed(3600 * SECOND));
    let running =
        start(daemon([fake("a", State::Run, [Behavior::Fail, Behavior::UntilCancelled]).options(options)])).await;
    tokio::time::sleep(SECOND).await;
    running.handle.restart("a").await.unwrap();
    running.until("a", State::Run).await;
    assert_eq!(running.stop().await.took, SECOND);
}

#[tokio::test(start_paused = true)]
async fn the_delay_before_init_begins_when_the_restart_is_asked_for() {
    let options = Options::DEFAULT.backoff(Backoff::fixed(3600 * SECOND)).delay_of(State::Init, 10 * SECOND);
    let running =
        start(daemon([fake("a", State::Run, [Behavior::Fail, Behavior::UntilCancelled]).options(options)])).await;
    tokio::time::sleep(5 * SECOND).await;
    running.handle.restart("a").await.unwrap();
    assert_eq!(running.stop().await.took, 15 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn start_during_a_back_off_returns_when_it_has_begun_again() {
    let options = Options::DEFAULT.backoff(Backoff::fixed(10 * SECOND));
    let running =
        start(daemon([fake("a", State::Run, [Behavior::Fail, Behavior::UntilCancelled]).options(options)])).await;
    tokio::time::sleep(SECOND).await;
    running.handle.start("a").await.unwrap();
    assert_eq!(running.handle.states()["a"].incarnation, 2);
    assert_eq!(running.stop().await.took, 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn stop_is_more_than_what_is_asked_for_with_it() {
    let probe = CallLog::new();
    let a = Service::new("a", ReloadingFake(FakeService::new().call_log(&probe))).options(brisk());
    let running = start(daemon([a, plain("b")])).await;
    running.until("a", State::Run).await;
    let (reload, stop, restart) =
        tokio::join!(running.handle.reload("a"), running.handle.stop("a"), running.handle.restart("a"));
    assert!(stop.is_ok());
    assert_eq!(reload.unwrap_err().to_string(), "service `a` has exited (operator)");
    assert_eq!(restart.unwrap_err().to_string(), "service `a` has exited (operator)");
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("{ROUND} exit+"));
    assert_eq!(probe.calls("a"), ["init", "idle", "run", "stop"]);
}

#[tokio::test(start_paused = true)]
async fn restart_again_and_again_does_not_put_the_delay_before_init_off() {
    let options = brisk().delay_of(State::Init, 10 * SECOND);
    let running = start(daemon([plain("a").options(options)])).await;
    running.until("a", State::Run).await;
    let began = tokio::time::Instant::now();
    let asked: Vec<_> = (0..9)
        .map(|n: u32| {
            let handle = running.handle.clone();
            tokio::spawn(async move {
                tokio::time::sleep(n * SECOND).await;
                handle.restart("a").await
            })
        })
        .collect();
    for asked in asked {
        asked.await.unwrap().unwrap();
    }
    assert_eq!(began.elapsed(), 10 * SECOND);
    let ran = running.stop().await;
    assert!(ran.states("a").starts_with(&format!("{ROUND} init+")));
}

#[tokio::test(start_paused = true)]
async fn g25_a_new_life_has_a_budget_of_its_own() {
    let probe = CallLog::new();
    let options = Options::DEFAULT.backoff(Backoff::DEFAULT.jitter(0.0)).restarts(2, 3600 * SECOND);
    let a = probed("a", FakeService::new().on(State::Run, [Behavior::Fail]), &probe).options(options);
    let running = start(daemon([a, plain("b")])).await;
    running.until("a", State::Exit).await;
    assert_eq!(probe.count("a", "init"), 3);
    let began = tokio::time::Instant::now();
    running.handle.start("a").await.unwrap();
    running.until("a", State::Exit).await;
    assert_eq!(probe.count("a", "init"), 6);
    assert_eq!(began.elapsed(), 300 * MS, "100 ms and 200 ms, from the first again");
    let ran = running.stop().await;
    assert!(!ran.report.is_ok(), "it gave up after all");
}

#[tokio::test(start_paused = true)]
async fn what_came_true_while_it_was_in_exit_and_does_no_more_is_history() {
    let a = fake("a", State::Run, [Behavior::Fail.after(SECOND), Behavior::UntilCancelled])
        .options(brisk().restarts(0, SECOND));
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
async fn many_at_once_are_one() {
    let probe = CallLog::new();
    let running = start(daemon([probed("a", FakeService::new(), &probe)])).await;
    running.until("a", State::Run).await;
    let asked = (0..100).map(|n| {
        let handle = running.handle.clone();
        tokio::spawn(async move {
            match n % 3 {
                0 => handle.restart("a").await,
                1 => handle.reload("a").await,
                _ => handle.start("a").await,
            }
        })
    });
    for asked in asked.collect::<Vec<_>>() {
        asked.await.unwrap().unwrap();
    }
    running.until("a", State::Run).await;
    let ran = running.stop().await;
    assert_eq!(ran.states("a"), format!("{ROUND} {ROUND} exit+"));
    assert_eq!(probe.faults(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_last_service_may_be_stopped_only_once() {
    // With its last service the daemon ends: a start that comes in between is refused, or wins.
    let running = start(daemon([plain("a")])).await;
    running.until("a", State::Run).await;
    running.handle.stop("a").await.unwrap();
    let again = running.handle.start("a").await;
    if again.is_ok() {
        running.handle.shutdown();
    }
    let ran = running.end().await;
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_name_is_said_to_be_one() {
    let running = start(daemon([plain("a")])).await;
    let error = running.handle.restart("b").await.unwrap_err().to_string();
    assert!(error.contains("`b`"), "{error}");
    running.stop().await;
}

/// On real threads: what is asked comes at any instant of the stop.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_while_all_stops_is_answered() {
    quiet();
    for _ in 0..2_000 {
        let handle = daemon([plain("a")]).start().await.unwrap();
        handle.wait_for("a", State::Run).await.unwrap();
        let asks = handle.clone();
        let asking = tokio::spawn(async move { asks.stop("a").await });
        handle.shutdown();
        assert!(handle.wait().await.is_ok());
        let answer = tokio::time::timeout(60 * SECOND, asking).await.expect("it is answered").unwrap();
        assert!(answer.is_ok(), "{answer:?}");
    }
}
