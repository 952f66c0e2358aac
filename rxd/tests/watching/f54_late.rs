//! F54: a watch that is made after the event. G37: a wait returns at once, or says why it never
//! will.

use crate::common::{Restarting, end, fake, service, start};
use rxd::testing::Behavior;
use rxd::{Action, Cause, Filter, State, StateEvent, Transition, WatchEnded};

#[tokio::test(start_paused = true)]
async fn f54_watch_made_after_the_event_is_met_at_once() {
    let (_log, a) = fake(&[State::Run]);
    let handle = start([service("a", a)]).await;
    handle.wait_for("a", State::Run).await.unwrap();
    let mut watch = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
    assert!(watch.is_met());
    let event = watch.next().await.unwrap();
    assert_eq!((event.seq, event.times), (5, 1));
    let a = &event.services[0];
    assert_eq!((&*a.name, a.state, a.transition, a.cause), ("a", State::Run, Transition::Entering, Cause::Normal));
    assert_eq!((a.incarnation, a.restarts, a.seq), (1, 0, 5));
    let mut states = handle.watch_states(Filter::None).unwrap();
    let Some(StateEvent::Snapshot(states)) = states.next().await else { panic!("first a snapshot") };
    assert!(states["a"].is_in(State::Run));
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn snapshot_is_of_the_instant_at_which_the_stream_was_made() {
    let handle = start([service("a", Restarting(0))]).await;
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
async fn g37_wait_for_an_unreachable_state_returns_why() {
    let (_log, b) = fake(&[State::Run]);
    let handle = start([service("a", Restarting(0)), service("b", b)]).await;
    handle.wait_for(["a", "b"], State::Run).await.unwrap();
    let mut waiting = handle.watch_any(Action::Entering, State::Idle, "a").unwrap();
    handle.stop("a").await.unwrap();
    let exited = WatchEnded::Exited(vec![("a".into(), Cause::Operator)]);
    assert_eq!(waiting.wait().await.unwrap_err(), exited, "a watch that waited");
    assert_eq!(waiting.wait().await.unwrap_err(), exited, "it stays ended");
    let mut late = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
    assert_eq!(late.wait().await.unwrap_err(), exited, "a watch made later");
    let mut all = handle.watch_all(Action::Entering, State::Run, ["a", "b"]).unwrap();
    assert_eq!(all.wait().await.unwrap_err(), exited, "`all` needs each target");
    let mut any = handle.watch_any(Action::Entering, State::Run, ["a", "b"]).unwrap();
    assert!(any.wait().await.is_ok(), "one target is left");
    let mut gone = handle.watch_any(Action::NotIn, State::Run, "a").unwrap();
    assert!(gone.wait().await.is_ok(), "a watch on a condition that holds for good fires once");
    assert_eq!(gone.wait().await.unwrap_err(), exited, "and the watch ends then");
    end(&handle).await;
    assert_eq!(
        any.wait().await.unwrap_err().to_string(),
        "service `a` has exited (operator), service `b` has exited (shutdown)"
    );
}

#[tokio::test(start_paused = true)]
async fn wait_for_a_service_started_again_succeeds() {
    let handle = start([service("a", Restarting(0)), service("b", Restarting(0))]).await;
    handle.wait_for(["a", "b"], State::Run).await.unwrap();
    handle.stop("a").await.unwrap();
    assert!(handle.wait_for("a", State::Run).await.is_err());
    let mut changes = handle.watch_states(Filter::include(["a"])).unwrap();
    handle.start("a").await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    let Some(StateEvent::Snapshot(states)) = changes.next().await else { panic!("first a snapshot") };
    assert!(states["a"].is_in(State::Exit));
    let Some(StateEvent::Changed(state)) = changes.next().await else { panic!("the stream continues after Exit") };
    assert!(state.is_in(State::Init));
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn watch_ended_does_not_name_a_service_started_again() {
    let handle = start([service("a", Restarting(0)), service("b", Restarting(0)), service("c", Restarting(0))]).await;
    handle.wait_for(["a", "b", "c"], State::Run).await.unwrap();
    handle.stop("a").await.unwrap();
    handle.start("a").await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    let mut all = handle.watch_all(Action::Entering, State::Stop, ["a", "b"]).unwrap();
    handle.stop("b").await.unwrap();
    assert_eq!(all.wait().await.unwrap_err(), WatchEnded::Exited(vec![("b".into(), Cause::Operator)]));
    // If it was started again after the watch had ended, it is still the only reason.
    let mut one = handle.watch_any(Action::Entering, State::Stop, "c").unwrap();
    handle.stop("c").await.unwrap();
    assert_eq!(one.next().await.map(|event| event.times), Some(1));
    handle.start("c").await.unwrap();
    handle.wait_for("c", State::Run).await.unwrap();
    assert_eq!(one.wait().await.unwrap_err(), WatchEnded::Exited(vec![("c".into(), Cause::Operator)]));
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn watch_on_unknown_after_a_new_start_ends_with_state_passed() {
    let handle = start([service("a", Restarting(0)), service("b", Restarting(0))]).await;
    handle.wait_for(["a", "b"], State::Run).await.unwrap();
    let mut before = handle.watch_any(Action::Exited, State::Unknown, "a").unwrap();
    assert_eq!(before.next().await.map(|event| event.times), Some(1));
    handle.stop("a").await.unwrap();
    handle.start("a").await.unwrap();
    handle.wait_for("a", State::Run).await.unwrap();
    assert_eq!(before.wait().await.unwrap_err(), WatchEnded::StatePassed);
    let mut after = handle.watch_any(Action::Entering, State::Unknown, "a").unwrap();
    assert_eq!(after.wait().await.unwrap_err(), WatchEnded::StatePassed);
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn watch_all_is_met_only_at_one_instant() {
    let (a_log, a) = fake(&[State::Run, State::Stop]);
    let (b_log, b) = fake(&[State::Run, State::Stop]);
    let handle = start([service("a", a), service("b", b)]).await;
    handle.wait_for(["a", "b"], State::Run).await.unwrap();
    let mut both = handle.watch_all(Action::Entering, State::Run, ["a", "b"]).unwrap();
    both.next().await.unwrap();
    // First `a` is out of Run, then `b`: each is back in Run only when the other has left it.
    a_log.set_behavior("a", Behavior::Ok);
    handle.wait_for("a", State::Stop).await.unwrap();
    b_log.set_behavior("b", Behavior::Ok);
    handle.wait_for("b", State::Stop).await.unwrap();
    a_log.set_behavior("a", Behavior::Ok);
    handle.wait_for("a", State::Run).await.unwrap();
    a_log.set_behavior("a", Behavior::Ok);
    handle.wait_for("a", State::Stop).await.unwrap();
    b_log.set_behavior("b", Behavior::Ok);
    handle.wait_for("b", State::Run).await.unwrap();
    assert!(!both.is_met());
    a_log.set_behavior("a", Behavior::Ok);
    let event = both.next().await.unwrap();
    assert_eq!(event.times, 1, "each was in Run in between, but never both at once");
    assert!(event.services.iter().all(|service| service.is_in(State::Run)));
    handle.shutdown();
    handle.wait_for(["a", "b"], State::Stop).await.unwrap();
    a_log.set_behavior("a", Behavior::Ok);
    b_log.set_behavior("b", Behavior::Ok);
    assert!(handle.wait().await.is_ok());
}
