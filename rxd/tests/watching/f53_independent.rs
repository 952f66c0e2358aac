//! F53: watches with the same action and state, on different targets or on the same.

use crate::common::{end, fake, service, start};
use rxd::testing::Behavior;
use rxd::{Action, State};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Whether the watch has no event now.
async fn is_quiet(watch: &mut rxd::Watch) -> bool {
    use futures_core::Stream;
    poll_fn(|task| Poll::Ready(Pin::new(&mut *watch).poll_next(task).is_pending())).await
}

#[tokio::test(start_paused = true)]
async fn f53_watches_with_the_same_condition_are_independent() {
    let (a_log, a) = fake(&[State::Run]);
    let (b_log, b) = fake(&[State::Run]);
    let handle = start([service("a", a), service("b", b)]).await;
    handle.wait_for(["a", "b"], State::Run).await.unwrap();
    let mut on_a = handle.watch_any(Action::Exited, State::Run, "a").unwrap();
    let mut on_b = handle.watch_any(Action::Exited, State::Run, "b").unwrap();
    let mut on_a_too = handle.watch_any(Action::Exited, State::Run, "a").unwrap();
    a_log.set_behavior("a", Behavior::Ok);
    assert_eq!(on_a.next().await.unwrap().services[0].name, "a");
    assert!(is_quiet(&mut on_b).await, "no event of `a`");
    assert_eq!(on_a_too.next().await.unwrap().services[0].name, "a", "its twin has taken nothing");
    drop(on_a);
    b_log.set_behavior("b", Behavior::Ok);
    assert_eq!(on_b.next().await.unwrap().services[0].name, "b", "dropping another watch does not close it");
    a_log.set_behavior("a", Behavior::Ok);
    assert!(on_a_too.next().await.is_some());
    end(&handle).await;
}
