//! Fakes that are told what to do while the daemon runs, in a graph that is the real one.

use crate::agent::{agent, harness, panic_of};
use rxd::testing::{Behavior, CallLog, FakeService, Harness};
use rxd::{Cause, Context, Daemon, Runner, Service, State};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_fake_keeps_the_declaration() {
    let test = harness().start().await;
    // `migrate` is until_success, and `api` waits for it: neither is written in the test.
    test.until("migrate", State::Run).await;
    test.settle().await;
    assert!(test.handle().why("api").unwrap().to_string().contains("waits for migrate"));
    test.set_behavior("migrate", Behavior::Ok);
    test.until("poller", State::Run).await;

    // Its back-off is the declared one, and so are those who need it.
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
async fn a_fake_that_is_told_what_to_do_on_a_reload_has_one() {
    let db = FakeService::new().on_reload([Behavior::Fail, Behavior::Ok]);
    let test = harness().fake("db", db).start().await;
    test.until("db", State::Run).await;
    let error = test.handle().reload("db").await.unwrap_err().to_string();
    assert_eq!(error, "failed to reload service `db`: told to fail");
    test.handle().reload("db").await.unwrap();
    test.set_behavior("db", Behavior::Fail); // a fake like any other
    test.until("db", State::Stop).await;
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn told_to_panic_again_and_again_it_gives_up_as_declared() {
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
    assert_eq!(ended.report.failures().map(|ending| &*ending.name).collect::<Vec<_>>(), ["db", "api"]);
    ended.trace.expect("api").enters(State::Exit).because(Cause::Dependency).after("db");
    ended.trace.expect("db").leaves(State::Run).because(Cause::Panic).times(4);
}

#[tokio::test(start_paused = true)]
async fn told_to_hang_it_is_dropped_at_its_limit() {
    let test = harness().start().await;
    test.set_behavior("migrate", Behavior::Ok);
    test.until("api", State::Run).await;
    test.set_behavior("api", Behavior::Hang);
    test.set_behavior("db", Behavior::Fail);
    test.until("api", State::Stop).await;
    let ended = test.shutdown().await;
    let left = ended.trace.entered("api", State::Stop)[0] - ended.trace.entered("db", State::Stop)[0];
    assert_eq!(left.as_secs(), 10, "the limit of whoever declares none");
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_told_first_and_then_what_comes() {
    let probe = CallLog::new();
    let a = Service::new("a", FakeService::held().call_log(&probe));
    let handle = Daemon::new("d").signals([]).add(a).start().await.unwrap();
    for method in ["init", "idle", "run", "stop"] {
        while probe.running("a") != Some(method) {
            tokio::task::yield_now().await;
        }
        probe.set_behavior("a", Behavior::Ok);
    }
    // Three at once are for three calls.
    (0..3).for_each(|_| probe.set_behavior("a", Behavior::Ok));
    handle.wait_for("a", State::Run).await.unwrap();
    assert!(probe.faults().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_fake_of_ones_own() {
    struct Once;
    impl Runner for Once {
        async fn run(&mut self, _cx: &Context) -> rxd::Result {
            Ok(())
        }
    }
    let test = harness().replace("migrate", Once).start().await;
    test.until("poller", State::Run).await;
    assert!(panic_of(|| test.set_behavior("migrate", Behavior::Ok)).starts_with("`migrate` is no fake"));
    assert!(test.shutdown().await.report.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_service_of_which_nothing_can_come_is_explained() {
    let test = harness().start().await;
    let waiting = tokio::spawn(async move { test.until("poller", State::Run).await });
    let text = waiting.await.expect_err("nobody told migrate").into_panic();
    let text = text.downcast::<String>().unwrap();
    assert!(text.contains("service `poller` is not in Run after 86400s"), "{text}");
    assert!(text.contains("migrate in Run"), "{text}");
    assert!(text.contains("seq") && text.contains("run+"), "{text}");
}

#[tokio::test]
async fn time_that_goes_on_is_refused() {
    let running = tokio::spawn(async { harness().start().await });
    let text = running.await.expect_err("time is not paused").into_panic();
    assert!(text.downcast::<&str>().unwrap().contains("start_paused = true"));
}

#[test]
fn names_are_checked() {
    let text = panic_of(|| drop(harness().fake("dv", FakeService::new())));
    assert_eq!(
        text,
        "no service is named `dv`\nhelp: did you mean `db`? it has: `db`, `migrate`, `api`, `poller`, `spare`"
    );
    assert!(panic_of(|| drop(harness().fake_all_except("pollr"))).contains("did you mean `poller`?"));
    assert_eq!(
        panic_of(|| drop(Harness::new(agent()).fake("spare", FakeService::new()))),
        "service `spare` is switched off"
    );
}

#[tokio::test(start_paused = true)]
async fn only_fakes_can_be_told() {
    let test = harness().start().await;
    let text = panic_of(|| test.set_behavior("poller", Behavior::Fail));
    assert_eq!(text, r#"`poller` is no fake; those are: ["db", "migrate", "api"]"#);
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_cannot_work_does_not_start() {
    let error =
        Harness::new(Daemon::new("d").add(Service::new("a", FakeService::new()).needs(["b"]))).try_start().await;
    assert!(error.unwrap_err().is_graph());
}

#[tokio::test(start_paused = true)]
async fn an_operator_cuts_a_wait_short() {
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
async fn an_operator_brings_back_what_has_ended() {
    let test = harness().start().await;
    test.until("migrate", State::Run).await;
    test.handle().stop("db").await.unwrap();
    test.handle().start("db").await.unwrap();
    test.set_behavior("migrate", Behavior::Ok);
    test.until("poller", State::Run).await;
    test.shutdown().await.trace.expect("db").enters(State::Exit).times(2);
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_does_not_end_is_shown() {
    let test = harness().start().await;
    let waiting = tokio::spawn(test.wait());
    let text = waiting.await.expect_err("nobody stops it").into_panic().downcast::<String>().unwrap();
    assert!(text.starts_with("daemon `agent` does not end\n     seq  at  db"), "{text}");
}
