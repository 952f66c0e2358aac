//! Group C: what the graph does under fault.

use crate::kit::*;
use rxd::testing::{Behavior, CallLog, FakeService};
use rxd::{Action, Backoff, Cause, Effect, OnFailure, Options, Service, State, When, manager};

#[tokio::test(start_paused = true)]
async fn f41_a_hard_dependency_fails_to_start() {
    let a = fake("a", State::Init, [Behavior::Fail]).options(brisk().restarts(2, SECOND));
    let ran = run_out(daemon([plain("c").needs(["b"]), plain("b").needs(["a"]), a])).await;
    assert_eq!(ran.states("b"), "init+ init- idle+ idle- stop+ stop- exit+", "it never runs");
    let chain: Vec<(&str, Cause)> = ran.report.failures().map(|ending| (&*ending.name, ending.cause)).collect();
    assert_eq!(chain, [("a", Cause::Error), ("b", Cause::Dependency), ("c", Cause::Dependency)]);
}

#[tokio::test(start_paused = true)]
async fn f42_a_dependency_leaves_run() {
    let a = fake("a", State::Run, [Behavior::Fail.after(10 * SECOND), Behavior::UntilCancelled])
        .options(Options::DEFAULT.backoff(Backoff::fixed(5 * SECOND)));
    let gated = plain("gated").watch(When::all(Action::Entering, State::Run, ["a"]));
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let reader = Service::new(
        "reader",
        Do(move |cx: rxd::Context| {
            let told = told.clone();
            async move {
                let mut left = cx.watch_any(Action::Exited, State::Run, "a")?;
                while let Ok(Some(met)) = tokio::time::timeout(60 * SECOND, left.next()).await {
                    let _ = told.send(met.seq);
                }
                cx.cancelled().await;
                Ok(())
            }
        }),
    );
    let running = start(daemon([a, plain("needs").needs(["a"]), gated, reader])).await;
    tokio::time::sleep(60 * SECOND).await;
    let ran = running.stop().await;
    assert_eq!(ran.states("needs"), format!("{ROUND} {ROUND} exit+"), "stopped, and back");
    assert_eq!(ran.trace.entered("needs", State::Run)[1].as_secs(), 15);
    assert_eq!(ran.ending("needs").restarts, 0, "which is no failure of its own");
    assert_eq!(ran.states("gated"), format!("{ROUND} exit+"), "nothing");
    assert_eq!(ran.states("reader"), format!("{ROUND} exit+"));
    assert!(heard.recv().await.is_some(), "told");
}

#[tokio::test(start_paused = true)]
async fn f43_a_dependency_gives_up_and_an_operator_revives_it() {
    let a = fake("a", State::Init, [Behavior::Fail, Behavior::Ok]).options(brisk().restarts(0, SECOND));
    let running = start(daemon([a, plain("b").needs(["a"]), plain("z")])).await;
    running.until("b", State::Exit).await;
    // Starting what depends on one that has given up is in vain.
    let in_vain = running.handle.start("b").await.unwrap_err();
    assert_eq!(in_vain.to_string(), "service `b` has exited (dependency)");
    assert_eq!(running.handle.states()["b"].cause, Cause::Dependency);
    running.handle.start("a").await.unwrap();
    running.until("a", State::Run).await;
    running.handle.start("b").await.unwrap();
    running.until("b", State::Run).await;
    let ran = running.stop().await;
    assert!(ran.report.is_ok(), "what was revived has not failed");
}

