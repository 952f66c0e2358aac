//! F56: the task of a subscriber panics, or its waker does.

use crate::common::{Restarting, end, fake, service, start};
use rxd::testing::Behavior;
use rxd::{Action, State};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

#[tokio::test(start_paused = true)]
async fn f56_task_that_panics_is_unsubscribed_and_others_run() {
    let (log, a) = fake(&[State::Run]);
    let handle = start([service("a", a)]).await;
    handle.wait_for("a", State::Run).await.unwrap();
    let mut first = handle.watch_any(Action::Exited, State::Run, "a").unwrap();
    let mut second = handle.watch_any(Action::Exited, State::Run, "a").unwrap();
    let panics = tokio::spawn(async move {
        first.next().await;
        panic!("while it watches");
    });
    tokio::task::yield_now().await;
    log.set_behavior("a", Behavior::Ok);
    assert!(panics.await.unwrap_err().is_panic());
    assert_eq!(second.next().await.unwrap().times, 1);
    handle.wait_for("a", State::Run).await.unwrap();
    log.set_behavior("a", Behavior::Ok);
    assert_eq!(second.next().await.unwrap().times, 1);
    end(&handle).await;
}

struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("in a waker");
    }
}

#[tokio::test(start_paused = true)]
async fn f56_waker_that_panics_does_not_affect_the_service() {
    use futures_core::Stream;
    let handle = start([service("a", Restarting(0))]).await;
    let waker = Waker::from(Arc::new(Panics));
    let mut bad = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
    assert!(Pin::new(&mut bad).poll_next(&mut Context::from_waker(&waker)).is_pending());
    let mut next = handle.watch_any(Action::Entering, State::Run, "a").unwrap();
    assert!(next.next().await.is_some(), "the watches after it are woken");
    assert_eq!(handle.states()["a"].restarts, 0, "the service is not affected");
    assert!(bad.next().await.is_some());
    assert!(Pin::new(&mut bad).poll_next(&mut Context::from_waker(&waker)).is_pending());
    end(&handle).await;
}
