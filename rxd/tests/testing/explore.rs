//! Every order in which a few services may move.

use crate::agent::{harness, panic_of};
use rxd::testing::{Behavior, Choice, Explorer, FakeService, Harness};
use rxd::{Action, Daemon, Service, State::*, When};

/// `api` over `db`, joined by this.
fn two(join: impl Fn(Service) -> Service) -> Harness {
    let plain = |name: &'static str| Service::new(name, FakeService::new());
    Harness::new(Daemon::new("d").add(plain("db")).add(join(plain("api"))))
}

fn words(choices: &[Choice]) -> Vec<String> {
    choices.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_broken_is_shown_by_the_shortest_way_to_it() {
    // It waits for `db`, and never looks again.
    let gate = || two(|api| api.watch(When::any(Action::Entering, Run, ["db"])));
    let explored = Explorer::new(gate, ["db", "api"])
        .never("api is in Run while db is not", |at| at.is_in("api", Run) && !at.is_in("db", Run))
        .run();
    let broken = explored.broken.as_ref().expect("db may leave");
    // Two methods of each, and then one of `db`'s that ends: there is no shorter way, and no step too many.
    assert_eq!(broken.choices.len(), 5, "{broken}");
    assert_eq!(words(&broken.choices)[4], "run of `db`: Ok");
    assert_eq!(broken.trace.steps.last().unwrap().to_string().split(' ').skip(1).collect::<Vec<_>>(), ["db", "run-"]);
    let said = panic_of(|| explored.assert());
    assert!(said.starts_with("api is in Run while db is not, after 5 choices:\n   1. init of `db`: Ok\n"), "{said}");
    assert!(said.ends_with("run-   run"), "the timeline: {said}");
}

#[test]
fn with_needs_it_is_so_for_an_instant_only() {
    let needs = || two(|api| api.needs(["db"]));
    let wrong = |at: &rxd::testing::StatesAt<'_>| at.is_in("api", Run) && !at.is_in("db", Run);
    // `db` goes first, and `api` is held in Run though it was told.
    let broken = Explorer::new(needs, ["db", "api"]).never("api without db", wrong).run().broken;
    assert_eq!(broken.expect("api leaves after db").choices.len(), 5);
    let of = |explorer: Explorer<'_>| panic_of(|| explorer.run().assert());
    let held = of(Explorer::new(needs, ["db", "api"]).never_when_settled("api without db", wrong));
    assert!(held.contains("\nhelp: `api` has been told to leave run, and is held there"), "{held}");
    let instant = of(Explorer::new(needs, ["db"]).never("api without db", wrong));
    assert!(instant.contains("\nhelp: it is so for an instant, "), "{instant}");
    // Only `db` may take its time: once nobody has anything to do, `api` has gone too.
    let explored = Explorer::new(needs, ["db"]).never_when_settled("api without db", wrong).steps(8).run();
    explored.assert();
    assert!(explored.complete && explored.points > 10, "{explored:?}");
}

#[test]
fn each_point_is_looked_at_once_and_all_of_them() {
    let alone = || {
        Harness::new(Daemon::new("d").add(Service::new("a", FakeService::new()).manager(rxd::manager::until_success)))
    };
    let explored = Explorer::new(alone, ["a"]).outcomes([Behavior::Ok]).steps(20).run();
    explored.assert();
    assert!(explored.complete, "{explored:?}");
    let bounded = Explorer::new(alone, ["a"]).outcomes([Behavior::Ok]).steps(2).run();
    assert!(!bounded.complete && bounded.points < explored.points);
    assert!(!Explorer::new(alone, ["a"]).runs(3).run().complete);
}

#[test]
fn what_rxd_promises_is_looked_for_too() {
    // The declared daemon, its gates, its back-off and its restart limit: the judge has nothing to say.
    let explored = Explorer::new(harness, ["db", "migrate"]).outcomes([Behavior::Ok, Behavior::Panic]).steps(6).run();
    explored.assert();
    assert!(explored.points > 50, "{explored:?}");
}

#[test]
fn time_and_a_shutdown_are_choices() {
    let needs = || two(|api| api.needs(["db"]));
    // Nobody returns: the limit of `init`'s end is over, and then that of `stop`.
    let explored = Explorer::new(needs, ["db"]).outcomes([]).never("db ends", |at| at.is_in("db", Exit)).run();
    let broken = explored.broken.unwrap();
    assert_eq!(words(&broken.choices), ["the daemon is asked to stop", "time passes", "time passes"], "{broken}");
}
