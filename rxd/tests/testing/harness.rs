//! A daemon in a harness, with fakes whose behavior is set while it runs.

use crate::agent::{agent, harness, panic_of};
use rxd::testing::{Behavior, CallLog, FakeService, Harness};
use rxd::{Cause, Context, Daemon, Runner, Service, State};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn fake_keeps_the_declaration_of_its_service() {
    let test = harness().start().await;
    // `migrate` is until_success, and `api` waits for it: both come from the declaration.
    test.until("migrate", State::Run).await;
    test.settle().await;
    assert!(test.handle().why("api").unwrap().to_string().contains("waits for migrate"));
    test.set_behavior("migrate", Behavior::Ok);
    test.until("poller", State::Run).await;

    // The back-off and the dependents of `db` come from the declaration too.
    test.set_behavior("db", Behavior::Fail);
    test.until("poller", State::Idle).await;
    test.until("poller", State::Run).await;
    let ended = test.shutdown().await;
    assert!(ended.report.is_ok());
    ended.trace.expect("db").enters(State::Run).times(2);
    ended.trace.expect("migrate").enters(State::Exit).times(1).because(Cause::Normal);
    ended.trace.expect("api").enters(State::Run).while_in("db", State::Run).after_it_enters("migrate", State::Exit);
    ended.trace.expect("poller").enters(State::Exit).before("api").because(Cause::Shutdown);
    let db = ended.trace.entered("db", State::Init);
    let waited = db[1] - ended.trace.entered("db", State::Stop)[0];
    assert!(waited >= SECOND && waited < SECOND * 11 / 10, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn u_all_fakes_leave_what_is_replaced_already() {
    struct Own;
    impl Runner for Own {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            cx.cancelled().await;
            Ok(())
        }
    }
    let db = FakeService::new().on(State::Init, [Behavior::Fail, Behavior::Ok]);
    let test = Harness::new(agent()).fake("db", db).replace("api", Own).fake_all().start().await;
    test.until("migrate", State::Run).await;
    test.set_behavior("migrate", Behavior::Ok);
    test.until("poller", State::Run).await;
    let runs = ["db", "migrate", "api", "poller"].map(|name| test.call_log().count(name, "run"));
    assert_eq!((test.call_log().count("db", "init"), runs), (2, [1, 1, 0, 1]));
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn fake_with_a_scripted_reload_reloads() {
    let db = FakeService::new().on_reload([Behavior::Fail, Behavior::Ok]);
    let test = harness().fake("db", db).start().await;
    test.until("db", State::Run).await;
    let error = test.handle().reload("db").await.unwrap_err().to_string();
    assert_eq!(error, "failed to reload service `db`: scripted failure");
    test.handle().reload("db").await.unwrap();
    test.set_behavior("db", Behavior::Fail); // its behavior can be set like that of any fake
    test.until("db", State::Stop).await;
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn fake_panicking_repeatedly_reaches_its_declared_restart_limit() {
    let test = harness().start().await;
    test.set_behavior("migrate", Behavior::Ok);
    test.until("poller", State::Run).await;
    for _ in 0..4 {
        test.until("db", State::Run).await;
        test.set_behavior("db", Behavior::Panic);
        test.until("db", State::Stop).await;
    }
    test.until("api", State::Exit).await;
    let ended = test.shutdown().await;
    assert_eq!(ended.report.failures().map(|service| &*service.name).collect::<Vec<_>>(), ["db", "api"]);
    ended.trace.expect("api").enters(State::Exit).because(Cause::Dependency).after("db");
    ended.trace.expect("db").leaves(State::Run).because(Cause::Panic).times(4);
}

#[tokio::test(start_paused = true)]
async fn fake_hanging_is_dropped_at_its_limit() {
    let test = harness().start().await;
    test.set_behavior("migrate", Behavior::Ok);
    test.until("api", State::Run).await;
    test.set_behavior("api", Behavior::Hang);
    test.set_behavior("db", Behavior::Fail);
    test.until("api", State::Stop).await;
    let ended = test.shutdown().await;
    let left = ended.trace.entered("api", State::Stop)[0] - ended.trace.entered("db", State::Stop)[0];
    assert_eq!(left.as_secs(), 10, "the default limit");
}

#[tokio::test(start_paused = true)]
async fn behaviors_set_are_taken_by_the_waiting_method_first() {
    let log = CallLog::new();
    let a = Service::new("a", FakeService::manual().call_log(&log));
    let handle = Daemon::new("d").signals([]).add(a).start().await.unwrap();
    for method in ["init", "idle", "run", "stop"] {
        while log.running("a") != Some(method) {
            tokio::task::yield_now().await;
        }
        log.set_behavior("a", Behavior::Ok);
    }
    // Three behaviors at once are for three calls.
    (0..3).for_each(|_| log.set_behavior("a", Behavior::Ok));
    handle.wait_for("a", State::Run).await.unwrap();
    assert!(log.faults().is_empty());
}

#[tokio::test(start_paused = true)]
async fn replaced_service_runs_the_given_methods() {
    struct Once;
    impl Runner for Once {
        async fn run(&mut self, _cx: &Context) -> rxd::Result {
            Ok(())
        }
    }
    let test = harness().replace("migrate", Once).start().await;
    test.until("poller", State::Run).await;
    assert!(
        panic_of(|| test.set_behavior("migrate", Behavior::Ok))
            .starts_with("cannot set a behavior: `migrate` is not a fake")
    );
    assert!(test.shutdown().await.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn until_a_state_never_reached_panics_with_why() {
    let test = harness().start().await;
    let waiting = tokio::spawn(async move { test.until("poller", State::Run).await });
    let text = waiting.await.expect_err("`migrate` does not end").into_panic();
    let text = text.downcast::<String>().unwrap();
    assert!(text.contains("service `poller` is not in Run after 86400s"), "{text}");
    assert!(text.contains("migrate in Run"), "{text}");
    assert!(text.contains("seq") && text.contains("run+"), "{text}");
}

#[tokio::test]
async fn harness_in_real_time_refuses_to_start() {
    let running = tokio::spawn(async { harness().start().await });
    let text = running.await.expect_err("time is not paused").into_panic();
    assert!(text.downcast::<&str>().unwrap().contains("start_paused = true"));
}

#[test]
fn harness_given_an_unknown_name_panics() {
    let text = panic_of(|| drop(harness().fake("dv", FakeService::new())));
    assert_eq!(
        text,
        "no service is named `dv`\nhelp: did you mean `db`? it has: `db`, `migrate`, `api`, `poller`, `spare`"
    );
    assert!(panic_of(|| drop(harness().fake_all_except("pollr"))).contains("did you mean `poller`?"));
    assert_eq!(
        panic_of(|| drop(Harness::new(agent()).fake("spare", FakeService::new()))),
        "service `spare` is switched off, so nothing can replace it"
    );
}

#[tokio::test(start_paused = true)]
async fn behavior_set_for_a_real_service_panics() {
    let test = harness().start().await;
    let text = panic_of(|| test.set_behavior("poller", Behavior::Fail));
    assert_eq!(text, r#"cannot set a behavior: `poller` is not a fake; the fakes are ["db", "migrate", "api"]"#);
}

#[tokio::test(start_paused = true)]
async fn harness_of_a_refused_daemon_returns_the_error() {
    let error =
        Harness::new(Daemon::new("d").add(Service::new("a", FakeService::new()).needs(["b"]))).try_start().await;
    assert!(error.unwrap_err().is_graph());
}

#[tokio::test(start_paused = true)]
async fn operator_restart_during_back_off_restarts_at_once() {
    let test = harness().start().await;
    test.set_behavior("migrate", Behavior::Ok);
    test.until("poller", State::Run).await;
    test.set_behavior("db", Behavior::Fail);
    test.until("db", State::Stop).await;
    test.settle().await;
    test.handle().restart("db").await.unwrap();
    test.until("poller", State::Run).await;
    let ended = test.shutdown().await;
    assert!(ended.took < SECOND, "{:?}", ended.took);
}

#[tokio::test(start_paused = true)]
async fn operator_start_after_exit_begins_a_new_life() {
    let test = harness().start().await;
    test.until("migrate", State::Run).await;
    test.handle().stop("db").await.unwrap();
    test.handle().start("db").await.unwrap();
    test.set_behavior("migrate", Behavior::Ok);
    test.until("poller", State::Run).await;
    test.shutdown().await.trace.expect("db").enters(State::Exit).times(2);
}

#[tokio::test(start_paused = true)]
async fn wait_for_a_daemon_that_does_not_end_panics_with_the_timeline() {
    let test = harness().start().await;
    let waiting = tokio::spawn(test.wait());
    let text = waiting.await.expect_err("nothing stops the daemon").into_panic().downcast::<String>().unwrap();
    assert!(text.starts_with("daemon `agent` did not end within 86400s; call `shutdown`\n     seq  at  db"), "{text}");
}
