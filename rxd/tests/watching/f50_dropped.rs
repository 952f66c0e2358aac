//! F50: a watcher is dropped in mid-flight, at each await. G36: no other is affected.

use crate::common::{brisk, end, fake, start};
use rxd::testing::Behavior;
use rxd::{Action, Filter, State, StateEvent};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

#[tokio::test(start_paused = true)]
async fn a_wait_is_dropped_after_any_number_of_polls_and_its_twin_misses_nothing() {
    let (strings, a) = fake(&[State::Run]);
    let handle = start([brisk("a", a)]).await;
    handle.wait_for("a", State::Run).await.unwrap();
    let mut twin = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
    assert_eq!(twin.next().await.unwrap().times, 1);
    for polls in 0..5 {
        let mut dropped = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
        let mut kept = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
        kept.next().await.unwrap();
        {
            // What was polled and dropped before it was ready has taken nothing.
            let mut next = pin!(dropped.next());
            let _ = next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            let mut next = pin!(kept.next());
            for _ in 0..polls {
                assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
        }
        drop(dropped);
        strings.set_behavior("a", Behavior::Ok);
        assert_eq!(kept.next().await.unwrap().times, 1, "after {polls} polls");
        assert_eq!(twin.next().await.unwrap().times, 1, "after {polls} polls");
    }
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_is_aborted() {
    let (strings, a) = fake(&[State::Run]);
    let handle = start([brisk("a", a)]).await;
    handle.wait_for("a", State::Run).await.unwrap();
    let mut twin = handle.watch_any(Action::Exited, State::Run, "a").unwrap();
    let mut watch = handle.watch_any(Action::Exited, State::Run, "a").unwrap();
    let mut stream = handle.watch_states(Filter::None).unwrap();
    let tasks = [
        tokio::spawn(async move { drop(watch.next().await) }),
        tokio::spawn(async move { while stream.next().await.is_some() {} }),
    ];
    tokio::task::yield_now().await;
    for task in tasks {
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }
    strings.set_behavior("a", Behavior::Ok);
    assert!(twin.next().await.is_some());
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_dropped_in_the_middle_of_an_item_has_taken_nothing() {
    let (strings, a) = fake(&[State::Run]);
    let handle = start([brisk("a", a)]).await;
    handle.wait_for("a", State::Run).await.unwrap();
    let mut stream = handle.watch_states(Filter::include(["a"])).unwrap();
    assert!(matches!(stream.next().await, Some(StateEvent::Snapshot(_))));
    {
        let mut next = pin!(stream.next());
        assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    strings.set_behavior("a", Behavior::Ok);
    let Some(StateEvent::Changed(state)) = stream.next().await else { panic!("it is the next") };
    assert_eq!((state.state, state.seq), (State::Run, 6));
    end(&handle).await;
}
