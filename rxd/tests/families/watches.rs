//! What a watch on a family means, as its members come and go.

use crate::kit::{daemon, is_in, service, settle, stop, workers};
use rxd::{Action, Context, Daemon, Effect, Family, Service, State, When};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn f10_needs_a_family_means_all_of_its_members() {
    let handle = daemon(3, |api| api.needs(["workers"])).await;
    assert!(is_in(&handle, "api", State::Run));
    handle.stop("worker-1").await.unwrap();
    settle().await;
    assert!(is_in(&handle, "api", State::Idle));
    assert_eq!(
        handle.why("api").unwrap().to_string(),
        "api in Idle: waits for worker-1 entering Run; worker-1 in Exit (operator)"
    );
    handle.start("worker-1").await.unwrap();
    settle().await;
    assert!(is_in(&handle, "api", State::Run));
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f11_any_gate_on_a_family_means_one_of_its_members() {
    let handle = daemon(2, |api| api.watch(When::any(Action::Entering, State::Run, ["workers"]))).await;
    handle.stop("worker-0").await.unwrap();
    handle.restart("api").await.unwrap();
    settle().await;
    assert!(is_in(&handle, "api", State::Run));
    handle.stop("worker-1").await.unwrap();
    handle.restart("api").await.unwrap();
    settle().await;
    assert!(is_in(&handle, "api", State::Idle));
    assert!(handle.why("api").unwrap().to_string().contains("waits for workers entering Run"));
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f12_empty_family_satisfies_all_and_never_any() {
    let handle = daemon(0, |api| api.needs(["workers"])).await;
    assert!(is_in(&handle, "api", State::Run));
    assert!(stop(&handle).await.is_ok());
    let handle = daemon(0, |api| api.watch(When::any(Action::Entering, State::Run, ["workers"]))).await;
    let why = handle.why("api").unwrap();
    assert_eq!(why.to_string(), "api in Idle: waits for workers entering Run, workers has no members");
    assert_eq!(why.services()[0].waits_for[0].empty_families, ["workers"]);
    // The first member opens the gate.
    handle.scale("workers", 1).await.unwrap();
    settle().await;
    assert!(is_in(&handle, "api", State::Run));
    assert!(stop(&handle).await.is_ok());
}

/// A family whose members are in Run after so many seconds.
fn slow(count: usize) -> Family {
    let worker = |_| {
        let options = rxd::Options::DEFAULT.delay_of(State::Run, 10 * SECOND);
        service("worker").options(options)
    };
    Family::new("workers", (0..count).map(worker)).made_by(worker)
}

#[tokio::test(start_paused = true)]
async fn f13_new_member_closes_an_all_gate_and_takes_no_service_out_of_run() {
    let api = service("api").needs(["workers"]);
    let handle = Daemon::new("d").signals([]).family(slow(1)).add(api).start().await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    handle.scale("workers", 2).await.unwrap();
    settle().await;
    assert!(is_in(&handle, "api", State::Run), "a new member is no reason to leave Run");
    handle.restart("api").await.unwrap();
    settle().await;
    assert!(is_in(&handle, "api", State::Idle), "it waits for the new member");
    assert!(handle.why("api").unwrap().to_string().contains("waits for worker-1 entering Run"));
    handle.wait_for("api", State::Run).await.unwrap();
    assert!(is_in(&handle, "worker-1", State::Run));
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f14_member_that_is_removed_opens_a_gate_that_waits_for_it() {
    let api = service("api").needs(["workers"]);
    let handle = Daemon::new("d").signals([]).family(slow(1)).add(api).start().await.unwrap();
    handle.wait_for("worker-0", State::Run).await.unwrap();
    handle.scale("workers", 2).await.unwrap();
    handle.restart("api").await.unwrap();
    settle().await;
    assert!(is_in(&handle, "api", State::Idle));
    handle.scale("workers", 1).await.unwrap();
    settle().await;
    assert!(is_in(&handle, "api", State::Run));
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f15_reactions_are_about_members_and_not_about_those_that_are_removed() {
    let left = || When::any(Action::Exited, State::Run, ["workers"]).then(Effect::Stop);
    let handle = daemon(3, |api| api.watch(left())).await;
    let incarnation = |handle: &rxd::DaemonHandle| handle.states()["api"].incarnation;
    handle.scale("workers", 1).await.unwrap();
    settle().await;
    assert_eq!(incarnation(&handle), 1, "a removal is no reason to stop");
    handle.restart("worker-0").await.unwrap();
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(incarnation(&handle), 2);
    // Those that come later count as well.
    handle.scale("workers", 2).await.unwrap();
    settle().await;
    tokio::time::sleep(60 * SECOND).await;
    let before = incarnation(&handle);
    handle.restart("worker-1").await.unwrap();
    settle().await;
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(incarnation(&handle), before + 1);
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f16_reaction_to_all_of_a_family_counts_those_that_come_and_go() {
    let all_run = When::all(Action::Entering, State::Run, ["workers"]).then(Effect::Stop);
    // `idle` members never run: they wait for `db`, which an operator has stopped.
    let worker = |_| service("worker").needs(["db"]);
    let family = Family::new("workers", (0..2).map(worker)).made_by(worker);
    let daemon = Daemon::new("d").signals([]).add(service("db")).family(family).add(service("api").watch(all_run));
    let handle = daemon.start().await.unwrap();
    handle.stop("worker-1").await.unwrap();
    tokio::time::sleep(60 * SECOND).await;
    let before = handle.states()["api"].incarnation;
    // The one that keeps the condition from being true goes: the condition holds, and no reaction acts.
    handle.scale("workers", 1).await.unwrap();
    settle().await;
    assert_eq!(handle.states()["api"].incarnation, before);
    handle.restart("worker-0").await.unwrap();
    settle().await;
    assert_eq!(handle.states()["api"].incarnation, before + 1, "it has come true again");
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f17_condition_that_lasts_counts_from_when_a_member_joins() {
    let some_down = When::any(Action::NotIn, State::Run, ["workers"]).then(Effect::Stop).lasts(4 * SECOND);
    let api = service("api").watch(some_down);
    let handle = Daemon::new("d").signals([]).family(slow(1)).add(api).start().await.unwrap();
    handle.wait_for("worker-0", State::Run).await.unwrap();
    tokio::time::sleep(60 * SECOND).await;
    let before = handle.states()["api"].incarnation;
    handle.scale("workers", 2).await.unwrap();
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(handle.states()["api"].incarnation, before);
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(handle.states()["api"].incarnation, before + 1);
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f18_member_that_fails_for_good_ends_those_that_need_the_family() {
    let failing = |index| {
        let service = Service::from_fn("worker", move |cx: Context| async move {
            if index == 1 {
                return Err("no disk".into());
            }
            cx.cancelled().await;
            Ok(())
        });
        service.options(rxd::Options::DEFAULT.restarts(1, 60 * SECOND))
    };
    let family = Family::new("workers", (0..1).map(failing)).made_by(failing);
    let daemon = Daemon::new("d").signals([]).family(family).add(service("api").needs(["workers"])).add(service("x"));
    let handle = daemon.start().await.unwrap();
    handle.wait_for("api", State::Run).await.unwrap();
    handle.scale("workers", 2).await.unwrap();
    tokio::time::sleep(60 * SECOND).await;
    assert!(is_in(&handle, "api", State::Exit) && is_in(&handle, "x", State::Run));
    let _ = stop(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn f21_reaction_to_all_of_a_family_does_not_act_before_its_members_are_there() {
    let all_ended = When::all(Action::Entering, State::Exit, ["workers"]).then(Effect::Exit);
    let handle = daemon(2, |api| api.watch(all_ended)).await;
    assert!(is_in(&handle, "api", State::Run));
    handle.stop("worker-0").await.unwrap();
    settle().await;
    assert!(is_in(&handle, "api", State::Run));
    handle.stop("worker-1").await.unwrap();
    settle().await;
    assert!(is_in(&handle, "api", State::Exit));
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f19_added_service_can_need_a_family() {
    let handle = daemon(1, |api| api).await;
    handle.add(service("late").needs(["workers"])).await.unwrap();
    handle.wait_for("late", State::Run).await.unwrap();
    handle.scale("workers", 2).await.unwrap();
    handle.stop("worker-1").await.unwrap();
    settle().await;
    // It has not been in Run, so `late` has not lost it.
    handle.start("worker-1").await.unwrap();
    handle.wait_for("worker-1", State::Run).await.unwrap();
    handle.stop("worker-1").await.unwrap();
    settle().await;
    assert!(is_in(&handle, "late", State::Idle));
    handle.remove("late").await.unwrap();
    handle.scale("workers", 3).await.unwrap();
    assert!(stop(&handle).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn f20_family_can_need_another_family() {
    let job = |_| service("job").needs(["workers"]);
    let jobs = Family::new("jobs", (0..2).map(job)).made_by(job);
    let handle = Daemon::new("d").signals([]).family(jobs).family(workers(2)).start().await.unwrap();
    handle.wait_for("job-1", State::Run).await.unwrap();
    handle.scale("workers", 3).await.unwrap();
    handle.scale("jobs", 3).await.unwrap();
    handle.wait_for("job-2", State::Run).await.unwrap();
    assert!(stop(&handle).await.is_ok());
    let history = handle.history();
    let ended = |name: &str| history.iter().filter(|event| event.is_in(State::Exit) && event.name == name).count();
    assert_eq!(ended("job-2") + ended("worker-2"), 2);
    let last_job = history.iter().rposition(|event| event.is_in(State::Exit) && event.name.starts_with("job"));
    let first_worker = history.iter().position(|event| event.is_in(State::Stop) && event.name.starts_with("worker"));
    assert!(last_job < first_worker, "jobs stop before workers");
}
