//! F50: a watcher is dropped at each await. G36: no other watcher is affected.

use crate::common::{end, fake, service, start};
use rxd::testing::Behavior;
use rxd::{Action, Filter, State, StateEvent};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

#[tokio::test(start_paused = true)]
async fn f50_g36_wait_dropped_after_any_poll_leaves_its_twin_unaffected() {
    let (log, a) = fake(&[State::Run]);
    let handle = start([service("a", a)]).await;
    handle.wait_for("a", State::Run).await.unwrap();
    let mut twin = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
    assert_eq!(twin.next().await.unwrap().times, 1);
    for polls in 0..5 {
        let mut dropped = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
        let mut kept = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
        kept.next().await.unwrap();
        {
            // A future that is dropped while pending has taken nothing.
            let mut next = pin!(dropped.next());
            let _ = next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            let mut next = pin!(kept.next());
            for _ in 0..polls {
                assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
        }
        drop(dropped);
        log.set_behavior("a", Behavior::Ok);
        assert_eq!(kept.next().await.unwrap().times, 1, "after {polls} polls");
        assert_eq!(twin.next().await.unwrap().times, 1, "after {polls} polls");
    }
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn f50_g36_waiting_task_aborted_leaves_other_watches_unaffected() {
    let (log, a) = fake(&[State::Run]);
    let handle = start([service("a", a)]).await;
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
    log.set_behavior("a", Behavior::Ok);
    assert!(twin.next().await.is_some());
    end(&handle).await;
}

#[tokio::test(start_paused = true)]
async fn f50_stream_item_dropped_while_pending_is_not_lost() {
    let (log, a) = fake(&[State::Run]);
    let handle = start([service("a", a)]).await;
    handle.wait_for("a", State::Run).await.unwrap();
    let mut stream = handle.watch_states(Filter::include(["a"])).unwrap();
    assert!(matches!(stream.next().await, Some(StateEvent::Snapshot(_))));
    {
        let mut next = pin!(stream.next());
        assert!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    log.set_behavior("a", Behavior::Ok);
    let Some(StateEvent::Changed(state)) = stream.next().await else { panic!("the next transition") };
    assert_eq!((state.state, state.seq), (State::Run, 6));
    end(&handle).await;
}
