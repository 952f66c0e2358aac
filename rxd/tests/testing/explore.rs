//! The explorer.

use crate::agent::{harness, panic_of};
use rxd::testing::{Behavior, Choice, Explorer, FakeService, Harness};
use rxd::{Action, Backoff, Daemon, Options, Service, State::*, When};
use std::time::Duration;

/// `db` and `api`, which `join` makes depend on it.
fn two(join: impl Fn(Service) -> Service) -> Harness {
    let plain = |name: &'static str| Service::new(name, FakeService::new());
    Harness::new(Daemon::new("d").add(plain("db")).add(join(plain("api"))))
}

fn texts(choices: &[Choice]) -> Vec<String> {
    choices.iter().map(ToString::to_string).collect()
}

#[test]
fn explorer_shows_the_shortest_counterexample() {
    // `api` waits for `db`, and has no reaction to its leaving Run.
    let gate = || two(|api| api.watch(When::any(Action::Entering, Run, ["db"])));
    let explored = Explorer::new(gate, ["db", "api"])
        .never("api is in Run while db is not", |at| at.is_in("api", Run) && !at.is_in("db", Run))
        .run();
    let found = explored.counterexample.as_ref().expect("db may leave Run");
    // Two methods of each service end, and then `run` of `db`. No shorter sequence exists.
    assert_eq!(found.choices.len(), 5, "{found}");
    assert_eq!(texts(&found.choices)[4], "run of `db`: Ok");
    assert_eq!(found.trace.steps.last().unwrap().to_string().split(' ').skip(1).collect::<Vec<_>>(), ["db", "run-"]);
    let message = panic_of(|| explored.assert());
    assert!(
        message.starts_with("api is in Run while db is not, after 5 choices:\n   1. init of `db`: Ok\n"),
        "{message}"
    );
    assert!(message.ends_with("run-   run"), "the timeline: {message}");
}

#[test]
fn explorer_with_never_when_settled_allows_for_needs() {
    let needs = || two(|api| api.needs(["db"]));
    let api_without_db = |at: &rxd::testing::StatesAt<'_>| at.is_in("api", Run) && !at.is_in("db", Run);
    // `db` leaves Run first. `api` is cancelled, but stays in Run since it is explored.
    let found = Explorer::new(needs, ["db", "api"]).never("api without db", api_without_db).run().counterexample;
    assert_eq!(found.expect("api leaves after db").choices.len(), 5);
    let message_of = |explorer: Explorer<'_>| panic_of(|| explorer.run().assert());
    let pending = message_of(Explorer::new(needs, ["db", "api"]).never_when_settled("api without db", api_without_db));
    assert!(pending.contains("\nhelp: `api` is cancelled, but its run stays until the explorer ends it"), "{pending}");
    let instant = message_of(Explorer::new(needs, ["db"]).never("api without db", api_without_db));
    assert!(instant.contains("\nhelp: the condition holds only for an instant, "), "{instant}");
    // Only `db` is explored: `api` leaves Run at the same instant.
    let explored = Explorer::new(needs, ["db"]).never_when_settled("api without db", api_without_db).steps(8).run();
    explored.assert();
    assert!(explored.complete && explored.points > 10, "{explored:?}");
}

#[test]
fn explorer_looks_at_each_point_once() {
    let one_service = || {
        Harness::new(Daemon::new("d").add(Service::new("a", FakeService::new()).manager(rxd::manager::until_success)))
    };
    let explored = Explorer::new(one_service, ["a"]).outcomes([Behavior::Ok]).steps(20).run();
    explored.assert();
    assert!(explored.complete, "{explored:?}");
    let bounded = Explorer::new(one_service, ["a"]).outcomes([Behavior::Ok]).steps(2).run();
    assert!(!bounded.complete && bounded.points < explored.points);
    assert!(!Explorer::new(one_service, ["a"]).runs(3).run().complete);
}

#[test]
fn explorer_checks_the_guarantees_too() {
    // The declared daemon with its gates, its back-off and its restart limit breaks no guarantee.
    let explored = Explorer::new(harness, ["db", "migrate"]).outcomes([Behavior::Ok, Behavior::Panic]).steps(6).run();
    explored.assert();
    assert!(explored.points > 50, "{explored:?}");
}

#[test]
fn explorer_chooses_time_and_shutdown_too() {
    let needs = || two(|api| api.needs(["db"]));
    // No method returns: the limit of `init` ends first, and then that of `stop`.
    let explored = Explorer::new(needs, ["db"]).outcomes([]).never("db ends", |at| at.is_in("db", Exit)).run();
    let found = explored.counterexample.unwrap();
    assert_eq!(texts(&found.choices), ["the daemon is asked to stop", "time passes", "time passes"], "{found}");
}

/// The same states at another time of the drain are another point.
#[test]
fn explorer_tells_points_of_a_drain_apart() {
    let points = |drain: u64| {
        let options = Options::DEFAULT.backoff(Backoff::fixed(Duration::from_secs(1)).jitter(0.0));
        let harness = move || {
            let db = Service::new("db", FakeService::new()).options(options);
            Harness::new(Daemon::new("agent").drain(Duration::from_secs(drain)).add(db))
        };
        let explored = Explorer::new(harness, ["db"]).outcomes([Behavior::Ok, Behavior::Fail]).steps(7).run();
        explored.assert();
        explored.points
    };
    // `db` fails and restarts while the daemon drains: more often in a longer drain.
    let points = [0, 2, 5].map(points);
    assert!(points.is_sorted_by(|a, b| a < b), "{points:?}");
}

#[test]
fn u12_explorer_that_reaches_its_bound_before_a_condition_is_tested_fails() {
    // `api` is in Run after five steps, so three do not show that it leaves after `db`.
    let gate = || two(|api| api.watch(When::any(Action::Entering, Run, ["db"])));
    let explorer = |steps| {
        Explorer::new(gate, ["db", "api"])
            .never("api is in Run while db is in Exit", |at| at.is_in("api", Run) && at.is_in("db", Exit))
            .steps(steps)
    };
    let message = panic_of(|| explorer(3).run().assert());
    assert_eq!(
        message,
        "the search has reached its bound (3 steps or 20000 runs) before it could test this:\n  \
         api is in Run while db is in Exit: no point was reached at which `api` was in run\n\
         help: set a higher bound by `.steps(..)` or `.runs(..)`, or call `.bounded()` to allow for it"
    );
    explorer(3).bounded().run().assert();
    // With five, `api` is in Run at some point.
    let explored = explorer(5).run();
    assert!(!explored.complete && explored.counterexample.is_none(), "{explored:?}");
    explored.assert();
}
