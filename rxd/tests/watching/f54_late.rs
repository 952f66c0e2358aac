//! F54: whoever comes after the event. G37: a wait returns at once, or says why it never will.

use crate::common::{Spinner, brisk, end, fake, start};
use rxd::testing::Behavior;
use rxd::{Action, Cause, Filter, State, StateEvent, Transition, WatchEnded};

#[tokio::test(start_paused = true)]
async fn f54_what_holds_is_met_at_once_and_the_snapshot_shows_it() {
    let (_strings, a) = fake(&[State::Run]);
    let handle = start([brisk("a", a)]).await;
    handle.wait_for("a", State::Run).await.unwrap();
    let mut watch = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
    assert!(watch.is_met());
    let met = watch.next().await.unwrap();
    assert_eq!((met.seq, met.times), (5, 1));
    let a = &met.services[0];
    assert_eq!((&*a.name, a.state, a.transition, a.cause), ("a", State::Run, Transition::Entering, Cause::Normal));
    assert_eq!((a.incarnation, a.restarts, a.seq), (1, 0, 5));
    let mut states = handle.watch_states(Filter::None).unwrap();
    let Some(StateEvent::Snapshot(states)) = states.next().await else { panic!("first a snapshot") };
    assert!(states["a"].is_in(State::Run));
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn the_snapshot_is_of_when_the_stream_was_made_and_nothing_after_it_is_left_out() {
    let handle = start([brisk("a", Spinner(0))]).await;
    let mut stream = handle.watch_states(Filter::None).unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    let Some(StateEvent::Snapshot(states)) = stream.next().await else { panic!("first a snapshot") };
    assert_eq!((states.seq(), states["a"].state), (0, State::Unknown));
    for seq in 1..=5 {
        let Some(StateEvent::Changed(state)) = stream.next().await else { panic!("then each transition") };
        assert_eq!(state.seq, seq);
    }
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn g37_a_wait_for_what_will_not_be_says_never() {
    let (_strings, b) = fake(&[State::Run]);
    let handle = start([brisk("a", Spinner(0)), brisk("b", b)]).await;
    handle.wait_for(["a", "b"], State::Run).await.unwrap();
    let mut waiting = handle.watch_any(Action::Entering, State::Idle, "a").unwrap();
    handle.stop("a").await.unwrap();
    let exited = WatchEnded::Exited(vec![("a".into(), Cause::Operator)]);
    assert_eq!(waiting.wait().await.unwrap_err(), exited, "one that waited");
    assert_eq!(waiting.wait().await.unwrap_err(), exited, "and it stays so");
    let mut late = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
    assert_eq!(late.wait().await.unwrap_err(), exited, "one that comes later");
    let mut all = handle.watch_all(Action::Entering, State::Run, ["a", "b"]).unwrap();
    assert_eq!(all.wait().await.unwrap_err(), exited, "all of them needs each");
    let mut any = handle.watch_any(Action::Entering, State::Run, ["a", "b"]).unwrap();
    assert!(any.wait().await.is_ok(), "one is left");
    let mut gone = handle.watch_any(Action::NotIn, State::Run, "a").unwrap();
    assert!(gone.wait().await.is_ok(), "what holds for ever is met once");
    assert_eq!(gone.wait().await.unwrap_err(), exited, "and then no more");
    end(&handle).await;
    assert_eq!(
        any.wait().await.unwrap_err().to_string(),
        "service `a` has exited (operator), service `b` has exited (shutdown)"
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_started_again_can_be_waited_for() {
    let handle = start([brisk("a", Spinner(0)), brisk("b", Spinner(0))]).await;
    handle.wait_for(["a", "b"], State::Run).await.unwrap();
    handle.stop("a").await.unwrap();
    assert!(handle.wait_for("a", State::Run).await.is_err());
    let mut changes = handle.watch_states(Filter::include(["a"])).unwrap();
    handle.start("a").await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    let Some(StateEvent::Snapshot(states)) = changes.next().await else { panic!("first a snapshot") };
    assert!(states["a"].is_in(State::Exit));
    let Some(StateEvent::Changed(state)) = changes.next().await else { panic!("a stream outlives a life") };
    assert!(state.is_in(State::Init));
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn who_was_started_again_is_not_why_a_wait_ends() {
    let handle = start([brisk("a", Spinner(0)), brisk("b", Spinner(0)), brisk("c", Spinner(0))]).await;
    handle.wait_for(["a", "b", "c"], State::Run).await.unwrap();
    handle.stop("a").await.unwrap();
    handle.start("a").await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    let mut all = handle.watch_all(Action::Entering, State::Stop, ["a", "b"]).unwrap();
    handle.stop("b").await.unwrap();
    assert_eq!(all.wait().await.unwrap_err(), WatchEnded::Exited(vec![("b".into(), Cause::Operator)]));
    // Unless that was after the wait had ended: then there is no other reason.
    let mut one = handle.watch_any(Action::Entering, State::Stop, "c").unwrap();
    handle.stop("c").await.unwrap();
    assert_eq!(one.next().await.map(|met| met.times), Some(1));
    handle.start("c").await.unwrap();
    handle.wait_for("c", State::Run).await.unwrap();
    assert_eq!(one.wait().await.unwrap_err(), WatchEnded::Exited(vec![("c".into(), Cause::Operator)]));
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn unknown_is_past_also_for_who_exited_and_was_started_again() {
    let handle = start([brisk("a", Spinner(0)), brisk("b", Spinner(0))]).await;
    handle.wait_for(["a", "b"], State::Run).await.unwrap();
    let mut before = handle.watch_any(Action::Exited, State::Unknown, "a").unwrap();
    assert_eq!(before.next().await.map(|met| met.times), Some(1));
    handle.stop("a").await.unwrap();
    handle.start("a").await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    assert_eq!(before.wait().await.unwrap_err(), WatchEnded::StatePassed);
    let mut after = handle.watch_any(Action::Entering, State::Unknown, "a").unwrap();
    assert_eq!(after.wait().await.unwrap_err(), WatchEnded::StatePassed);
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn all_is_about_one_instant() {
    let (a_strings, a) = fake(&[State::Run, State::Stop]);
    let (b_strings, b) = fake(&[State::Run, State::Stop]);
    let handle = start([brisk("a", a), brisk("b", b)]).await;
    handle.wait_for(["a", "b"], State::Run).await.unwrap();
    let mut both = handle.watch_all(Action::Entering, State::Run, ["a", "b"]).unwrap();
    both.next().await.unwrap();
    // First one is out of Run, then the other: each comes back before the other does.
    a_strings.set_behavior("a", Behavior::Ok);
    handle.wait_for("a", State::Stop).await.unwrap();
    b_strings.set_behavior("b", Behavior::Ok);
    handle.wait_for("b", State::Stop).await.unwrap();
    a_strings.set_behavior("a", Behavior::Ok);
    handle.wait_for("a", State::Run).await.unwrap();
    a_strings.set_behavior("a", Behavior::Ok);
    handle.wait_for("a", State::Stop).await.unwrap();
    b_strings.set_behavior("b", Behavior::Ok);
    handle.wait_for("b", State::Run).await.unwrap();
    assert!(!both.is_met());
    a_strings.set_behavior("a", Behavior::Ok);
    let met = both.next().await.unwrap();
    assert_eq!(met.times, 1, "each was in Run in between, but never both at once");
    assert!(met.services.iter().all(|service| service.is_in(State::Run)));
    handle.shutdown();
    handle.wait_for(["a", "b"], State::Stop).await.unwrap();
    a_strings.set_behavior("a", Behavior::Ok);
    b_strings.set_behavior("b", Behavior::Ok);
    assert!(handle.wait().await.is_ok());
}
