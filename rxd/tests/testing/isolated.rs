//! One service among fakes of those that it watches.

use crate::agent::{Api, Poller};
use rxd::testing::{Behavior, FakeService, Harness};
use rxd::{Action, Cause, Context, Effect, Runner, Service, State, When};

#[tokio::test(start_paused = true)]
async fn isolated_service_watches_fakes_of_its_targets() {
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
async fn u_names_of_fakes_of_a_type_are_those_of_its_service() {
    let test = Harness::isolated(Poller { polls: 0 }).start().await;
    test.until("poller", State::Run).await;
    test.set_behavior("api", Behavior::Fail);
    test.until("poller", State::Idle).await;
    let ended = test.shutdown().await;
    ended.trace.expect("poller").leaves(State::Run).because(Cause::Reaction);
}

#[tokio::test(start_paused = true)]
async fn fake_watched_for_its_end_ends_once_its_behavior_is_ok() {
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
async fn target_watched_twice_is_one_fake() {
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

/// The real service is under test, and sees the fakes' states.
#[tokio::test(start_paused = true)]
async fn isolated_service_runs_its_own_methods() {
    struct Checks;
    impl Runner for Checks {
        async fn run(&mut self, cx: &Context) -> rxd::Result {
            assert!(cx.states()["db"].is_in(State::Run));
            Err("checked".into())
        }
    }
    let test = Harness::isolated(Service::new("checks", Checks).needs(["db"])).start().await;
    test.until("checks", State::Stop).await;
    let ended = test.shutdown().await;
    assert_eq!(ended.report.services()[1].error.as_deref(), Some("checked"));
}

#[tokio::test(start_paused = true)]
async fn isolated_service_with_several_watches_of_one_service_gets_a_fake_for_all_of_them() {
    for (first, then) in [(false, true), (true, false)] {
        let mut service = Service::new("api", FakeService::new());
        for after in [first, then] {
            service = match after {
                true => service.after(["job"]),
                false => service.watch(When::any(Action::Entering, State::Stop, ["job"]).then(Effect::Stop)),
            };
        }
        let test = Harness::isolated(service).start().await;
        test.until("job", State::Run).await;
        test.set_behavior("job", Behavior::Ok);
        test.until("api", State::Run).await;
        test.shutdown().await;
    }
}
