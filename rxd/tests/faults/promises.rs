//! Guarantees, each in its own test.

use crate::kit::*;
use rxd::testing::{Behavior, CallLog, FakeService};
use rxd::{Action, Backoff, Cause, Context, Daemon, Effect, OnFailure, Options, State, When, manager};
use std::time::Duration;

fn fatal() -> Options {
    no_backoff().restarts(0, SECOND).on_failure(OnFailure::Shutdown)
}

fn fails_after(name: &'static str, seconds: u32) -> rxd::Service {
    fake(name, State::Run, [Behavior::Fail.after(seconds * SECOND)]).options(no_backoff().restarts(0, SECOND))
}

#[tokio::test(start_paused = true)]
async fn g3_stop_is_called_once_per_init_after_any_failure() {
    // Every failure in each method, and then almost no time to stop.
    for behavior in [
        Behavior::Fail,
        Behavior::Panic,
        Behavior::PanicWithNonString,
        Behavior::HangAndPanic,
        Behavior::Hang,
        Behavior::Cancelled,
        Behavior::Done,
    ] {
        for state in [State::Init, State::Idle, State::Run, State::Stop] {
            let call_log = CallLog::new();
            let a = with_call_log("a", FakeService::new().on(state, [behavior.clone()]), &call_log)
                .options(no_backoff().restarts(3, SECOND));
            let running = start(daemon([a, plain("b")]).shutdown_timeout(Duration::from_nanos(1))).await;
            settle().await;
            running.stop().await;
            assert_eq!(call_log.count("a", "init"), call_log.count("a", "stop"), "{behavior:?} in {state}");
            assert!(call_log.count("a", "init") > 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn g9_gate_opens_when_its_condition_holds_and_not_before() {
    let ready_at = |name, seconds: u32| fake(name, State::Init, [Behavior::Ok.after(seconds * SECOND)]);
    let leaves = fake("leaves", State::Run, [Behavior::Ok.after(7 * SECOND)]).manager(manager::until_success);
    let gated = |name, when| plain(name).watch(when);
    let services = [
        ready_at("one", 1),
        ready_at("two", 2),
        leaves,
        gated("any", When::any(Action::Entering, State::Run, ["one", "two"])),
        gated("all", When::all(Action::Entering, State::Run, ["one", "two"])),
        gated("early", When::all(Action::Exited, State::Init, ["one", "two"]).then(Effect::GateInit)),
        gated("left", When::any(Action::Exited, State::Run, ["leaves"])),
        gated("not-in", When::all(Action::NotIn, State::Init, ["one", "two"]).then(Effect::GateInit)),
        gated("changing", When::all(Action::Changing, State::Run, ["one", "leaves"])),
        plain("after").after(["leaves"]),
        // Two gates: the one that opens later decides.
        plain("both").needs(["two"]).watch(When::any(Action::Entering, State::Run, ["one"])),
    ];
    let running = start(daemon(services)).await;
    tokio::time::sleep(20 * SECOND).await;
    let ran = running.stop().await;
    let expected =
        [("any", 1), ("all", 2), ("early", 2), ("left", 7), ("not-in", 2), ("changing", 1), ("after", 7), ("both", 2)];
    for (name, second) in expected {
        assert_eq!(ran.trace.entered(name, State::Run)[0], second * SECOND, "{name}");
    }
    assert_eq!(ran.trace.entered("early", State::Init)[0], 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn g11_run_after_a_failed_start_returns_that_failure() {
    silence_scripted_panics();
    let call_log = CallLog::new();
    let bad = fake("bad", State::Init, [Behavior::Fail])
        .options(fatal())
        .watch(When::all(Action::Entering, State::Run, ["c"]).then(Effect::GateInit));
    let chain = ["a", "b", "c"].map(|name| with_call_log(name, FakeService::new(), &call_log));
    let [a, b, c] = chain;
    let daemon = daemon([a, b.needs(["a"]), c.needs(["b"]), bad]).signals([]).exit_code(9);
    let error = daemon.run().await.unwrap_err();
    assert_eq!(error.to_string(), "daemon `d` failed\n  service `bad` failed after 0 restarts: scripted failure");
    let report = error.report().unwrap();
    assert_eq!(report.exit_code(), 9);
    assert_eq!(report.failures().map(|service| &*service.name).collect::<Vec<_>>(), ["bad"]);
    assert!(["a", "b", "c"].iter().all(|name| call_log.count(name, "stop") == 1));
}

#[tokio::test(start_paused = true)]
async fn g11_start_that_is_not_ready_in_time_is_rolled_back_in_order() {
    let call_log = CallLog::new();
    let chain = ["a", "b", "c"].map(|name| with_call_log(name, FakeService::new(), &call_log));
    let [a, b, c] = chain;
    let slow = fake("slow", State::Idle, [Behavior::UntilCancelled]);
    let standby = fake("standby", State::Idle, [Behavior::UntilCancelled]);
    let standby = standby.options(Options::DEFAULT.readiness(rxd::Readiness::Optional));
    let services = [a, b.needs(["a"]), c.needs(["b"]), slow, plain("gated").needs(["slow"]), standby];
    let began = tokio::time::Instant::now();
    let error = daemon(services).signals([]).exit_code(9).start_timeout(60 * SECOND).run().await.unwrap_err();
    assert_eq!(began.elapsed(), 60 * SECOND);
    let text = "daemon `d` failed\n  start failed: not ready within 60s: slow in Idle: in its own `idle` for 60.0 s; \
                gated in Idle: waits for slow entering Run; slow in Idle: in its own `idle` for 60.0 s";
    assert_eq!(error.to_string(), text);
    let report = error.report().unwrap();
    assert_eq!((report.exit_code(), report.failures().count()), (9, 0));
    assert!(report.start_failure().is_some_and(|failure| failure.starts_with("not ready within 60s: slow")));
    assert!(["a", "b", "c"].iter().all(|name| call_log.count(name, "stop") == 1));
}

#[tokio::test(start_paused = true)]
async fn start_that_has_been_ready_in_time_is_not_failed_by_what_comes_later() {
    // `a` has been in Run, and is away when the time is over; `job` has completed.
    let a = fake("a", State::Run, [Behavior::Fail.after(SECOND)])
        .options(Options::DEFAULT.backoff(Backoff::fixed(60 * SECOND)));
    let job = fake("job", State::Run, [Behavior::Ok]).manager(manager::until_success);
    let standby = fake("standby", State::Idle, [Behavior::UntilCancelled]);
    let standby = standby.options(Options::DEFAULT.readiness(rxd::Readiness::Optional));
    let running = start(daemon([a, job, standby]).start_timeout(10 * SECOND)).await;
    tokio::time::sleep(30 * SECOND).await;
    let ran = running.stop().await;
    assert!(ran.report.is_ok(), "{}", ran.report);
}

#[tokio::test(start_paused = true)]
async fn g12_restart_limit_reached_ends_dependents_and_no_others() {
    let job = |service: rxd::Service| service.manager(manager::until_success);
    let services = [
        fails_after("a", 5),
        plain("needs").needs(["a"]),
        job(fails_after("job", 5)),
        job(plain("after").after(["job"])),
        plain("after-that").after(["after"]),
        plain("gated").watch(When::any(Action::Entering, State::Run, ["a"])),
        plain("stops").watch(When::any(Action::Exited, State::Run, ["a"]).then(Effect::Stop)),
        plain("late").watch(When::any(Action::Exited, State::Run, ["job"])),
    ];
    let running = start(daemon(services)).await;
    running.until("needs", State::Exit).await;
    tokio::time::sleep(5 * SECOND).await;
    for name in ["after", "after-that", "needs"] {
        assert_eq!(running.handle.states()[name].cause, Cause::Dependency, "{name}");
    }
    for name in ["gated", "stops", "late"] {
        assert!(running.handle.states()[name].is_in(State::Run), "{name}");
    }
    let ran = running.stop().await;
    assert_eq!(ran.states("after"), "init+ init- idle+ idle- stop+ stop- exit+");
    let mut failures: Vec<&str> = ran.report.failures().map(|service| &*service.name).collect();
    assert!(["a", "job"].contains(&failures[0]), "the first failure comes first: {failures:?}");
    failures.sort_unstable();
    assert_eq!(failures, ["a", "after", "after-that", "job", "needs"]);
}

#[tokio::test(start_paused = true)]
async fn g13_stop_order_is_the_reverse_graph_and_as_parallel_as_possible() {
    let slow = |name: &'static str| fake(name, State::Stop, [Behavior::Ok.after(SECOND)]);
    // A diamond of dependencies, and two services outside of it.
    let services = [
        slow("base"),
        slow("left").needs(["base"]),
        slow("right").watch(When::all(Action::Entering, State::Run, ["base"])),
        slow("top").needs(["left", "right"]),
        slow("alone"),
        slow("reacts").watch(When::any(Action::Exited, State::Run, ["base"]).then(Effect::Stop)),
    ];
    let running = start(daemon(services)).await;
    running.until("top", State::Run).await;
    let ran = running.stop().await;
    let stops = |name: &str| ran.trace.entered(name, State::Stop)[0].as_secs();
    assert_eq!(["top", "left", "right", "base"].map(stops), [0, 1, 1, 2]);
    assert_eq!(["alone", "reacts"].map(stops), [0, 0], "a reaction is not a dependency");
    assert_eq!(ran.took, 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn g17_stop_going_wrong_changes_no_other_stop() {
    let services = |behavior: Option<Behavior>| {
        let bad = behavior.map(|behavior| fake("bad", State::Stop, [behavior]).needs(["base"]));
        let slow = |name: &'static str| fake(name, State::Stop, [Behavior::Ok.after(SECOND)]);
        [slow("base"), slow("other").needs(["base"]), slow("alone")].into_iter().chain(bad)
    };
    let stops = |ran: &Outcome| ["base", "other", "alone"].map(|name| ran.trace.entered(name, State::Stop)[0]);
    let undisturbed = run_until(daemon(services(None)), "other", State::Run).await;
    for behavior in [Behavior::Fail, Behavior::Panic, Behavior::PanicWithNonString, Behavior::HangAndPanic] {
        let running = start(daemon(services(Some(behavior.clone())))).await;
        running.until("bad", State::Run).await;
        let ran = running.stop().await;
        // The dependency waits for the hanging stop, up to its limit.
        let waits = if matches!(behavior, Behavior::HangAndPanic) { 10 } else { 1 };
        assert_eq!(stops(&ran)[0], waits * SECOND, "{behavior:?}");
        assert_eq!(stops(&ran)[1..], stops(&undisturbed)[1..]);
    }
}

#[tokio::test(start_paused = true)]
async fn g21_restarts_up_to_the_limit_and_no_more_are_made() {
    for max in [0, 1, 2, 7] {
        let call_log = CallLog::new();
        let a = with_call_log("a", FakeService::new().on(State::Run, [Behavior::Fail]), &call_log)
            .options(no_backoff().restarts(max, SECOND));
        let ran = run_to_end(daemon([a])).await;
        assert_eq!((ran.service_report("a").restarts, call_log.count("a", "init")), (max, max as usize + 1));
    }
}

#[tokio::test(start_paused = true)]
async fn extend_after_cancellation_prolongs_run_and_stop() {
    let takes = |limit: u32| {
        let run = Behavior::call(async |cx: Context| {
            cx.cancelled().await;
            cx.extend(20 * SECOND);
            tokio::time::sleep(15 * SECOND).await;
            Ok(())
        });
        let stop = Behavior::call(async |cx: Context| {
            for _ in 0..5 {
                cx.extend(8 * SECOND);
                tokio::time::sleep(6 * SECOND).await;
            }
            Ok(())
        });
        let a = rxd::Service::new("a", FakeService::new().on(State::Run, [run]).on(State::Stop, [stop]))
            .options(no_backoff());
        run_until(daemon([a]).shutdown_timeout(limit * SECOND), "a", State::Run)
    };
    let ran = takes(60).await;
    assert!(ran.report.is_ok(), "{}", ran.report);
    assert_eq!(ran.took, 45 * SECOND);
    // The shutdown timeout holds all the same.
    let ran = takes(20).await;
    assert_eq!(ran.service_report("a").abandoned_in, Some(State::Stop));
    assert!(ran.took >= 20 * SECOND && ran.took <= 20 * SECOND + 100 * MS, "{:?}", ran.took);
}

#[tokio::test(start_paused = true)]
async fn extend_in_one_method_does_not_prolong_the_next() {
    let extends = Behavior::call(async |cx: Context| {
        cx.extend(3600 * SECOND);
        Ok(())
    });
    let fake = FakeService::new().on(State::Init, [extends]).on(State::Idle, [Behavior::Hang, Behavior::Ok]);
    let a = rxd::Service::new("a", fake).options(no_backoff().timeout_of(State::Idle, SECOND));
    let ran = run_until(daemon([a]), "a", State::Run).await;
    assert_eq!(ran.trace.entered("a", State::Run)[0], SECOND);
}

#[tokio::test(start_paused = true)]
async fn cancelled_run_without_a_declared_limit_has_ten_seconds() {
    let running = start(daemon([fake("a", State::Run, [Behavior::Hang, Behavior::UntilCancelled])])).await;
    running.until("a", State::Run).await;
    running.handle.restart("a").await.unwrap();
    let ran = running.stop().await;
    assert_eq!(ran.trace.entered("a", State::Stop)[0], 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn idle_limit_does_not_count_the_wait_for_gates() {
    let a = fake("a", State::Init, [Behavior::Ok.after(10 * SECOND)]);
    let b = plain("b").needs(["a"]).options(no_backoff().timeout_of(State::Idle, SECOND));
    let ran = run_until(daemon([a, b]), "b", State::Run).await;
    assert_eq!(ran.states("b"), format!("{INCARNATION} exit+"));
}

#[tokio::test(start_paused = true)]
async fn tasks_spawned_in_stop_end_before_exit() {
    let (sender, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let stop = Behavior::call(move |cx: Context| {
        let (sender, inner) = (sender.clone(), cx.clone());
        async move {
            cx.spawn("last", async move {
                inner.cancelled().await;
                tokio::time::sleep(SECOND).await;
                let _ = sender.send(());
            });
            Ok(())
        }
    });
    let ran = run_until(daemon([fake("a", State::Stop, [stop])]), "a", State::Run).await;
    assert_eq!(ended.try_recv(), Ok(()));
    assert_eq!(ran.trace.entered("a", State::Exit)[0], SECOND);
}

// ---- a declared daemon ---------------------------------------------------------------------

mod declared {
    use super::*;
    use rxd::Runner;
    use std::sync::Mutex;

    static CALLS: Mutex<Vec<&str>> = Mutex::new(Vec::new());

    fn record(what: &'static str) {
        CALLS.lock().unwrap().push(what);
    }

    async fn directory() -> rxd::Result {
        record("directory");
        Ok(())
    }

    async fn flaky_port() -> rxd::Result {
        record("port");
        let tried = CALLS.lock().unwrap().iter().filter(|call| **call == "port").count();
        if tried % 3 == 0 { Ok(()) } else { Err("in use".into()) }
    }

    #[rxd::service]
    struct Base;

    impl Runner for Base {
        async fn init(&mut self, _: &Context) -> rxd::Result {
            record("init");
            Ok(())
        }
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            cx.cancelled().await;
            Ok(())
        }
    }

    /// Never leaves Init.
    #[rxd::service(
        timeouts(Init = "5s"),
        backoff(base = "1s", factor = 3, max = "4s", jitter = 0),
        restarts(max = 3, within = "1h"),
        on_failure = "shutdown"
    )]
    #[needs("base")]
    struct Hangs;

    impl Runner for Hangs {
        async fn init(&mut self, _: &Context) -> rxd::Result {
            std::future::pending().await
        }
        async fn run(&mut self, _: &Context) -> rxd::Result {
            Ok(())
        }
    }

    #[rxd::daemon(
        name = "declared",
        exit_code = 5,
        signals(terminate),
        prestart(directory, flaky_port(retry = "2s", attempts = 3, timeout = "1s"))
    )]
    struct Declared {
        base: Base,
        hangs: Hangs,
    }

    #[tokio::test(start_paused = true)]
    async fn declared_limits_stages_and_exit_code_take_effect() {
        silence_scripted_panics();
        let began = tokio::time::Instant::now();
        let daemon: Daemon = Declared { base: Base, hangs: Hangs }.into_daemon();
        let error = daemon.run().await.unwrap_err();
        // Stages at 0, 2 and 4 s; then four timeouts of 5 s, and delays of 1, 3 and 4 s between
        // them.
        assert_eq!(began.elapsed().as_secs(), 4 + 4 * 5 + 1 + 3 + 4);
        let report = error.report().unwrap();
        assert_eq!(report.exit_code(), 5);
        assert_eq!(
            report.to_string(),
            "daemon `declared` failed\n  service `hangs` failed after 3 restarts: init did not return within 5s"
        );
        assert_eq!(*CALLS.lock().unwrap(), ["directory", "port", "port", "port", "init"]);
    }
}
