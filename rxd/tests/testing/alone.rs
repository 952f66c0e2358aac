//! One service alone, among fakes.

use crate::agent::{Api, Poller};
use rxd::testing::{Behavior, FakeService, Harness};
use rxd::{Action, Cause, Context, Effect, Runner, Service, State, When};

#[tokio::test(start_paused = true)]
async fn its_targets_are_fakes() {
    let test = Harness::isolated(Service::declared(Api)).replace("api", FakeService::new()).start().await;
    test.until("migrate", State::Run).await;
    assert!(test.handle().states()["api"].is_in(State::Idle));
    test.set_behavior("migrate", Behavior::Ok);
    test.until("api", State::Run).await;
    let ended = test.shutdown().await;
    ended.trace.expect("api").enters(State::Run).while_in("db", State::Run);
    assert_eq!(ended.trace.services, ["db", "migrate", "api"]);
}

#[tokio::test(start_paused = true)]
async fn a_type_is_a_name_too() {
    let test = Harness::isolated(Poller { polls: 0 }).start().await;
    test.until("poller", State::Run).await;
    test.set_behavior("Api", Behavior::Fail);
    test.until("poller", State::Idle).await;
    let ended = test.shutdown().await;
    ended.trace.expect("poller").leaves(State::Run).because(Cause::Reaction);
}

#[tokio::test(start_paused = true)]
async fn what_it_waits_to_end_ends_when_it_is_told_to() {
    let api = Service::new("api", FakeService::new()).watch(When::all(Action::Entering, State::Exit, ["a", "b"]));
    let test = Harness::isolated(api).start().await;
    test.set_behavior("a", Behavior::Ok);
    test.until("a", State::Exit).await;
    test.settle().await;
    assert!(test.handle().states()["api"].is_in(State::Idle));
    test.set_behavior("b", Behavior::Ok);
    test.until("api", State::Run).await;
    test.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_watched_twice_is_one_fake() {
    let api = Service::new("api", FakeService::new())
        .watch(When::any(Action::Entering, State::Run, ["db"]))
        .watch(When::any(Action::Exited, State::Run, ["db"]).then(Effect::Exit));
    let test = Harness::isolated(api).start().await;
    test.until("api", State::Run).await;
    test.set_behavior("db", Behavior::Fail);
    test.until("api", State::Exit).await;
    let ended = test.shutdown().await;
    ended.trace.expect("api").enters(State::Exit).because(Cause::Reaction);
}

/// The real one is under test: what it asks of its neighbours it gets from fakes.
#[tokio::test(start_paused = true)]
async fn its_own_methods_are_called() {
    struct Asks;
    impl Runner for Asks {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            assert!(cx.states()["db"].is_in(State::Run));
            Err("asked".into())
        }
    }
    let test = Harness::isolated(Service::new("asks", Asks).needs(["db"])).start().await;
    test.until("asks", State::Stop).await;
    let ended = test.shutdown().await;
    assert_eq!(ended.report.services()[1].error.as_deref(), Some("asked"));
}
