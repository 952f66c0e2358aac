//! Group C: faults of services that depend on each other.

use crate::kit::*;
use rxd::testing::{Behavior, CallLog, FakeService};
use rxd::{Action, Backoff, Cause, Effect, OnFailure, Options, Service, State, When, manager};

#[tokio::test(start_paused = true)]
async fn f41_dependency_failing_to_start_ends_its_dependents() {
    let a = fake("a", State::Init, [Behavior::Fail]).options(no_backoff().restarts(2, SECOND));
    let ran = run_to_end(daemon([plain("c").needs(["b"]), plain("b").needs(["a"]), a])).await;
    assert_eq!(ran.states("b"), "init+ init- idle+ idle- stop+ stop- exit+", "`b` never runs");
    let chain: Vec<(&str, Cause)> = ran.report.failures().map(|service| (&*service.name, service.cause)).collect();
    assert_eq!(chain, [("a", Cause::Error), ("b", Cause::Dependency), ("c", Cause::Dependency)]);
}

#[tokio::test(start_paused = true)]
async fn f42_dependency_leaving_run_stops_only_those_that_need_it() {
    let a = fake("a", State::Run, [Behavior::Fail.after(10 * SECOND), Behavior::UntilCancelled])
        .options(Options::DEFAULT.backoff(Backoff::fixed(5 * SECOND)));
    let gated = plain("gated").watch(When::all(Action::Entering, State::Run, ["a"]));
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let reader = Service::new(
        "reader",
        RunFn(move |cx: rxd::Context| {
            let sender = sender.clone();
            async move {
                let mut left = cx.watch_any(Action::Exited, State::Run, "a")?;
                while let Ok(Some(event)) = tokio::time::timeout(60 * SECOND, left.next()).await {
                    let _ = sender.send(event.seq);
                }
                cx.cancelled().await;
                Ok(())
            }
        }),
    );
    let running = start(daemon([a, plain("needs").needs(["a"]), gated, reader])).await;
    tokio::time::sleep(60 * SECOND).await;
    let ran = running.stop().await;
    assert_eq!(ran.states("needs"), format!("{INCARNATION} {INCARNATION} exit+"), "stopped and restarted");
    assert_eq!(ran.trace.entered("needs", State::Run)[1].as_secs(), 15);
    assert_eq!(ran.service_report("needs").restarts, 0, "not a failure of `needs`");
    assert_eq!(ran.states("gated"), format!("{INCARNATION} exit+"), "`gated` stays in Run");
    assert_eq!(ran.states("reader"), format!("{INCARNATION} exit+"));
    assert!(receiver.recv().await.is_some(), "the stream reports it");
}

#[tokio::test(start_paused = true)]
async fn f43_dependency_started_again_by_an_operator_lets_dependents_start() {
    let a = fake("a", State::Init, [Behavior::Fail, Behavior::Ok]).options(no_backoff().restarts(0, SECOND));
    let running = start(daemon([a, plain("b").needs(["a"]), plain("z")])).await;
    running.until("b", State::Exit).await;
    // A dependent of a failed service cannot be started.
    let refused = running.handle.start("b").await.unwrap_err();
    assert_eq!(refused.to_string(), "service `b` has exited (dependency)");
    assert_eq!(running.handle.states()["b"].cause, Cause::Dependency);
    running.handle.start("a").await.unwrap();
    running.until("a", State::Run).await;
    running.handle.start("b").await.unwrap();
    running.until("b", State::Run).await;
    let ran = running.stop().await;
    assert!(ran.report.is_ok(), "a service started again has not failed");
}