#[tokio::test(start_paused = true)]
async fn f45_stop_before_every_single_transition_of_the_start() {
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
async fn f46_the_last_of_many_fails_to_start() {
    let chain = |n: usize| {
        let stop = [Behavior::Ok.after(SECOND)];
        let service = Service::new(format!("s{n}"), FakeService::new().on(State::Stop, stop));
        if n == 0 { service } else { service.needs([format!("s{}", n - 1)]) }
    };
    let fatal = brisk().restarts(0, SECOND).on_failure(OnFailure::Shutdown);
    let last = fake("last", State::Init, [Behavior::Fail]).options(fatal);
    let late = last.watch(When::all(Action::Entering, State::Run, ["s9"]).then(Effect::GateInit));
    let ran = run_out(daemon((0..10).map(chain).chain([late])).shutdown_timeout(11 * SECOND)).await;
    let failures: Vec<&str> = ran.report.failures().map(|ending| &*ending.name).collect();
    assert_eq!(failures, ["last"]);
    assert_eq!(ran.report.abandoned().count(), 0, "the roll-back has its own budget");
    assert_eq!(ran.took.as_secs(), 10, "one after another, in reverse");
    let exits: Vec<_> = (0..10).map(|n| ran.trace.entered(&format!("s{n}"), State::Exit)[0]).collect();
    assert!(exits.is_sorted_by(|a, b| a > b));
}

#[tokio::test(start_paused = true)]
async fn f47_a_dependent_s_stop_goes_wrong() {
    for act in [Behavior::Fail, Behavior::Panic, Behavior::Hang, Behavior::PanicWithNonString] {
        let b = fake("b", State::Stop, [act.clone()]).needs(["a"]);
        let ran = run_until(daemon([plain("a"), b, plain("z")]), "b", State::Run).await;
        assert_eq!(ran.states("a"), format!("{ROUND} exit+"), "{act:?}");
        let hangs = matches!(act, Behavior::Hang);
        assert_eq!(ran.report.abandoned().count(), usize::from(hangs));
        assert_eq!(ran.took.as_secs(), if hangs { 10 } else { 0 });
        assert_eq!(ran.trace.entered("z", State::Exit)[0].as_secs(), 0, "who has nothing to do with it does not wait");
    }
}

#[tokio::test(start_paused = true)]
async fn f48_restart_while_it_waits_for_a_dependency() {
    let probe = CallLog::new();
    let b = probed("b", FakeService::new(), &probe).needs(["a"]);
    let running = start(daemon([fake("a", State::Init, [Behavior::Ok.after(60 * SECOND)]), b])).await;
    running.until("b", State::Idle).await;
    running.handle.restart("b").await.unwrap();
    assert!(tokio::time::Instant::now().duration_since(running_start(&running)).is_zero());
    running.until("b", State::Run).await;
    let ran = running.stop().await;
    assert_eq!(ran.states("b"), format!("init+ init- idle+ idle- stop+ stop- {ROUND} exit+"));
    assert_eq!(probe.faults(), [""; 0]);
}

fn running_start(running: &Running) -> tokio::time::Instant {
    tokio::time::Instant::now() - running.handle.states()["b"].at
}

#[tokio::test(start_paused = true)]
async fn f49_an_operator_s_restart_of_one_that_may_stop_the_daemon_is_no_exit() {
    let fatal = brisk().restarts(0, SECOND).on_failure(OnFailure::Shutdown);
    let running = start(daemon([plain("a").options(fatal), plain("b")])).await;
    for _ in 0..20 {
        running.until("a", State::Run).await;
        running.handle.restart("a").await.unwrap();
    }
    running.until("a", State::Run).await;
    let ran = running.stop().await;
    assert_eq!(ran.ending("a").restarts, 0);
    assert!(ran.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f49_nothing_is_started_during_the_shutdown() {
    let running = start(daemon([plain("a"), fake("b", State::Stop, [Behavior::Ok.after(5 * SECOND)])])).await;
    running.until("b", State::Run).await;
    running.handle.shutdown();
    running.until("a", State::Exit).await;
    let refused = running.handle.start("a").await.unwrap_err();
    assert_eq!(refused.to_string(), "the daemon is stopping");
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_after_opens_only_when_it_ended_well() {
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
async fn a_gate_that_does_not_open_names_what_is_unmet() {
    let when = When::all(Action::Entering, State::Run, ["a", "b"]).within(30 * SECOND);
    let c = plain("c").watch(when).options(brisk().restarts(0, SECOND));
    let running = start(daemon([plain("a"), fake("b", State::Init, [Behavior::Hang]), c])).await;
    running.until("c", State::Exit).await;
    let ran = running.stop().await;
    assert_eq!(ran.error("c"), "waited 30s for all of `a`, `b` entering Run");
    assert_eq!(ran.ending("c").cause, Cause::Timeout);
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_init_counts_from_when_its_gates_hold() {
    let when = When::any(Action::Entering, State::Run, ["a"]).then(Effect::GateInit);
    let b = fake("b", State::Init, [Behavior::Ok.after(2 * SECOND)]).watch(when);
    let b = b.options(brisk().timeout_of(State::Init, 3 * SECOND));
    let a = fake("a", State::Init, [Behavior::Ok.after(10 * SECOND)]);
    let ran = run_until(daemon([a, b]), "b", State::Run).await;
    assert_eq!(ran.states("b"), format!("{ROUND} exit+"));
}