#[tokio::test(start_paused = true)]
async fn f45_shutdown_at_any_transition_of_the_start_ends_well() {
    let build = || {
        let c = plain("c").watch(When::all(Action::Exited, State::Init, ["a", "b"]).then(Effect::GateInit));
        let d = Service::new("d", FakeService::new().on(State::Run, [Behavior::Ok]))
            .manager(manager::until_success)
            .needs(["c"]);
        daemon([plain("a"), plain("b").needs(["a"]), c, d, plain("e").after(["d"])])
    };
    let whole = run_until(build(), "e", State::Run).await.trace;
    let start_up = whole.steps.iter().position(|step| step.service == "e" && step.enters(State::Run)).unwrap();
    for at in 0..=start_up as u64 {
        let running = start(build()).await;
        let mut all = running.handle.watch_states(rxd::Filter::None).unwrap();
        let mut seen = 0;
        while seen < at {
            if let rxd::StateEvent::Changed(state) = all.next().await.unwrap() {
                seen = state.seq;
            }
        }
        let ran = running.stop().await;
        assert!(ran.report.is_ok(), "at {at}: {}", ran.report);
        assert!(ran.took < 100 * MS);
    }
}

#[tokio::test(start_paused = true)]
async fn f46_last_service_failing_to_start_stops_the_others_in_reverse() {
    let chain = |n: usize| {
        let stop = [Behavior::Ok.after(SECOND)];
        let service = Service::new(format!("s{n}"), FakeService::new().on(State::Stop, stop));
        if n == 0 { service } else { service.needs([format!("s{}", n - 1)]) }
    };
    let fatal = no_backoff().restarts(0, SECOND).on_failure(OnFailure::Shutdown);
    let last = fake("last", State::Init, [Behavior::Fail]).options(fatal);
    let late = last.watch(When::all(Action::Entering, State::Run, ["s9"]).then(Effect::GateInit));
    let ran = run_to_end(daemon((0..10).map(chain).chain([late])).shutdown_timeout(11 * SECOND)).await;
    let failures: Vec<&str> = ran.report.failures().map(|service| &*service.name).collect();
    assert_eq!(failures, ["last"]);
    assert_eq!(ran.report.abandoned().count(), 0, "the roll-back has its own budget");
    assert_eq!(ran.took.as_secs(), 10, "stops one after another, in reverse order");
    let exits: Vec<_> = (0..10).map(|n| ran.trace.entered(&format!("s{n}"), State::Exit)[0]).collect();
    assert!(exits.is_sorted_by(|a, b| a > b));
}

/// As the guide says: a job that has ended holds back no service that it needed.
#[tokio::test(start_paused = true)]
async fn u11_gate_on_run_orders_the_stop_past_a_job_that_has_ended() {
    let db_stops_at = async |gated: bool| {
        let job = fake("migrate", State::Run, [Behavior::Ok]).manager(manager::until_success).needs(["db"]);
        let api = fake("api", State::Stop, [Behavior::Ok.after(SECOND)]).after(["migrate"]);
        let api = if gated { api.watch(When::any(Action::Entering, State::Run, ["db"])) } else { api };
        let running = start(daemon([plain("db"), job, api])).await;
        running.until("api", State::Run).await;
        running.stop().await.trace.entered("db", State::Stop)[0].as_secs()
    };
    assert_eq!((db_stops_at(false).await, db_stops_at(true).await), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn f47_stop_of_a_dependent_going_wrong_still_stops_the_dependency() {
    for behavior in [Behavior::Fail, Behavior::Panic, Behavior::Hang, Behavior::PanicWithNonString] {
        let b = fake("b", State::Stop, [behavior.clone()]).needs(["a"]);
        let ran = run_until(daemon([plain("a"), b, plain("z")]), "b", State::Run).await;
        assert_eq!(ran.states("a"), format!("{INCARNATION} exit+"), "{behavior:?}");
        let hangs = matches!(behavior, Behavior::Hang);
        assert_eq!(ran.report.abandoned().count(), usize::from(hangs));
        assert_eq!(ran.took.as_secs(), if hangs { 10 } else { 0 });
        assert_eq!(ran.trace.entered("z", State::Exit)[0].as_secs(), 0, "an independent service does not wait");
    }
}

#[tokio::test(start_paused = true)]
async fn f48_restart_while_waiting_for_a_dependency_is_prompt() {
    let call_log = CallLog::new();
    let b = with_call_log("b", FakeService::new(), &call_log).needs(["a"]);
    let running = start(daemon([fake("a", State::Init, [Behavior::Ok.after(60 * SECOND)]), b])).await;
    running.until("b", State::Idle).await;
    running.handle.restart("b").await.unwrap();
    assert!(tokio::time::Instant::now().duration_since(running_start(&running)).is_zero());
    running.until("b", State::Run).await;
    let ran = running.stop().await;
    assert_eq!(ran.states("b"), format!("init+ init- idle+ idle- stop+ stop- {INCARNATION} exit+"));
    assert_eq!(call_log.faults(), [""; 0]);
}

fn running_start(running: &Running) -> tokio::time::Instant {
    tokio::time::Instant::now() - running.handle.states()["b"].at
}

#[tokio::test(start_paused = true)]
async fn f49_operator_restart_of_a_fatal_service_does_not_stop_the_daemon() {
    let fatal = no_backoff().restarts(0, SECOND).on_failure(OnFailure::Shutdown);
    let running = start(daemon([plain("a").options(fatal), plain("b")])).await;
    for _ in 0..20 {
        running.until("a", State::Run).await;
        running.handle.restart("a").await.unwrap();
    }
    running.until("a", State::Run).await;
    let ran = running.stop().await;
    assert_eq!(ran.service_report("a").restarts, 0);
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f49_start_during_the_shutdown_is_refused() {
    let running = start(daemon([plain("a"), fake("b", State::Stop, [Behavior::Ok.after(5 * SECOND)])])).await;
    running.until("b", State::Run).await;
    running.handle.shutdown();
    running.until("a", State::Exit).await;
    let refused = running.handle.start("a").await.unwrap_err();
    assert_eq!(refused.to_string(), "the daemon is stopping");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn after_opens_only_once_its_target_completed() {
    for (run, well) in [(Behavior::Ok, true), (Behavior::UntilCancelled, false)] {
        let a = fake("a", State::Run, [Behavior::Fail, run]).manager(manager::until_success);
        let running = start(daemon([a, plain("b").after(["a"]), plain("z")])).await;
        tokio::time::sleep(SECOND).await;
        if !well {
            running.handle.stop("a").await.unwrap();
        }
        tokio::time::sleep(SECOND).await;
        let expected = if well { State::Run } else { State::Idle };
        assert!(running.handle.states()["b"].is_in(expected));
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn gate_that_times_out_names_what_is_unmet() {
    let when = When::all(Action::Entering, State::Run, ["a", "b"]).within(30 * SECOND);
    let c = plain("c").watch(when).options(no_backoff().restarts(0, SECOND));
    let running = start(daemon([plain("a"), fake("b", State::Init, [Behavior::Hang]), c])).await;
    running.until("c", State::Exit).await;
    let ran = running.stop().await;
    assert_eq!(ran.error("c"), "waited 30s for all of `a`, `b` entering Run");
    assert_eq!(ran.service_report("c").cause, Cause::Timeout);
}

#[tokio::test(start_paused = true)]
async fn init_limit_counts_from_when_its_gates_hold() {
    let when = When::any(Action::Entering, State::Run, ["a"]).then(Effect::GateInit);
    let b = fake("b", State::Init, [Behavior::Ok.after(2 * SECOND)]).watch(when);
    let b = b.options(no_backoff().timeout_of(State::Init, 3 * SECOND));
    let a = fake("a", State::Init, [Behavior::Ok.after(10 * SECOND)]);
    let ran = run_until(daemon([a, b]), "b", State::Run).await;
    assert_eq!(ran.states("b"), format!("{INCARNATION} exit+"));
}
